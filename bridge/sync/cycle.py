"""One cycle: pull, collect, apply, engage, chase, dispatch. `schedule` ticks its parts, `once` runs them in a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from bridge.domain.delivery import DeliveryKind
from bridge.mapping.notecommands import parse
from bridge.ports import AttachmentEntry, JournalEntry, Stream, Transaction
from bridge.sync.alarms import AlarmPerformer
from bridge.sync.apply import apply
from bridge.sync.chase import chase
from bridge.sync.collect import CollectReport, collect
from bridge.sync.dispatch import Dispatcher
from bridge.sync.engage import case_gone, engage
from bridge.sync.messages import MessagePerformer
from bridge.sync.pull import Land, PullReport, land_attachments, land_journals, land_revisions, pull, pull_engaged
from bridge.sync.roster import Roster
from bridge.sync.surroundings import Source, Surroundings
from bridge.sync.writes import WritePerformer

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CycleReport:
    """What one cycle did, step by step."""

    pulled: int
    received: int
    applied: int
    quarantined: int
    engaged: int
    parked: int
    chased: int
    delivered: int
    failed: int
    waiting: int

    def as_dict(self) -> dict[str, int]:
        """For `--json`."""
        return asdict(self)


class Cycle:
    """The steps, bound to their surroundings."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._dispatcher = Dispatcher(
            around,
            {
                DeliveryKind.MESSAGE: MessagePerformer(around),
                DeliveryKind.WRITE: WritePerformer(around),
                DeliveryKind.ALERT: AlarmPerformer(around),
            },
        )

    def pull_source(self, source: Source) -> int:
        """Read what changed: cases first, so that a case's journal is always known as far as the case, or further."""
        rows = self._pull(source, source.cases, land_revisions).rows
        rows += self._pull(source, source.journals, land_journals(self._wanted_entries)).rows
        rows += self._pull(source, source.attachments, land_attachments(self._wanted_files)).rows
        return rows

    def pull_engaged(self) -> int:
        """Read the engaged cases whatever the filters say; those that are gone are shown to people."""
        report = pull_engaged(self._around.source, self._around.store)
        for record in report.missing:
            if record.gone:
                continue
            why, seen = self._around.source.why_gone(record.table, record.sys_id)
            case_gone(self._around, record.sys_id, why, seen)
        return report.rows

    def collect(self) -> CollectReport:
        """Bring in what desks sent."""
        return collect(self._around)

    def work(self, *, stop: Callable[[], bool] = lambda: False) -> dict[str, int]:
        """Decide on what arrived and deliver what was decided."""
        roster = Roster(self._around.source, self._around.resolver_group)
        # Asked before: of what was read up to here every command is applied below, of what comes meanwhile perhaps not.
        horizon = self.horizon()
        applied = apply(self._around, roster)
        engaged = engage(self._around, roster, horizon, held=applied.held)
        chased = chase(self._around)
        sent = self._dispatcher.run(stop=stop)
        return {
            "applied": applied.applied,
            "quarantined": applied.quarantined,
            "engaged": engaged.engaged,
            "parked": engaged.parked,
            "chased": chased.chased,
            "delivered": sent.done,
            "failed": sent.failed,
            "waiting": sent.waiting,
        }

    def once(self) -> CycleReport:
        """All steps in a row."""
        pulled = sum(self.pull_source(source) for source in self._around.sources)
        self.pull_engaged()
        received = self.collect().received
        return CycleReport(pulled=pulled, received=received, **self.work())

    def horizon(self) -> datetime | None:
        """Up to where every journal has been read."""
        with self._around.store.transaction() as tx:
            cursors = [tx.cursor(source.journals.name) for source in self._around.sources]
        marks = [cursor.watermark for cursor in cursors if cursor is not None]
        return min(marks, default=None)

    def _pull(self, source: Source, stream: Stream, land: Land) -> PullReport:
        around = self._around
        return pull(
            around.source,
            around.store,
            stream,
            page_size=source.page_size,
            lag=source.lag,
            overlap=source.overlap,
            max_pages=around.max_pages,
            start=around.go_live or around.source.server_time() - source.overlap,
            land=land,
        )

    def _wanted_entries(self, tx: Transaction, entries: Sequence[JournalEntry]) -> Iterable[JournalEntry]:
        """Entries of cases the bridge deals with, and commands anywhere: `#engage` may come first."""
        known = tx.cases([entry.case for entry in entries]) if entries else {}
        return [entry for entry in entries if entry.case in known or parse(entry.text)]

    def _wanted_files(self, tx: Transaction, entries: Sequence[AttachmentEntry]) -> Iterable[AttachmentEntry]:
        known = tx.cases([entry.case for entry in entries]) if entries else {}
        return [entry for entry in entries if entry.case in known]


def steps(cycle: Cycle, sources: Sequence[Source]) -> dict[str, tuple[float, Callable[[], Any]]]:
    """The schedules of a service: name -> (seconds between ticks, what is done)."""
    ticking: dict[str, tuple[float, Callable[[], Any]]] = {
        f"pull:{source.cases.name}": (source.every.total_seconds(), partial(cycle.pull_source, source))
        for source in sources
    }
    every = min((source.every.total_seconds() for source in sources), default=30.0)
    ticking["pull:engaged"] = (every, cycle.pull_engaged)
    return ticking
