"""Every error that Counterfault raises.

    Exception
    ├── CounterfaultError            ours; the command line turns it into an exit code
    │   ├── UsageError               exit 2: a flag, a config key, an entry that does not import
    │   ├── InputError               a trace file or record that cannot be read: file, record, path, reason
    │   └── StoreError               exit 3: the store is damaged, locked, full or newer than this version
    ├── ToolError                    what a tool call of the agent raises; the agent may catch it
    │   ├── ToolTimeout              also a TimeoutError
    │   └── ToolUnavailable          also a ConnectionError
    └── Escalated                    raised by an agent that hands over to a human
    BaseException
    └── AttemptEnded                 ends the attempt; not for the agent's ``except Exception``
        ├── ConversationOver         no recorded user turn is left
        └── Unanswerable             no rung of the ladder answers the call
"""


class CounterfaultError(Exception):
    """Base of the errors that are ours to report."""


class UsageError(CounterfaultError):
    """A flag, a config key or an entry is wrong; the message says where and the way out."""


class StoreError(CounterfaultError):
    """The store cannot be used as it is."""


class InputError(CounterfaultError):
    """A record of a trace file cannot be used.

    ``file`` is the file's name, ``record`` the 1-based number of the record in it, ``path`` a JSON Pointer into the
    record (empty for the record itself).
    """

    def __init__(self, reason: str, file: str = "", record: int = 0, path: str = "") -> None:
        # All four are arguments of the exception, which is how one travels between processes.
        super().__init__(reason, file, record, path)
        self.reason, self.file, self.record, self.path = reason, file, record, path

    def __str__(self) -> str:
        return f"{self.file}:{self.record}:{self.path or '(record)'}: {self.reason}"


class ToolError(Exception):
    """A tool call failed. ``kind`` is timeout, rate_limited, unavailable, error, malformed or forbidden.

    ``status`` is the HTTP status where one is known, ``retry_after`` the seconds that the service asked for.
    """

    def __init__(
        self, message: str = "", *, kind: str = "error", status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.kind, self.status, self.retry_after = kind, status, retry_after


class ToolTimeout(ToolError, TimeoutError):
    """The tool did not answer within the caller's deadline; whether it acted is not known."""


class ToolUnavailable(ToolError, ConnectionError):
    """The tool could not be reached, or broke off."""


class Escalated(Exception):
    """Raised by an agent to hand the task over to a human."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class AttemptEnded(BaseException):
    """The attempt is over; every later call is refused."""


class ConversationOver(AttemptEnded):
    """The recording holds no further user turn."""


class Unanswerable(AttemptEnded):
    """No recorded, pooled or synthesised answer serves this call."""
