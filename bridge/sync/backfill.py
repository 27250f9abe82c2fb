"""Backfill: land what was there before the bridge went live, once, as known and not to be decided upon.

Families are told from it, and what a relative looked like before it changed. It reads by the windows of the pull, so it
needs the memory of two pages however many cases there are, and goes on after any end where its last page was landed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.domain.case import Case
from bridge.ports import CaseSource, Cursor, Store, Stream, Transaction, Window
from bridge.sync.pull import PullReport, pull

#: cases done and cases in all; None where the instance counts nothing
Told = Callable[[int, int | None], None]

_NO_TIME = timedelta()


@dataclass(frozen=True, slots=True)
class Span:
    """What is read of a stream: its changes of [since, until), in UTC."""

    since: datetime
    until: datetime


def backfill(source: CaseSource, store: Store, stream: Stream, span: Span, *, page_size: int, told: Told) -> PullReport:
    """Read a stream's span to its end, telling after each page how far it has come.

    The next run of the same span goes on with what is left; after the last page it does nothing.
    """
    name = f"{stream.name}/backfill/{span.since:%Y-%m-%dT%H:%M:%S}"
    with store.transaction() as tx:
        stood = tx.cursor(name)
    done, total = _progress(source, stream, span, stood)
    told(done, total)

    def land(tx: Transaction, rows: Sequence[Case]) -> int:
        nonlocal done
        new = tx.land(rows, decided=True)
        done += len(rows)
        told(done, total)
        return new

    return pull(
        source,
        store,
        Stream(name, stream.table, stream.query, stream.fields, stream.time_field),
        page_size=page_size,
        lag=_NO_TIME,
        overlap=_NO_TIME,
        max_pages=None,
        start=span.since,
        land=land,
        until=lambda: span.until,
    )


def _progress(source: CaseSource, stream: Stream, span: Span, stood: Cursor | None) -> tuple[int, int | None]:
    """How many cases an earlier run has done, of how many."""
    total = source.page(stream, Window(span.since, span.until), 1).total
    if total is None or stood is None:
        return 0, total
    left = [source.page(stream, window, 1).total or 0 for window in stood.pending]
    return max(0, total - sum(left)), total
