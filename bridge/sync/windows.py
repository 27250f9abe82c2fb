"""Reading a table that changes, without losing a row: which windows of time are still to be read.

Rows have time stamps of one second, ACLs hide rows after the page limit was applied, and offsets shift. What holds is
that a page is a prefix of the ordered set before ACLs, and that the count counts the same set. So either nothing was
cut off, or everything before the last row seen was in the prefix, or the window is halved. Every step raises a lower
bound or halves a finite range: it ends, also where every row is hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.domain.case import parse_time
from bridge.domain.errors import UntrustedAnswer
from bridge.domain.ranges import is_bound, middle
from bridge.ports import Cursor, Page, Stamps, Window

SMALLEST_PAGE = 2
_SECOND = timedelta(seconds=1)


def begin(
    cursor: Cursor | None,
    *,
    start: datetime,
    server_time: Callable[[], datetime],
    lag: timedelta,
    overlap: timedelta,
) -> Cursor:
    """The cursor with the windows that a cycle has to read; an unfinished cycle goes on where it stood.

    A cycle ends `lag` before ServiceNow's clock and begins `overlap` before the last one ended, so that a row is seen
    although it was committed up to lag + overlap after its time stamp. Our own clock has no part in it.
    """
    if cursor is not None and cursor.pending:
        return cursor
    upper = (server_time() - lag).replace(microsecond=0)
    watermark = cursor.watermark if cursor else start
    if upper <= watermark:
        return Cursor(watermark)
    return Cursor(watermark, upper, (Window(watermark - overlap if cursor else start, upper),))


def remaining(window: Window, page: Page, limit: int, time_field: str) -> tuple[Window, ...]:
    """What is left of a window after a page of it, last first. Raises `UntrustedAnswer` if it cannot be divided."""
    if _whole(page.total, len(page.rows), limit):
        return ()
    if window.hi - window.lo <= _SECOND:
        return _by_sys_id(window, page.rows[-1].sys_id if page.rows else "")
    seen_to = parse_time(page.rows[-1].values[time_field]) if page.rows else window.lo
    if seen_to > window.lo:
        return (replace(window, lo=seen_to),)
    half = window.lo + timedelta(seconds=(window.hi - window.lo) // _SECOND // 2)
    return (Window(half, window.hi), Window(window.lo, half))


def beyond(window: Window, found: Stamps, limit: int) -> tuple[Window, ...]:
    """What is left of a range of sys_ids after a page of it, last first. Raises `UntrustedAnswer`."""
    if _whole(found.total, len(found.rows), limit):
        return ()
    return _by_sys_id(window, found.rows[-1].sys_id if found.rows else "")


def advance(cursor: Cursor, rest: tuple[Window, ...]) -> Cursor:
    """The cursor after a page of its last window: with what is left of it, or complete."""
    pending = cursor.pending[:-1] + rest
    if pending or cursor.upper is None:
        return replace(cursor, pending=pending)
    return Cursor(cursor.upper)


def _whole(total: int | None, rows: int, limit: int) -> bool:
    """Whether nothing was cut off. The margin is for rows that came between the count and the rows.

    Without a count, which is allowed only where no ACL hides a row, a page that is not full is the last one.
    """
    if total is None:
        return rows < limit
    return total <= max(1, limit * 19 // 20)


def _by_sys_id(window: Window, last: str) -> tuple[Window, ...]:
    """More rows than a page in one range: all before the last one seen was in the page, else halve the range."""
    if is_bound(last) and last > window.low_id:
        return (replace(window, low_id=last),)
    half = middle(window.low_id, window.high_id)
    if half is None:
        raise UntrustedAnswer("more rows share a sys_id than a page holds", remedy="raise page_size")
    return (replace(window, low_id=half), replace(window, high_id=half))
