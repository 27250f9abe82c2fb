"""Arithmetic of working time: a desk's opening hours in local wall-clock time, public holidays and clock changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

import holidays

from bridge.domain.agreement import ResponseTime, WorkingHours

ZONE = ZoneInfo("Europe/London")
NO_HOLIDAYS = "none"

_SUBDIVISIONS = MappingProxyType({"england-wales": "ENG", "scotland": "SCT", "northern-ireland": "NIR"})
CALENDARS = (*_SUBDIVISIONS, NO_HOLIDAYS)
"""Whose public holidays close a desk."""

# No desk is closed for this long; without a bound a desk without hours would be waited for until the year 9999.
_FURTHEST = timedelta(days=400)
_ONE_DAY = timedelta(days=1)


class NeverOpenError(ValueError):
    """The hours have no time at which the desk works."""


@lru_cache(maxsize=200)
def public_holidays(calendar: str, year: int) -> frozenset[date]:
    """The public holidays of a part of the United Kingdom in a year; empty for the calendar `none`."""
    if calendar == NO_HOLIDAYS:
        return frozenset()
    return frozenset(holidays.country_holidays("GB", subdiv=_SUBDIVISIONS[calendar], years=year))


def is_business_day(day: date, hours: WorkingHours) -> bool:
    """Whether the desk works at all on a local day."""
    if not hours.open.get(day.isoweekday()) or day in hours.closed:
        return False
    return day in hours.open_on or day not in public_holidays(hours.calendar, day.year)


def spans(day: date, hours: WorkingHours) -> Iterator[tuple[datetime, datetime]]:
    """The spans of a local day in which the desk works, in UTC. A span that the clock change swallows is left out."""
    if not is_business_day(day, hours):
        return
    for start, end in hours.open[day.isoweekday()]:
        opens, closes = _instant(day, start), _instant(day, end)
        if opens < closes:
            yield opens, closes


def is_open(at: datetime, hours: WorkingHours) -> bool:
    """Whether the desk works at an instant."""
    return any(opens <= at < closes for opens, closes in spans(at.astimezone(ZONE).date(), hours))


def next_open(at: datetime, hours: WorkingHours) -> datetime:
    """The instant itself if the desk works then, else when it next opens. Raises `NeverOpenError`."""
    opens, _ = next(_spans_from(at, hours))
    return max(opens, at.astimezone(UTC))


def add_working_time(at: datetime, amount: timedelta, hours: WorkingHours) -> datetime:
    """The first instant by which the desk has worked this long since `at`. Raises `NeverOpenError`."""
    left = amount
    for opens, closes in _spans_from(at, hours):
        begin = max(opens, at)
        if begin + left <= closes:
            return (begin + left).astimezone(UTC)
        left -= closes - begin
    raise NeverOpenError("the desk does not work that long")


def add_business_days(at: datetime, days: int, hours: WorkingHours) -> datetime:
    """The same time of day so many business days later, within that day's hours.

    Out of hours, counting starts when the desk next opens. Raises `NeverOpenError`.
    """
    start = next_open(at, hours).astimezone(ZONE)
    day = start.date()
    for _ in range(days):
        day = _next_business_day(day, hours)
    return _within(_instant(day, start.hour * 60 + start.minute, start.second, start.microsecond), day, hours)


def working_time(start: datetime, end: datetime, hours: WorkingHours) -> timedelta:
    """How long the desk works between two instants; nothing if the second is not later."""
    total, day = timedelta(), start.astimezone(ZONE).date()
    while day <= end.astimezone(ZONE).date():
        for opens, closes in spans(day, hours):
            total += max(min(closes, end) - max(opens, start), timedelta())
        day += _ONE_DAY
    return total


def due(at: datetime, within: ResponseTime, hours: WorkingHours, *, major: bool = False) -> datetime:
    """When an agreed time that starts now ends. Raises `NeverOpenError`.

    A major incident runs around the clock where that was agreed; business days stay business days.
    """
    if within.elapsed is None:
        return add_business_days(at, within.business_days, hours)
    if major and hours.major_incidents_always:
        return at.astimezone(UTC) + within.elapsed
    return add_working_time(at, within.elapsed, hours)


def _spans_from(at: datetime, hours: WorkingHours) -> Iterator[tuple[datetime, datetime]]:
    """The spans that end after an instant, in order; raises `NeverOpenError` when there are no more for long."""
    day = at.astimezone(ZONE).date()
    last_found = day
    while day - last_found <= _FURTHEST:
        for opens, closes in spans(day, hours):
            last_found = day
            if closes > at:
                yield opens, closes
        day += _ONE_DAY
    raise NeverOpenError(f"the desk does not work in the {_FURTHEST.days} days after {last_found}")


def _next_business_day(day: date, hours: WorkingHours) -> date:
    for distance in range(1, _FURTHEST.days):
        later = day + timedelta(days=distance)
        if any(True for _ in spans(later, hours)):
            return later
    raise NeverOpenError(f"the desk does not work in the {_FURTHEST.days} days after {day}")


def _within(at: datetime, day: date, hours: WorkingHours) -> datetime:
    """An instant of a business day, moved into its hours: to the next opening, or back to the last closing."""
    closes = at
    for opens, closes in spans(day, hours):
        if at <= closes:
            return max(at, opens)
    return closes


def _instant(day: date, minute: int, second: int = 0, microsecond: int = 0) -> datetime:
    """A local wall-clock time in UTC.

    A time that occurs twice when the clocks go back is the first one; one that is skipped when they go forward is the
    moment of the change.
    """
    midnight = datetime.combine(day + timedelta(days=minute // 1440), time())
    wall = midnight + timedelta(minutes=minute % 1440, seconds=second, microseconds=microsecond)
    found = wall.replace(tzinfo=ZONE).astimezone(UTC)
    if found.astimezone(ZONE).replace(tzinfo=None) == wall:
        return found
    return _clock_change(wall.replace(tzinfo=ZONE, fold=1).astimezone(UTC), found)


def _clock_change(before: datetime, after: datetime) -> datetime:
    """The instant between two at which the local offset changes, to the second."""
    before, after = before.replace(microsecond=0), after.replace(microsecond=0)
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(ZONE).utcoffset() == after.astimezone(ZONE).utcoffset():
            after = middle
        else:
            before = middle
    return after
