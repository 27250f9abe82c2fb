"""The edges of periods that date choices name: `gs.beginningOfThisWeek()`, `gs.endOfLast30Days()` and their like.

A period is one of the user's calendar. A numbered one (`Last7Days`) begins so many units before the present one begins
and ends with the present one; `Last` alone is the one before. Weeks begin on Monday.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_NAME = re.compile(
    r"(?P<edge>beginning|end)Of"
    r"(?:(?P<day>Today|Yesterday|Tomorrow)"
    r"|(?P<which>This|Current|Last|Next)(?P<count>\d*)(?P<unit>Minute|Hour|Day|Week|Month|Quarter|Year)s?)"
)
_DAYS = {"Today": 0, "Yesterday": -1, "Tomorrow": 1}
_WHICH = {"This": 0, "Current": 0, "Last": -1, "Next": 1}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_SECOND = timedelta(seconds=1)


def edge(name: str, local_now: datetime) -> datetime | None:
    """The instant that such a function gives to a user whose clock shows `local_now`; None for any other name."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    first, last, unit = _span(match)
    start = beginning(local_now, unit)
    return moved(start, unit, first) if match["edge"] == "beginning" else moved(start, unit, last + 1) - _SECOND


def _span(match: re.Match[str]) -> tuple[int, int, str]:
    """The first and the last unit, counted from the present one."""
    if match["day"]:
        return _DAYS[match["day"]], _DAYS[match["day"]], "day"
    which, unit = _WHICH[match["which"]], match["unit"].lower()
    if not match["count"]:
        return which, which, unit
    distance = which * int(match["count"])
    return min(distance, 0), max(distance, 0), unit


def beginning(local: datetime, unit: str) -> datetime:
    """Where the unit that holds an instant begins."""
    minute = local.replace(second=0, microsecond=0)
    if unit in ("second", "minute"):
        return minute if unit == "minute" else local.replace(microsecond=0)
    if unit == "hour":
        return minute.replace(minute=0)
    day = minute.replace(hour=0, minute=0)
    if unit == "day":
        return day
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1, month=(day.month - 1) // _MONTHS[unit] * _MONTHS[unit] + 1)


def moved(local: datetime, unit: str, count: int) -> datetime:
    """So many units later: of a day and above the same wall clock time, and the last day of a shorter month.

    Raises OverflowError outside of the calendar.
    """
    if unit not in _MONTHS:
        distance = timedelta(seconds=_SECONDS.get(unit, 1) * count)
        if unit in ("day", "week"):
            return local + distance
        # As long as ever, also in the night in which the clocks change.
        return (local.astimezone(UTC) + distance).astimezone(local.tzinfo)
    months = local.year * 12 + local.month - 1 + count * _MONTHS[unit]
    year, month = divmod(months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError(f"{count} {unit}s")
    following = datetime(year + month // 11, (month + 1) % 12 + 1, 1, tzinfo=local.tzinfo)
    longest = (following - timedelta(days=1)).day
    return local.replace(year=year, month=month + 1, day=min(local.day, longest))
