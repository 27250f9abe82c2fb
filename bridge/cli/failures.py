"""How a command ends when something went wrong: one line on standard error and an exit code, never a traceback."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import typer
from typer.core import TyperGroup

from bridge.domain.errors import (
    BridgeError,
    ConfigurationError,
    OutcomeUnknown,
    StoreError,
    StoreUnavailable,
    TryLater,
    UntrustedAnswer,
    UsageError,
)


class ExitCode(IntEnum):
    """What the exit codes of every command mean."""

    DONE = 0
    #: a check failed, nothing was found, or the far side refused
    FAILED = 1
    #: the command line or the configuration cannot be used
    WRONG_USAGE = 2
    #: ServiceNow, the mail server or the database cannot be reached now
    UNREACHABLE = 3


_UNREACHABLE = (TryLater, OutcomeUnknown, UntrustedAnswer, StoreUnavailable)
_WRONG_USAGE = (ConfigurationError, UsageError, StoreError)


def exit_code(error: BridgeError) -> ExitCode:
    """The exit code that stands for an error."""
    if isinstance(error, _UNREACHABLE):
        return ExitCode.UNREACHABLE
    return ExitCode.WRONG_USAGE if isinstance(error, _WRONG_USAGE) else ExitCode.FAILED


class CommandGroup(TyperGroup):
    """The commands; a `BridgeError` of any of them is told to the person and becomes an exit code."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as the class above has it
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except BridgeError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(exit_code(error)) from error


def nothing_found(text: str) -> typer.Exit:
    """Tell that there is nothing to show; raise the result."""
    typer.echo(text, err=True)
    return typer.Exit(ExitCode.FAILED)
