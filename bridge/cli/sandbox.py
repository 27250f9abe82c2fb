"""`cpsd-bridge sandbox`: a ServiceNow for a laptop, and below it the other far sides that the demo uses."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

#: the far sides take options of their own, `--help` among them
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
_EXAMPLE = "Example: cpsd-bridge sandbox --https --port 8700 --seed 7 --cases 1000 --ready-file /tmp/sandbox.json"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    sandbox = typer.Typer(invoke_without_command=True, epilog=_EXAMPLE)
    sandbox.callback()(run)
    for command in (servicenow, mail, desk):
        example = f"Example: cpsd-bridge sandbox {command.__name__} --help"
        sandbox.command(epilog=example, context_settings=_PASSED_ON)(command)
    app.add_typer(sandbox, name="sandbox")


def run(  # noqa: PLR0913, PLR0917 - each is an option
    context: typer.Context,
    https: Annotated[bool, typer.Option("--https", help="Serve over https, with a certificate of its own.")] = False,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same data.")] = 1,
    cases: Annotated[int, typer.Option(help="Market-like incidents and cases, of each, to start with.", min=0)] = 100,
    ready_file: Annotated[
        Path | None,
        typer.Option(help="Written once it serves: address, certificate and logins, as JSON.", metavar="FILE"),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep the data there over a restart; otherwise in memory.", metavar="DIR")
    ] = None,
    tables: Annotated[
        Path | None, typer.Option(help="Declarations of further tables and fields, as JSON.", metavar="FILE")
    ] = None,
    user_time_zone: Annotated[str, typer.Option(help="Time zone of the integration user.", metavar="ZONE")] = "UTC",
    time_limit: Annotated[float, typer.Option(help="Seconds that it works for a client that has gone.", min=0)] = 60.0,
) -> None:
    """Run a ServiceNow for trying out: its REST interfaces, with data of the market's kind and faults on demand.

    Logins are made at random and told in the ready file, or on standard output where none is asked for. It serves
    until it is interrupted. The commands below run the other far sides.
    """
    if context.invoked_subcommand:
        return
    from bridge.sandbox.servicenow.clock import UnknownTimeZone, zone
    from bridge.sandbox.servicenow.instance import Identity
    from bridge.sandbox.servicenow.process import Start, serve

    try:
        zone(user_time_zone)
        identity = Identity(bridge_time_zone=user_time_zone)
        started = Start(port, https, seed, cases, ready_file, data_dir, tables, time_limit, identity)
        raise typer.Exit(serve(started))
    except UnknownTimeZone as error:
        raise typer.BadParameter(f"unknown time zone {error}", param_hint="--user-time-zone") from error
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--tables") from error
    except OSError as error:
        raise typer.BadParameter(f"cannot serve there: {error}", param_hint="--port") from error


def servicenow(context: typer.Context) -> None:
    """Run that ServiceNow with fixed logins; options as `python -m bridge.sandbox.servicenow --help` shows them."""
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
