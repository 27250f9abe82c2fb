"""One cycle: pull, collect, apply, engage, chase, dispatch. `schedule` ticks its parts, `once` runs them in a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from bridge.domain.delivery import DeliveryKind
from bridge.mapping.notecommands import parse
from bridge.ports import AttachmentEntry, Collector, JournalEntry, Stream, Transaction
from bridge.sync import restored
from bridge.sync.alarms import AlarmPerformer
from bridge.sync.apply import apply
from bridge.sync.chase import chase
from bridge.sync.collect import Collecting, CollectReport
from bridge.sync.dispatch import Dispatcher
from bridge.sync.engage import EngageReport, engage
from bridge.sync.gone import look_for, look_where
from bridge.sync.messages import MessagePerformer
from bridge.sync.pull import Land, PullReport, land_attachments, land_journals, land_revisions, pull, pull_engaged
from bridge.sync.reconcile import reconcile
from bridge.sync.remind import remind
from bridge.sync.roster import Roster
from bridge.sync.storing import FilePerformer
from bridge.sync.surroundings import Source, Surroundings
from bridge.sync.sweep import sweep
from bridge.sync.writes import WritePerformer

log = structlog.get_logger()

_WORK = ("applied", "quarantined", "engaged", "parked", "chased", "delivered", "failed", "waiting")


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
        self._collecting = Collecting(around)
        self._dispatcher = Dispatcher(
            around,
            {
                DeliveryKind.MESSAGE: MessagePerformer(around),
                DeliveryKind.FILE: FilePerformer(around),
                DeliveryKind.ALERT: AlarmPerformer(around),
            },
            {DeliveryKind.WRITE: WritePerformer(around)},
        )

    def pull_source(self, source: Source) -> int:
        """Read what changed: cases first, so that a case's journal is always known as far as the case, or further."""
        rows = self._pull(source, source.cases, land_revisions).rows
        rows += self._pull(source, source.journals, land_journals(self._wanted_entries)).rows
        rows += self._pull(source, source.attachments, land_attachments(self._wanted_files)).rows
        return rows

    def sweep_source(self, source: Source) -> int:
        """Look for what the windows missed: revisions by comparing, the last day's journals and files by reading again.

        What is found again is known by its identity, so reading it twice changes nothing.
        """
        around, sweeping = self._around, self._around.sweeping
        swept = sweep(
            around.source.at_low_priority(),
            around.store,
            source.cases,
            since=self._start(source),
            page_size=sweeping.page_size,
            max_pages=sweeping.max_pages,
        )
        again = self._read_again(source, source.journals, land_journals(self._wanted_entries))
        again += self._read_again(source, source.attachments, land_attachments(self._wanted_files))
        if again:
            log.info("entries_found_again", source=source.cases.name, found=again)
        return swept.found + again

    def pull_engaged(self) -> int:
        """Read the engaged cases whatever the filters say; those that are gone or moved are shown to people."""
        report = pull_engaged(self._around.source, self._around.store)
        look_where(self._around, report.found, report.changed)
        look_for(self._around, report.missing)
        return report.rows

    def look_again(self) -> int:
        """Ask once more about the engaged cases that are gone: what was hidden may have been deleted since."""
        report = pull_engaged(self._around.source.at_low_priority(), self._around.store, only_gone=True)
        look_where(self._around, report.found, report.cases)
        return look_for(self._around, report.missing, again=True)

    def collect(self, collectors: Sequence[Collector] | None = None) -> CollectReport:
        """Bring in what desks sent: from all of them, or from some."""
        return self._collecting.collect(self._around.collectors if collectors is None else collectors)

    def work(self, *, stop: Callable[[], bool] = lambda: False) -> dict[str, int]:
        """Decide on what arrived and deliver what was decided."""
        if not restored.may_decide(self._around):
            return dict.fromkeys(_WORK, 0)
        roster = Roster(self._around.source, self._around.resolver_group)
        # Asked before: of what was read up to here every command is applied below, of what comes meanwhile perhaps not.
        horizon = self.horizon()
        first = self._engage_forgotten(roster, horizon)
        applied = apply(self._around, roster)
        engaged = engage(self._around, roster, horizon, held=applied.held)
        chased = chase(self._around)
        sent = self._dispatcher.run(stop=stop)
        restored.note_caught_up(self._around)
        return {
            "applied": applied.applied,
            "quarantined": applied.quarantined,
            "engaged": first.engaged + engaged.engaged,
            "parked": first.parked + engaged.parked,
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
        remind(self._around)
        return CycleReport(pulled=pulled, received=received, **self.work())

    def horizon(self) -> Mapping[str, datetime]:
        """Table -> up to where its journals have been read; of two sources on one table, by the one that is behind."""
        marks: dict[str, datetime] = {}
        with self._around.store.transaction() as tx:
            for source in self._around.sources:
                cursor, table = tx.cursor(source.journals.name), source.cases.table
                if cursor is not None:
                    marks[table] = min(cursor.watermark, marks.get(table, cursor.watermark))
        return marks

    def _engage_forgotten(self, roster: Roster, horizon: Mapping[str, datetime]) -> EngageReport:
        """A restored store first engages for the cases that it has forgotten, then takes what was said about them."""
        with self._around.store.reading() as tx:
            if restored.catching_up(tx) is None:
                return EngageReport()
        return engage(self._around, roster, horizon, held=restored.KnownCases(self._around))

    def _pull(self, source: Source, stream: Stream, land: Land) -> PullReport:
        around = self._around
        return pull(
            around.source,
            around.store,
            stream,
            page_size=source.page_size,
            lag=source.lag,
            overlap=source.overlap,
            max_pages=source.max_pages,
            start=self._start(source),
            land=land,
        )

    def _start(self, source: Source) -> datetime:
        return self._around.go_live or self._around.source.server_time() - source.overlap

    def _read_again(self, source: Source, stream: Stream, land: Land) -> int:
        """Up to where the pull has read, from some time before that; how much of it was new."""
        around, back = self._around, self._around.sweeping.back
        with around.store.transaction() as tx:
            pulled = tx.cursor(stream.name)
        if pulled is None:
            return 0
        report = pull(
            around.source.at_low_priority(),
            around.store,
            replace(stream, name=f"{stream.name}/sweep"),
            page_size=source.page_size,
            lag=timedelta(),
            overlap=back,
            max_pages=around.sweeping.max_pages,
            start=max(self._start(source), pulled.watermark - back),
            land=land,
            until=lambda: pulled.watermark,
        )
        return report.new

    def _wanted_entries(self, tx: Transaction, entries: Sequence[JournalEntry]) -> Iterable[JournalEntry]:
        """Entries of cases the bridge deals with, and commands anywhere: `#engage` may come first."""
        known = tx.cases([entry.case for entry in entries]) if entries else {}
        # A restored store also looks at what it wrote into cases that it has forgotten.
        ours = self._around.integration_user if restored.catching_up(tx) else None
        return [entry for entry in entries if entry.case in known or entry.author == ours or parse(entry.text)]

    def _wanted_files(self, tx: Transaction, entries: Sequence[AttachmentEntry]) -> Iterable[AttachmentEntry]:
        known = tx.cases([entry.case for entry in entries]) if entries else {}
        return [entry for entry in entries if entry.case in known]


def steps(cycle: Cycle, around: Surroundings) -> dict[str, tuple[float, Callable[[], Any]]]:
    """The schedules of a service: name -> (seconds between ticks, what is done)."""
    ticking: dict[str, tuple[float, Callable[[], Any]]] = {
        f"pull:{source.cases.name}": (source.every.total_seconds(), partial(cycle.pull_source, source))
        for source in around.sources
    }
    for source in around.sources:
        ticking[f"sweep:{source.cases.name}"] = (
            around.sweeping.every.total_seconds(),
            partial(cycle.sweep_source, source),
        )
    every = min((source.every.total_seconds() for source in around.sources), default=30.0)
    ticking["pull:engaged"] = (every, cycle.pull_engaged)
    ticking["reconcile"] = (around.reconciling.every.total_seconds(), partial(reconcile, around))
    ticking["remind"] = (min(around.reminding.every.total_seconds(), 3600.0), partial(remind, around))
    ticking["sweep:gone"] = (around.sweeping.every.total_seconds(), cycle.look_again)
    return ticking
