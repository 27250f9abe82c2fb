"""`quarantine`: what arrived and only a person can decide."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.failures import ExitCode, nothing_found
from bridge.cli.options import AsJson, Reason, TheDesk
from bridge.cli.output import print_json, print_lines, print_mapping, print_rows
from bridge.cli.session import Session, case_named, change, desk_named, session_of
from bridge.domain.engagement import Engagement
from bridge.domain.errors import UsageError
from bridge.domain.facts import ReportKind
from bridge.ports import PORTAL_SOURCE, InboxItem, InboxState, Json, Transaction

if TYPE_CHECKING:
    from bridge.app import Application
    from bridge.ports import Reading

Number = Annotated[int, typer.Argument(help="The item's number.", metavar="N", show_default=False)]
OnCase = Annotated[str, typer.Option("--case", help="The case it is about.", metavar="CASE", show_default=False)]
AsReport = Annotated[ReportKind, typer.Option("--as-report", help="What the desk says with it.", show_default=False)]
_FROM_SERVICENOW = "servicenow:"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    quarantine = typer.Typer(help="Items that only a person can decide.", no_args_is_help=True)
    quarantine.command("list", epilog="Example: cpsd-bridge quarantine list")(list_)
    quarantine.command(epilog="Example: cpsd-bridge quarantine show 17")(show)
    quarantine.command(
        epilog="Example: cpsd-bridge quarantine apply 17 --case CS0000871 --desk dcc-service-desk --as-report resolved "
        '--reason "spoke to them"'
    )(apply)
    quarantine.command("file", epilog='Example: cpsd-bridge quarantine file 17 --reason "newsletter"')(file_)
    quarantine.command(epilog='Example: cpsd-bridge quarantine drop 17 --reason "spam"')(drop)
    app.add_typer(quarantine, name="quarantine")


def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List what waits for a person, oldest first."""
    session = session_of(context)
    with session.store(session.configuration()) as store, store.reading() as tx:
        rows = [_row(tx, item) for item in tx.quarantined()]
    if as_json:
        print_json(rows)
    elif rows:
        print_rows(("item", "source", "received_at", "case", "desk", "reason"), rows)
    else:
        print_lines("nothing waits for a person")


def _row(tx: Transaction, item: InboxItem) -> dict[str, Json]:
    engagement = tx.engagement(item.engagement) if item.engagement else None
    record = tx.case(item.case) if item.case else None
    return {
        "item": item.id,
        "source": item.source,
        "identity": item.identity,
        "received_at": item.received_at,
        "case": record.number if record else "",
        "desk": engagement.desk if engagement else "",
        "state": item.state.value,
        "reason": item.reason,
        "bytes": len(item.raw),
    }


def show(context: typer.Context, number: Number, as_json: AsJson = False) -> None:
    """Show one item: how it is read, and what it says. What a scanner finds something in is not shown as it came."""
    from bridge.cli.mail import described

    session = session_of(context)
    with session.application() as application:
        with application.store.reading() as tx:
            item = _item(tx, number)
            told = _row(tx, item)
        reading = None if item.source.startswith(_FROM_SERVICENOW) else _reread(application, item)
    found = _found(application, item) if reading else ""
    raw = "" if found else item.raw.decode("utf-8", "replace")
    if as_json:
        print_json(told | {"reading": described(reading) if reading else None, "found": found, "raw": raw})
        return
    print_mapping({name.replace("_", " "): value for name, value in told.items()})
    if reading is not None:
        print_mapping({"from": reading.sender, "read as": reading.kind, "why": reading.reasons})
    if found:
        print_mapping({"the scanner found": found})
    print_lines("", reading.text if reading else raw)


def _reread(application: Application, item: InboxItem) -> Reading:
    from bridge.sync.replies import read_item, verified_now

    is_mail = not item.source.startswith(PORTAL_SOURCE)
    verified = verified_now(application.around, item.raw, item.received_at) if is_mail else None
    with application.store.reading() as tx:
        return read_item(tx, application.around, item, verified)


