"""The folder of a store and its writer lock: private to the user, invisible to git, one writer at a time."""

import datetime
import fcntl
import os
import socket
from pathlib import Path

from counterfault.core.errors import StoreError

LOCK = "counterfault.lock"


def prepare(folder: Path) -> None:
    """Make the folder of a store, mode 0700 and ignored by git. Raises StoreError where it cannot be one."""
    refuse_link(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.path.lexists(folder / ".gitignore"):
            with open(folder / ".gitignore", "xb", opener=private) as file:
                file.write(b"*\n")
    except OSError as error:
        raise unwritable(folder, error) from None


def refuse_link(path: Path) -> None:
    """Raise StoreError where ``path`` is a symbolic link: what it points to may not be the user's own."""
    if path.is_symlink():
        raise StoreError(f"{path}: a symbolic link, which a store does not follow; name its target with --store")


def private(path: str, flags: int) -> int:
    """An opener for files of mode 0600 that follows no symbolic link."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def unwritable(path: Path, error: OSError) -> StoreError:
    """What to tell a user whose store cannot be written."""
    return StoreError(f"{path}: cannot be written ({error.strerror or error}); choose another store with --store")


class WriterLock:
    """The right to write to a store. The kernel gives it back when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Take the lock. Raises StoreError at once, with who holds it since when, where it is taken."""
        path = folder / LOCK
        try:
            self._file = open(path, "a+", encoding="utf-8", opener=private)  # noqa: SIM115 (held until release)
        except OSError as error:
            raise unwritable(path, error) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read(300).strip()
            self._file.close()
            if not isinstance(error, BlockingIOError):
                raise StoreError(
                    f"{path}: cannot be locked ({error.strerror}); keep the store on a local disk"
                ) from None
            raise StoreError(
                f"{folder}: another Counterfault is writing here ({holder or 'just started'}); wait until it is done, "
                "or stop it; reports can be read meanwhile"
            ) from None
        now = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} on {socket.gethostname()}, since {now}\n")
        self._file.flush()

    def release(self) -> None:
        """Give the lock back."""
        if not self._file.closed:
            self._file.truncate(0)
            self._file.close()
