"""What the bridge knows of cases: `trace`, `engagements`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.failures import nothing_found
from bridge.cli.options import AsJson, OfCase, OfDesk
from bridge.cli.output import print_json, print_lines, print_rows
from bridge.cli.session import case_named, desk_named, session_of
from bridge.domain.engagement import Engagement

if TYPE_CHECKING:
    from bridge.store import SqlStore

_SHOWN = ("case", "desk", "round", "state", "delivery", "desk_reference", "reference", "opened_at", "ended_at")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: cpsd-bridge trace CS0000871")(trace)
    app.command(epilog="Example: cpsd-bridge engagements --desk dcc-service-desk")(engagements)


def trace(
    context: typer.Context,
    case: Annotated[str, typer.Argument(help="The case's number.", metavar="CASE")],
    as_json: AsJson = False,
) -> None:
    """Tell the whole story of a case in order: who, when, what, which message, under which agreement version."""
    from bridge.trail.story import document, lines

    session = session_of(context)
    with session.store(session.configuration()) as store, store.reading() as tx:
        record = tx.case_by_number(case)
        story = tx.story(record.sys_id) if record else ()
    if not story:
        raise nothing_found(f"nothing is recorded about a case {case}")
    if as_json:
        print_json(document(story))
    else:
        print_lines(*lines(story))


def engagements(
    context: typer.Context,
    case: OfCase = None,
    desk: OfDesk = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: AsJson = False,
) -> None:
    """List engagements and where they stand; those that are over with --all, or of one case."""
    session = session_of(context)
    configuration = session.configuration()
    if desk is not None:
        desk_named(configuration, desk)
    with session.store(configuration) as store:
        found = _found(store, case, everything=everything)
    rows = [_row(engagement) for engagement in found if desk in {None, engagement.desk}]
    if as_json:
        print_json(rows)
    elif rows:
        print_rows(_SHOWN, rows)
    else:
        print_lines("no engagement matches")


def _found(store: SqlStore, case: str | None, *, everything: bool) -> Sequence[Engagement]:
    with store.reading() as tx:
        if case is not None:
            return tx.engagements(case_named(tx, case).sys_id)
        return tx.all_engagements() if everything else tx.open_engagements()


def _row(engagement: Engagement) -> dict[str, object]:
    return {
        "case": engagement.case_number,
        "desk": engagement.desk,
        "round": engagement.round,
        "state": engagement.state.value,
        "delivery": engagement.standing.value,
        "undeliverable": engagement.undeliverable,
        "required": engagement.required,
        "desk_reference": engagement.desk_reference,
        "reference": engagement.reference,
        "agreement_version": engagement.agreement_version,
        "opened_at": engagement.opened_at,
        "acknowledged_at": engagement.acknowledged_at,
        "reported_at": engagement.reported_at,
        "waiting_until": engagement.waiting_until,
        "ended_at": engagement.ended_at,
        "engagement": engagement.id,
    }