def _found(application: Application, item: InboxItem) -> str:
    """What the scanner knows today about a mail, whatever it knew when the mail came. Raises what `Scanner` does."""
    scanner = application.around.scanner
    return scanner.scan(item.raw) if scanner else ""


def apply(
    context: typer.Context, number: Number, case: OnCase, desk: TheDesk, as_report: AsReport, reason: Reason
) -> None:
    """Apply an item to an engagement as a report of the desk; the person's word counts, also for its order."""
    from bridge.sync.replies import read_item, take_reading

    session = session_of(context)
    with session.application() as application:
        name = desk_named(application.configuration, desk).name

        def take(tx: Transaction) -> tuple[InboxState, str]:
            item = _waiting(tx, number)
            if item.source.startswith(_FROM_SERVICENOW):
                raise UsageError(
                    f"item {number} comes from ServiceNow and is no desk's report",
                    remedy="file or drop it, and write the work note again",
                )
            engagement = _engagement(tx, case, name)
            arguments = {"item": number, "case": case, "desk": desk, "as_report": as_report.value}
            session.record(
                tx, "quarantine apply", arguments, reason=_given(reason), case=case_named(tx, case), desk=desk
            )
            reading = _decided(read_item(tx, application.around, item), engagement, as_report, tx)
            state = take_reading(tx, application.around, item, reading, engagement, session.who)
            settled = tx.inbox_item(number)
            return state, settled.reason if settled else ""

        state, why = change(application.store, take)
    print_lines(f"item {number} is {state.value}: {why}")
    if state is InboxState.QUARANTINED:
        raise typer.Exit(ExitCode.FAILED)


def _decided(reading: Reading, engagement: Engagement, kind: ReportKind, tx: Transaction) -> Reading:
    """The reading with a person's decision in it. They decide now, so it is newer than what the desk said before."""
    return replace(
        reading,
        kind="report",
        verdict="apply",
        reasons=(*reading.reasons, "decided by an operator"),
        engagement=engagement.id,
        matched_by="operator",
        report=kind,
        suggests=None,
        at=tx.now(),
        ordered=True,
        automatic=False,
    )


def _engagement(tx: Transaction, case: str, desk: str) -> Engagement:
    rounds = [engagement for engagement in tx.engagements(case_named(tx, case).sys_id) if engagement.desk == desk]
    if not rounds:
        raise UsageError(f"{desk} is not engaged in {case}", remedy=f"write #engage @{desk} into the case first")
    return max(rounds, key=lambda engagement: engagement.round)


def file_(context: typer.Context, number: Number, reason: Reason) -> None:
    """Keep an item without applying it."""
    _put(session_of(context), "file", number, InboxState.FILED, reason)


def drop(context: typer.Context, number: Number, reason: Reason) -> None:
    """Set an item aside as rubbish; its bytes stay in the store."""
    _put(session_of(context), "drop", number, InboxState.DROPPED, reason)


def _put(session: Session, word: str, number: int, state: InboxState, reason: str) -> None:
    def settle(tx: Transaction) -> None:
        item = _waiting(tx, number)
        record = tx.case(item.case) if item.case else None
        session.record(tx, f"quarantine {word}", {"item": number}, reason=_given(reason), case=record)
        tx.settle_item(number, state, f"{word} by an operator: {reason}")

    with session.store(session.configuration()) as store:
        change(store, settle)
    print_lines(f"item {number} is {state.value}")


def _item(tx: Transaction, number: int) -> InboxItem:
    item = tx.inbox_item(number)
    if item is None:
        raise nothing_found(f"there is no item {number}")
    return item


def _waiting(tx: Transaction, number: int) -> InboxItem:
    item = _item(tx, number)
    if item.state is not InboxState.QUARANTINED:
        raise UsageError(f"item {number} is {item.state.value}", remedy="see cpsd-bridge quarantine list")
    return item


def _given(reason: str) -> str:
    if not reason.strip():
        raise UsageError("a reason is missing", remedy='write --reason "…"')
    return reason
