"""`desks`, and the switches that hold the bridge back: `pause`, `resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.failures import ExitCode
from bridge.cli.options import AsJson, OfCase, OfDesk
from bridge.cli.output import print_json, print_lines, print_rows
from bridge.cli.session import Session, case_named, change, desk_named, session_of
from bridge.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.connectors.rest_desk import RestDesk
    from bridge.domain.agreement import Desk
    from bridge.domain.ids import DeskName
    from bridge.ports import Json, Transaction
    from bridge.settings import Configuration

Everything = Annotated[bool, typer.Option("--all", help="Everything: ServiceNow and all desks.")]
Engaging = Annotated[bool, typer.Option("--engaging", help="New engagements only; what was begun goes on.")]
WhyNot = Annotated[str, typer.Option("--reason", help="Why; shown to others and kept in the trail.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    desks = typer.Typer(help="The configured desks.", no_args_is_help=True)
    desks.command("list", epilog="Example: cpsd-bridge desks list --json")(list_)
    desks.command("test", epilog="Example: cpsd-bridge desks test dcc-service-desk --yes")(try_)
    app.add_typer(desks, name="desks")
    app.command(epilog='Example: cpsd-bridge pause --desk dcc-service-desk --reason "their mail server is moved"')(
        pause
    )
    app.command(epilog="Example: cpsd-bridge resume --engaging")(resume)


def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the desks: who they are, how they are reached, what the bridge does for them."""
    session = session_of(context)
    configuration = session.configuration()
    with session.store(configuration) as store, store.reading() as tx:
        rows = _rows(tx, configuration)
    if as_json:
        print_json(rows)
    else:
        print_rows(list(rows[0]), rows)


