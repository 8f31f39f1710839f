"""From a function of one dataclass of flags to a command, with its errors turned into exit codes.

0 done, or all gates pass · 1 a gate failed · 2 usage or config · 3 we could not finish or guarantee · 5 nothing
selected · 130 interrupted.
"""

import dataclasses
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand

from counterfault.cli._out import tell
from counterfault.core.errors import CounterfaultError, UsageError

DEBUG = "COUNTERFAULT_DEBUG"


class NothingSelected(CounterfaultError):
    """There is nothing to do: exit 5."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The flags that every command has."""

    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings; else counterfault.toml or pyproject.toml here.")
    ] = None
    store: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar="COUNTERFAULT_STORE",
            show_envvar=False,
            help="Store; else COUNTERFAULT_STORE, or .counterfault/ beside the settings.",
        ),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False


class _Command(TyperCommand):
    """A command whose repeatable options take all values that follow: ``--traces A B`` is ``--traces A --traces B``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        several = {name for option in self.params if getattr(option, "multiple", False) for name in option.opts}
        spread: list[str] = []
        current = ""
        for word in args:
            if word.startswith("-"):
                current = word if word in several else ""
            elif current and spread[-1] != current:
                spread.append(current)
            spread.append(word)
        return super().parse_args(ctx, spread)


def build(function: Callable[[Any], int], name: str, short: str) -> Any:
    """The command that calls ``function`` with its flags and exits with what it gives back."""
    (parameter,) = inspect.signature(function).parameters.values()
    shape = parameter.annotation

    def command(**given: Any) -> None:
        raise typer.Exit(_code(function, shape(**given)))

    command.__doc__ = inspect.getdoc(function)
    hints = get_type_hints(shape, include_extras=True)
    fields = sorted(dataclasses.fields(shape), key=lambda field: field.name in Flags.__dataclass_fields__)
    parameters = [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=_default(field), annotation=hint)
        for field in fields
        for hint in [hints[field.name]]
    ]
    setattr(command, "__signature__", inspect.Signature(parameters))
    command.__annotations__ = {field.name: hints[field.name] for field in fields}
    app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    app.command(name, cls=_Command, short_help=short)(command)
    return typer.main.get_command(app)


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else inspect.Parameter.empty


def _code(function: Callable[[Any], int], flags: Any) -> int:
    try:
        code = function(flags)
        sys.stdout.flush()
    except KeyboardInterrupt:
        tell("interrupted")
        return 130
    except BrokenPipeError:
        # The reader went away; what is left in the buffer must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 3
    except SystemExit as error:
        # An agent's module that ends the process when it is imported must not end it green.
        tell(f"counterfault: code of the agent ended this process ({error}); --executor process keeps it apart", "red")
        return 3
    except Exception as error:
        return told(error)
    return code


def told(error: Exception) -> int:
    """Tell of an error in one line; gives its exit code."""
    if os.environ.get(DEBUG):
        tell(traceback.format_exc())
    if isinstance(error, CounterfaultError):
        tell(f"counterfault: {error}", "red")
        return 5 if isinstance(error, NothingSelected) else 2 if isinstance(error, UsageError) else 3
    hint = "" if os.environ.get(DEBUG) else f"; {DEBUG}=1 shows where"
    tell(f"counterfault: an error of ours: {type(error).__name__}: {error}{hint}", "red")
    return 3
