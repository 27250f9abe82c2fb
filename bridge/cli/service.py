"""The service itself: `run`, `once`, `health`, `migrate`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from bridge.cli.failures import ExitCode
from bridge.cli.memory import share_arenas
from bridge.cli.options import AsJson
from bridge.cli.output import print_json, print_lines, print_mapping, print_rows, progress
from bridge.cli.session import Session, session_of
from bridge.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.app import Application
    from bridge.sync.cycle import CycleReport
    from bridge.sync.hooks import Alarm
    from bridge.sync.rehearsal import Rehearsal

_WORDS = {
    "pulled": "rows read from ServiceNow",
    "received": "mails received",
    "applied": "items applied",
    "quarantined": "put into quarantine",
    "engaged": "desks engaged",
    "parked": "cases parked",
    "chased": "chases decided",
    "delivered": "deliveries done",
    "failed": "dead letters",
    "waiting": "deliveries that wait",
}


AfterRestore: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--after-restore",
        help="The store is an older backup: ask the far sides about everything undelivered, and read again.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: cpsd-bridge --config /etc/cpsd-bridge --log-format json run")(run)
    app.command(epilog="Example: cpsd-bridge once --dry-run")(once)
    app.command(epilog="Example: cpsd-bridge health --within 60 || systemctl restart cpsd-bridge")(health)
    app.command(epilog="Example: cpsd-bridge migrate")(migrate)


def run(context: typer.Context, after_restore: AfterRestore = False) -> None:
    """Run the scheduled service until SIGTERM or SIGINT, then finish what is under way."""
    session = session_of(context)
    from bridge.sync.hooks import Alarm

    share_arenas()
    with session.application(worker=True) as application:
        _begin(session, application, "run", after_restore)
        alarm = Alarm()
        application.service([alarm]).run_with_signals(beside=_public_listener(application, alarm))


def _public_listener(application: Application, alarm: Alarm) -> AbstractContextManager[object]:
    """The pages that links in mails lead to and the webhooks of desks, where they are configured."""
    from bridge.app import links
    from bridge.web.listener import Listener
    from bridge.web.public import Hooks, public_app

    place, known = application.configuration.web.public, links(application.configuration)
    if place is None or known is None:
        return nullcontext()
    rules = {name: desk.hooks for name, desk in application.configuration.desks.by_name.items() if desk.hooks}
    hooks = Hooks(application.store, rules, alarm.ring)
    return Listener(public_app(application.store, known, hooks), place.host, place.port, "public")


def _begin(session: Session, application: Application, command: str, after_restore: bool) -> None:
    """Write down who started it; a restored store is put back into service before anything else is written."""
    from bridge.sync.restored import begin

    if after_restore:
        begin(application.around, session.who)
    with application.store.transaction() as tx:
        session.record(tx, command, {"worker": application.worker, "after_restore": after_restore})


def once(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be decided: nothing is kept, flagged or sent.")
    ] = False,
    after_restore: AfterRestore = False,
    as_json: AsJson = False,
) -> None:
    """Run one cycle: pull, collect, apply, engage, chase, dispatch."""
    session = session_of(context)
    if dry_run and after_restore:
        raise UsageError("a rehearsal changes nothing", remedy="leave --dry-run or --after-restore out")
    if dry_run:
        _rehearse(session, as_json)
        return
    report = _one_cycle(session, after_restore)
    told = report.as_dict()
    if as_json:
        print_json(told)
    else:
        print_mapping({_WORDS.get(name, name): number for name, number in told.items()})
    if report.failed or report.parked:
        raise typer.Exit(ExitCode.FAILED)


def _one_cycle(session: Session, after_restore: bool) -> CycleReport:
    from bridge.sync.cycle import Cycle

    with session.application(worker=True) as application, progress("One cycle"):
        _begin(session, application, "once", after_restore)
        return Cycle(application.around).once()


def _rehearse(session: Session, as_json: bool) -> None:
    from bridge.sync.rehearse import rehearse

    with session.application() as application, progress("Rehearsing one cycle"):
        rehearsal = rehearse(application.around, application.store.reading, application.mail.collector.peek)
    if as_json:
        print_json(rehearsal.as_dict())
    else:
        _print_rehearsal(rehearsal)


def _print_rehearsal(rehearsal: Rehearsal) -> None:
    print_lines("Nothing was kept, flagged or sent. One cycle would now:")
    for title, rows in rehearsal.as_dict().items():
        _print_rows(title.replace("_", " ").capitalize(), rows)


def _print_rows(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    if not rows:
        print_lines(f"{title}: none")
        return
    names = [name for name in rows[0] if any(row[name] for row in rows)]
    print_rows(names, rows, title=title)


def health(
    context: typer.Context,
    within: Annotated[int, typer.Option(min=1, help="Seconds since the last sign of life.", metavar="SECONDS")] = 60,
    as_json: AsJson = False,
) -> None:
    """Tell whether a worker lives: exit 0 if one gave a sign of life within the last seconds, else 1."""
    session = session_of(context)
    with session.store(session.configuration()) as store, store.reading() as tx:
        now, beats = tx.now(), tx.heartbeats()
    living = {worker: (at, what) for worker, (at, what) in beats.items() if now - at <= timedelta(seconds=within)}
    workers = [_sign(worker, at, what, now) for worker, (at, what) in sorted(living.items())]
    if as_json:
        print_json({"healthy": bool(living), "workers": workers})
    elif workers:
        print_rows(list(workers[0]), workers)
    else:
        print_lines(f"no worker gave a sign of life within {within} s")
    if not living:
        raise typer.Exit(ExitCode.FAILED)


def _sign(worker: str, at: datetime, what: str, now: datetime) -> dict[str, object]:
    age = round((now - at).total_seconds(), 1)
    return {"worker": worker, "at": at, "what": what, "seconds_ago": age}


def migrate(context: typer.Context, as_json: AsJson = False) -> None:
    """Bring the store's schema up to date; safe to repeat and to run while another does."""
    from bridge.store import migrate as bring_up_to_date
    from bridge.store import schema_state

    session = session_of(context)
    configuration = session.configuration()
    url = configuration.store.get_secret_value()
    before = schema_state(url)
    after = bring_up_to_date(url)
    if before.pending:
        with session.store(configuration) as store, store.transaction() as tx:
            session.record(tx, "migrate", {"from": before.current, "to": after.current})
    if as_json:
        print_json({"before": before.current, "after": after.current, "applied": list(before.pending)})
    elif before.pending:
        print_lines(f"migrated to {after.current}")
    else:
        print_lines(f"up to date at {after.current}")
