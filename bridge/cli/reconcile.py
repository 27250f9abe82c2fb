"""`reconcile`: what the bridge holds, compared with ServiceNow, the desks and the mailbox."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.failures import ExitCode
from bridge.cli.options import AsJson, OfCase
from bridge.cli.output import counting, print_json, print_lines, print_rows
from bridge.cli.session import case_named, session_of

if TYPE_CHECKING:
    from bridge.ports import Json
    from bridge.sync.mending import Found
    from bridge.sync.reconcile import Reconciliation

_SHOWN = ("case", "desk", "difference", "status", "seen", "todo")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: cpsd-bridge reconcile --dry-run --case CS0000871")(reconcile)


def reconcile(
    context: typer.Context,
    case: OfCase = None,
    mend: Annotated[
        bool, typer.Option("--mend/--dry-run", help="Mend what is safe, or change nothing and only tell.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Compare every open engagement with ServiceNow and with the desk, and mend what is safe.

    Ends with 0 if nothing differs or all was mended, with 1 if differences remain for a person.
    """
    from bridge.sync.reconcile import reconcile as compare

    session = session_of(context)
    with session.application() as application:
        with application.store.reading() as tx:
            record = case_named(tx, case) if case is not None else None
        if mend:
            with application.store.transaction() as tx:
                session.record(tx, "reconcile", {"case": case or ""}, case=record)
        with counting("Cases compared") as told:
            report = compare(
                application.around,
                who=session.who,
                mend=mend,
                only=record.sys_id if record else None,
                told=told,
            )
    if as_json:
        print_json(_document(report, mend=mend))
    else:
        _print(report)
    code = _exit_code(report)
    if code is not ExitCode.DONE:
        raise typer.Exit(code)


def _exit_code(report: Reconciliation) -> ExitCode:
    from bridge.sync.mending import Status

    if report.unreachable:
        return ExitCode.UNREACHABLE
    remains = any(one.status in {Status.PERSON, Status.MENDABLE} for one in report.found)
    return ExitCode.FAILED if remains else ExitCode.DONE


def _document(report: Reconciliation, *, mend: bool) -> Json:
    return {
        "mend": mend,
        "cases": report.cases,
        "differences": [_row(one) for one in report.found],
        "unreachable": [{"what": what, "why": why} for what, why in report.unreachable],
    }


def _row(found: Found) -> dict[str, Json]:
    difference = found.difference
    return {
        "case": difference.number,
        "desk": difference.desk,
        "difference": difference.kind.value,
        "about": difference.about,
        "status": found.status.value,
        "new": found.new,
        "seen": difference.seen,
        "todo": difference.todo,
    }


def _print(report: Reconciliation) -> None:
    if report.found:
        print_rows(_SHOWN, [_row(one) for one in report.found])
    counts = Counter(one.status.value for one in report.found)
    told = ", ".join(f"{number} {status}" for status, number in sorted(counts.items())) or "no difference"
    print_lines(f"{report.cases} cases compared: {told}")
    for what, why in report.unreachable:
        print_lines(f"{what} could not be compared: {why}")
