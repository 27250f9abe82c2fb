"""Trying the bridge out: `demo`, and the far sides under `sandbox`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import sandbox


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: cpsd-bridge demo --exit | tail -n 1")(demo)
    sandbox.register(app)


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
