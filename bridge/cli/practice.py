"""Trying the bridge out: `demo`, and the far sides that run on a laptop under `sandbox`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

#: the far sides take options of their own, `--help` among them
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: cpsd-bridge demo --exit | tail -n 1")(demo)
    sandbox = typer.Typer(help="Far sides that run on this machine, for trying the bridge out.", no_args_is_help=True)
    for command in (servicenow, mail, desk):
        example = f"Example: cpsd-bridge sandbox {command.__name__} --help"
        sandbox.command(epilog=example, context_settings=_PASSED_ON)(command)
    app.add_typer(sandbox, name="sandbox")


def demo(
    exit_after: Annotated[
        bool,
        typer.Option("--exit", help="Leave nothing running, print one JSON object last, exit 0 only if all is well."),
    ] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Keep its files there; otherwise in a folder of its own.", metavar="DIR")
    ] = None,
) -> None:
    """Show the whole round trip on this machine: three cases on their way to desks and back."""
    from bridge.demo import run_demo

    raise typer.Exit(run_demo(exit_after=exit_after, folder=folder))


def servicenow(context: typer.Context) -> None:
    """Run a ServiceNow for trying out; options as `python -m bridge.sandbox.servicenow --help` shows them."""
    _become("bridge.sandbox.servicenow", context.args)


def mail(context: typer.Context) -> None:
    """Run a mail server for trying out; options as `python -m bridge.sandbox.mail --help` shows them."""
    _become("bridge.sandbox.mail", context.args)


def desk(context: typer.Context) -> None:
    """Run a service desk that answers by itself; options as `python -m bridge.sandbox.desk --help` shows them."""
    _become("bridge.sandbox.desk", context.args)


def _become(module: str, arguments: list[str]) -> None:
    """Turn this process into another program, so that signals reach it."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - our own module, no shell
