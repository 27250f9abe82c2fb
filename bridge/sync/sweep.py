"""Sweep: find what every window must miss, by comparing which revisions there are with those that were landed.

A row that commits later than lag and overlap allow, that bears an old time stamp, or that enters a source's filter
without being changed itself (a group was renamed), lies behind every window. The sweep walks over the sys_ids, which no
change moves, in large pages of three columns, and reads in full only what was never landed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

from bridge.ports import CaseSource, Cursor, Store, Stream, Window
from bridge.sync.windows import advance, beyond

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one tick of a sweep did."""

    compared: int
    #: revisions that no window had brought in
    found: int
    pages: int
    #: the walk came to its end; the next tick begins another one
    complete: bool


def sweep(
    source: CaseSource, store: Store, stream: Stream, *, since: datetime, page_size: int, max_pages: int
) -> SweepReport:
    """Compare `max_pages` pages of a case stream with the store, going on where the last tick stood.

    A walk ends where the pull had read to when it began: what came later is the pull's. Before the pull has completed
    a window there is nothing to compare with.
    """
    name = f"{stream.name}/sweep"
    with store.transaction() as tx:
        cursor = _begun(tx.cursor(name), tx.cursor(stream.name), since)
    compared = found = pages = 0
    while cursor.pending and pages < max_pages:
        window = cursor.pending[-1]
        stamps = source.stamps(stream, window, page_size)
        with store.transaction() as tx:
            missed = tx.not_landed(stamps.rows)
        revisions = source.read_many(stream.table, missed) if missed else ()
        cursor = advance(cursor, beyond(window, stamps, page_size))
        with store.transaction() as tx:
            found += tx.land(revisions)
            tx.save_cursor(name, cursor)
        compared, pages = compared + len(stamps.rows), pages + 1
    report = SweepReport(compared, found, pages, not cursor.pending)
    (_log.warning if found else _log.info)(
        "stream_swept", stream=stream.name, compared=compared, found=found, pages=pages, complete=report.complete
    )
    return report


def _begun(walk: Cursor | None, pulled: Cursor | None, since: datetime) -> Cursor:
    """The walk that goes on, or a new one over everything that the pull has read."""
    if walk is not None and walk.pending:
        return walk
    if pulled is None or pulled.watermark <= since:
        return Cursor(since)
    return Cursor(since, pulled.watermark, (Window(since, pulled.watermark),))
