"""The program: global options, the commands by topic, and what happens to errors that nobody foresaw."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import bridge
from bridge.cli import backfill, cases, checking, desks, mail, outbox, practice, preview, quarantine, reconcile, service
from bridge.cli.failures import CommandGroup, ExitCode
from bridge.cli.session import LogFormat, LogLevel, Session

_TOPICS = (service, backfill, reconcile, checking, cases, preview, mail, quarantine, outbox, desks, practice)
_EPILOG = (
    "Exit codes: 0 done, 1 a check failed or nothing was found, 2 wrong usage or configuration, "
    "3 the far side cannot be reached. Example: cpsd-bridge --config ./config check"
)


def program() -> typer.Typer:
    """The program with all its commands."""
    app = typer.Typer(
        name="cpsd-bridge",
        cls=CommandGroup,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=_EPILOG,
    )
    app.callback()(begin)
    for topic in _TOPICS:
        topic.register(app)
    return app


def main() -> None:
    """The entry point `cpsd-bridge`."""
    try:
        program()()
    except Exception as error:  # noqa: BLE001 - whatever nobody foresaw ends here
        _log_unforeseen(error)
        sys.exit(ExitCode.FAILED)


def _login() -> str:
    """The person's login name; in a container without one, the user's number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cpsd-bridge {bridge.__version__}")
        raise typer.Exit


def begin(
    context: typer.Context,
    config: Annotated[
        Path, typer.Option(envvar="CPSD_CONFIG", help="Folder of the configuration.", metavar="DIR")
    ] = Path("config"),
    operator: Annotated[
        str,
        typer.Option(
            envvar="CPSD_OPERATOR",
            help="Who runs the command; kept in the trail. The login name if left out.",
            metavar="NAME",
            show_default=False,
        ),
    ] = "",
    log_format: Annotated[
        LogFormat | None,
        typer.Option(envvar="CPSD_LOG_FORMAT", help="How log lines look; on a terminal console, else json."),
    ] = None,
    log_level: Annotated[
        LogLevel | None,
        typer.Option(envvar="CPSD_LOG_LEVEL", help="From which level on; info for run, else warning."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Engage other organisations' service desks on ServiceNow cases, and keep each case open until it is confirmed."""
    session = Session(config, operator.strip() or _login(), log_format, log_level)
    session.start_logging(LogLevel.INFO if context.invoked_subcommand == "run" else LogLevel.WARNING)
    context.obj = session


def _log_unforeseen(error: Exception) -> None:
    """A defect: its traceback goes to the log, without any variable's value."""
    import structlog

    from bridge import logs

    if not structlog.is_configured():
        logs.configure("json")
    structlog.get_logger(__name__).error("command_failed", error=type(error).__name__, exc_info=error)