def try_(
    context: typer.Context,
    desk: Annotated[str, typer.Argument(help="A desk with method: rest.", metavar="DESK")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking: it writes into the desk's system.")] = False,
    as_json: AsJson = False,
) -> None:
    """Try a desk's REST API on a ticket made for it: open, find, say, read back, withdraw, each request shown.

    Ends with 0 if everything worked, with 1 if something did not.
    """
    from bridge.connectors.rest_desk import RestDesk

    session = session_of(context)
    configuration = session.configuration()
    name = desk_named(configuration, desk).name
    _ask(configuration, desk, yes=yes)
    with session.application() as application:
        connector = application.portals.get(name)
        if not isinstance(connector, RestDesk):
            raise UsageError(f"{desk} is not reached through a REST API that is described", remedy="see desks list")
        with application.store.transaction() as tx:
            session.record(tx, "desks test", {}, desk=name)
        steps = _walked(connector, name)
    if as_json:
        print_json({"ok": all(step["ok"] for step in steps), "steps": steps})
    else:
        _print_steps(steps)
    if not all(step["ok"] for step in steps):
        raise typer.Exit(ExitCode.FAILED)


def _ask(configuration: Configuration, desk: str, *, yes: bool) -> None:
    """Raises `UsageError` unless somebody wants a ticket to be made; in production that is said beforehand."""
    import sys

    from bridge.settings import Environment

    if yes:
        return
    if configuration.environment is Environment.PRODUCTION or not sys.stdin.isatty():
        raise UsageError(f"this opens a ticket in the system of {desk}", remedy="write --yes if that is meant")
    typer.confirm(f"Open a ticket in the system of {desk}, and withdraw it?", abort=True)


def _walked(connector: RestDesk, name: DeskName) -> list[dict[str, Json]]:
    import secrets
    from dataclasses import asdict
    from datetime import UTC, datetime

    from bridge.cli.output import counting
    from bridge.connectors.rest.trial import Trial

    steps: list[dict[str, Json]] = []
    with counting(f"Trying {name}") as told:
        for step in Trial(connector, name, secrets.token_bytes(16), datetime.now(UTC)).walk():
            steps.append(asdict(step))
            told(len(steps), None)
    return steps


def _print_steps(steps: list[dict[str, Json]]) -> None:
    import json

    for step in steps:
        print_lines(f"{'ok    ' if step['ok'] else 'FAILED'} {step['name']}: {step['detail']}")
        if step["remedy"]:
            print_lines(f"       {step['remedy']}")
        for one in step["exchanges"]:
            query = "&".join(f"{key}={value}" for key, value in one["query"].items())
            print_lines(f"       > {one['method']} {one['path']}{'?' if query else ''}{query}")
            if one["body"] is not None:
                print_lines(f"         {json.dumps(one['body'], ensure_ascii=False)}")
            answer = " ".join(one["answer"].split())
            print_lines(f"       < {one['status'] or 'no answer'} {answer}")


def _rows(tx: Transaction, configuration: Configuration) -> list[dict[str, object]]:
    from collections import Counter

    counts = Counter(engagement.desk for engagement in tx.open_engagements())
    today, controls = tx.now().date(), tx.controls()
    rows: list[dict[str, object]] = []
    for name, desk in sorted(configuration.desks.by_name.items()):
        agreement = desk.agreement_on(today)
        rows.append(
            {
                "desk": name,
                "party": desk.party,
                "mode": desk.mode.value,
                "paused": _is_paused(controls, desk),
                "agreement_version": agreement.version if agreement else None,
                "method": desk.latest.contact,
                "to": list(desk.latest.email.to) if desk.latest.email else [],
                "confirmation": agreement.confirmation.value if agreement else "",
                "open_engagements": counts[name],
            }
        )
    return rows


def _is_paused(controls: Mapping[str, str], desk: Desk) -> bool:
    from bridge.sync.dispatch import PAUSED_ALL, paused_desk

    return PAUSED_ALL in controls or paused_desk(desk.name) in controls


def pause(
    context: typer.Context,
    desk: OfDesk = None,
    everything: Everything = False,
    engaging: Engaging = False,
    reason: WhyNot = "",
) -> None:
    """Hold deliveries back: to one desk, to everybody, or new engagements. What was decided waits in the outbox."""
    session = session_of(context)
    configuration = session.configuration()
    name, told = _switch(configuration, desk, everything=everything, engaging=engaging)
    with session.store(configuration) as store:

        def switch(tx: Transaction) -> None:
            session.record(tx, "pause", {"what": told}, reason=reason, desk=desk or "")
            tx.set_control(name, "paused", session.who)

        change(store, switch)
    print_lines(f"paused: {told}")


def resume(
    context: typer.Context,
    desk: OfDesk = None,
    everything: Everything = False,
    engaging: Engaging = False,
    case: OfCase = None,
    reason: WhyNot = "",
) -> None:
    """Let go on what was paused, or a case that was parked."""
    session = session_of(context)
    configuration = session.configuration()
    if case is not None:
        if desk is not None or everything or engaging:
            raise UsageError("--case stands alone", remedy="resume one thing at a time")
        _resume_case(session, configuration, case, reason)
        return
    name, told = _switch(configuration, desk, everything=everything, engaging=engaging)
    with session.store(configuration) as store:

        def switch(tx: Transaction) -> bool:
            if tx.control(name) is None:
                return False
            session.record(tx, "resume", {"what": told}, reason=reason, desk=desk or "")
            tx.set_control(name, None, session.who)
            return True

        was_paused = change(store, switch)
    print_lines(f"goes on: {told}" if was_paused else f"was not paused: {told}")


def _switch(configuration: Configuration, desk: str | None, *, everything: bool, engaging: bool) -> tuple[str, str]:
    """The control that is meant, and what it is called for people. Raises `UsageError` unless one is named."""
    from bridge.sync.dispatch import PAUSED_ALL, paused_desk
    from bridge.sync.engage import ENGAGING_PAUSED

    if (desk is not None) + everything + engaging != 1:
        raise UsageError("it is not said what", remedy="take one of --desk DESK, --all, --engaging")
    if desk is not None:
        return paused_desk(desk_named(configuration, desk).name), f"desk {desk}"
    return (PAUSED_ALL, "everything") if everything else (ENGAGING_PAUSED, "new engagements")


def _resume_case(session: Session, configuration: Configuration, number: str, reason: str) -> None:
    from dataclasses import replace

    with session.store(configuration) as store:

        def unpark(tx: Transaction) -> None:
            record = case_named(tx, number)
            if not record.parked:
                raise UsageError(f"case {number} is not parked")
            session.record(tx, "resume", {"case": number, "was": record.parked}, reason=reason, case=record)
            tx.save_case(replace(record, parked=""))

        change(store, unpark)
    print_lines(f"goes on: case {number}")
