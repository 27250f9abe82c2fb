"""Pull: bring what changed in ServiceNow into the store, one short transaction per page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import TypeAlias

import structlog

from bridge.domain.case import Case
from bridge.domain.errors import UsageError
from bridge.domain.ids import SysId
from bridge.mapping.entries import attachment_entry, attachment_item, journal_entry, journal_item
from bridge.ports import (
    AttachmentEntry,
    CaseRecord,
    CaseSource,
    JournalEntry,
    Page,
    Stamp,
    Store,
    Stream,
    Transaction,
)
from bridge.sync.arriving import not_yet_here
from bridge.sync.windows import SMALLEST_PAGE, advance, begin, remaining

_log = structlog.get_logger(__name__)

Land: TypeAlias = Callable[[Transaction, Sequence[Case]], int]
"""Puts a page's rows into the store, inside of the page's transaction; tells how many were new."""

_ENGAGED_BATCH = 1000


@dataclass(frozen=True, slots=True)
class PullReport:
    """What one cycle of one stream did."""

    rows: int
    new: int
    pages: int
    #: False when `max_pages` ended the cycle: the next one goes on where it stood
    complete: bool
    #: the stream is read up to this instant of ServiceNow's clock
    watermark: datetime


@dataclass(frozen=True, slots=True)
class EngagedReport:
    """What reading the engaged cases brought."""

    rows: int
    new: int
    #: cases that did not come back: ask `why_gone`
    missing: tuple[CaseRecord, ...]
    found: tuple[CaseRecord, ...] = ()
    cases: tuple[Case, ...] = ()
    #: those that no stream has brought in as they are now: perhaps none finds them any more
    changed: tuple[Case, ...] = ()


def land_revisions(tx: Transaction, rows: Sequence[Case]) -> int:
    """The landing of case streams: each revision once, to be decided upon."""
    return tx.land(rows)


def land_journals(keep: Callable[[Transaction, Sequence[JournalEntry]], Iterable[JournalEntry]]) -> Land:
    """The landing of a stream of `sys_journal_field`: those entries that `keep` picks, into the inbox."""

    def land(tx: Transaction, rows: Sequence[Case]) -> int:
        kept = keep(tx, [journal_entry(row) for row in rows])
        return sum(tx.receive(journal_item(entry)) is not None for entry in not_yet_here(tx, kept))

    return land


def land_attachments(keep: Callable[[Transaction, Sequence[AttachmentEntry]], Iterable[AttachmentEntry]]) -> Land:
    """The landing of a stream of `sys_attachment`: the metadata that `keep` picks, into the inbox."""

    def land(tx: Transaction, rows: Sequence[Case]) -> int:
        kept = keep(tx, [attachment_entry(row) for row in rows])
        return sum(tx.receive(attachment_item(entry)) is not None for entry in kept)

    return land


def pull(  # noqa: PLR0913 - a source's settings, each by its name
    source: CaseSource,
    store: Store,
    stream: Stream,
    *,
    page_size: int,
    lag: timedelta,
    overlap: timedelta,
    max_pages: int | None,
    start: datetime,
    land: Land = land_revisions,
    until: Callable[[], datetime] | None = None,
) -> PullReport:
    """Read a stream up to `lag` before ServiceNow's clock (or what `until` tells), or `max_pages` pages of it.

    A page's rows and the windows still to read commit together, so whatever ends the process, the next cycle goes on
    with nothing lost. An answer that cannot be trusted raises what the source raises: nothing of it was landed. While
    a page is landed the next one is asked for, in a thread of its own.
    """
    if page_size < SMALLEST_PAGE:
        raise UsageError(f"a page of {page_size} rows is too small", remedy=f"take at least {SMALLEST_PAGE}")
    with store.transaction() as tx:
        stored = tx.cursor(stream.name)
    cursor = begin(stored, start=start, server_time=until or source.server_time, lag=lag, overlap=overlap)
    most = inf if max_pages is None else max_pages
    rows = new = pages = 0
    ahead: Future[Page] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="page") as asking:
        while cursor.pending and pages < most:
            window = cursor.pending[-1]
            page = ahead.result() if ahead else source.page(stream, window, page_size)
            cursor = advance(cursor, remaining(window, page, page_size, stream.time_field))
            rows, pages = rows + len(page.rows), pages + 1
            goes_on = cursor.pending and pages < most
            ahead = asking.submit(source.page, stream, cursor.pending[-1], page_size) if goes_on else None
            with store.transaction() as tx:
                new += land(tx, page.rows)
                tx.save_cursor(stream.name, cursor)
    _log.info("stream_pulled", stream=stream.name, rows=rows, new=new, pages=pages, complete=not cursor.pending)
    return PullReport(rows, new, pages, not cursor.pending, cursor.watermark)


def pull_engaged(source: CaseSource, store: Store, *, only_gone: bool = False) -> EngagedReport:
    """Read the engaged cases whatever the filters say: a resolver may have moved one out of every source's sight."""
    with store.transaction() as tx:
        engaged = [record for record in tx.engaged_cases() if record.gone or not only_gone]
    read: list[Case] = []
    changed: list[Case] = []
    new = 0
    for table, sys_ids in _batched(engaged):
        cases = source.read_many(table, sys_ids)
        with store.transaction() as tx:
            unknown = set(tx.not_landed([Stamp(case.sys_id, case.updated_on, case.mod_count) for case in cases]))
            new += tx.land(cases)
        changed += [case for case in cases if case.sys_id in unknown]
        read += cases
    shown = {case.sys_id for case in read}
    missing = tuple(record for record in engaged if record.sys_id not in shown)
    found = tuple(record for record in engaged if record.sys_id in shown)
    _log.info("engaged_cases_pulled", rows=len(read), new=new, missing=len(missing))
    return EngagedReport(len(read), new, missing, found, tuple(read), tuple(changed))


def _batched(engaged: Iterable[CaseRecord]) -> Iterable[tuple[str, Sequence[SysId]]]:
    """Tables with as many of their sys_ids at a time as one transaction is to land."""
    by_table: dict[str, list[SysId]] = defaultdict(list)
    for record in engaged:
        by_table[record.table].append(record.sys_id)
    for table, sys_ids in by_table.items():
        for first in range(0, len(sys_ids), _ENGAGED_BATCH):
            yield table, sys_ids[first : first + _ENGAGED_BATCH]
