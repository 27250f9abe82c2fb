"""Durations, agreed times, opening hours, days and instants, as they are written in the files."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from bridge.configuration.written import WrongValue, read_text, written
from bridge.domain.agreement import ResponseTime

_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"(\d{1,6})(ms|s|m|h|d)")
_BUSINESS_DAYS = re.compile(r"(\d{1,3})bd")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS = re.compile(r"(\w{3})(?:-(\w{3}))?\s+(\d{2}):(\d{2})-(\d{2}):(\d{2})")
_FULL_DAY = 24 * 60
OpenHours = dict[int, tuple[tuple[int, int], ...]]


def duration(value: object) -> timedelta:
    """A duration such as 30s, 15m, 2h or 1d."""
    remedy = "write a number and a unit: 30s, 15m, 2h or 1d"
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(read_text(value, "duration", remedy))
    if not found:
        raise WrongValue(f"{value!r} is no duration", remedy)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def positive_duration(value: object) -> timedelta:
    """A duration longer than nothing."""
    found = duration(value)
    if not found:
        raise WrongValue(f"{value!r} is no time at all", "write a duration above zero, such as 30s")
    return found


def response_time(value: object) -> ResponseTime:
    """An agreed time: a duration of working time, or business days such as 1bd."""
    if isinstance(value, ResponseTime):
        return value
    remedy = "write a number and a unit: 30m, 2h, or business days as 1bd"
    days = _BUSINESS_DAYS.fullmatch(read_text(value, "agreed time", remedy))
    if days and int(days[1]):
        return ResponseTime(business_days=int(days[1]))
    found = _DURATION.fullmatch(str(value))
    if not found or not int(found[1]):
        raise WrongValue(f"{value!r} is no agreed time", remedy)
    return ResponseTime(elapsed=timedelta(**{_UNITS[found[2]]: int(found[1])}))


def open_hours(text: str) -> OpenHours:
    """Opening times such as "Mon-Thu 08:00-18:00, Fri 08:00-16:00", by ISO weekday, in minutes after midnight."""
    hours: dict[int, list[tuple[int, int]]] = {}
    for part in text.split(","):
        days, span = _one_span(part.strip())
        for day in days:
            hours.setdefault(day, []).append(span)
    return {day: _without_overlap(day, spans) for day, spans in sorted(hours.items())}


def _one_span(part: str) -> tuple[range | list[int], tuple[int, int]]:
    found = _HOURS.fullmatch(part)
    remedy = 'write days and times, such as "Mon-Fri 08:00-18:00", or "24x7"'
    if not found or found[1] not in _DAYS or (found[2] or found[1]) not in _DAYS:
        raise WrongValue(f"{part!r} are no opening times", remedy)
    first, last = _DAYS.index(found[1]) + 1, _DAYS.index(found[2] or found[1]) + 1
    start, end = int(found[3]) * 60 + int(found[4]), int(found[5]) * 60 + int(found[6])
    if int(found[4]) > 59 or int(found[6]) > 59 or not start < end <= _FULL_DAY:
        raise WrongValue(f"{part!r} does not end after it starts", "write times from 00:00 to 24:00 of one day")
    days = range(first, last + 1) if first <= last else [*range(first, 8), *range(1, last + 1)]
    return days, (start, end)


def _without_overlap(day: int, spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    ordered = sorted(spans)
    if any(one[1] > other[0] for one, other in itertools.pairwise(ordered)):
        raise WrongValue(f"{_DAYS[day - 1]} has opening times that overlap", "write each time once")
    return tuple(ordered)


ALWAYS: OpenHours = dict.fromkeys(range(1, 8), ((0, _FULL_DAY),))


def hours(value: object) -> OpenHours:
    """Opening times; "24x7" is every day around the clock."""
    text = read_text(value, "opening time", 'write "Mon-Fri 08:00-18:00" or "24x7"')
    return ALWAYS if text == "24x7" else open_hours(text)


def day(value: object) -> date:
    """A calendar day, 2026-04-01."""
    try:
        return date.fromisoformat(read_text(value, "day", "write it as 2026-04-01"))
    except WrongValue:
        raise
    except ValueError:
        raise WrongValue(f"{value!r} is no day", "write it as 2026-04-01") from None


def instant(value: object) -> datetime:
    """An instant with its offset, 2026-12-01T00:00:00Z."""
    remedy = "write it with its offset from UTC, as 2026-12-01T00:00:00Z"
    try:
        found = datetime.fromisoformat(read_text(value, "instant", remedy))
    except WrongValue:
        raise
    except ValueError:
        raise WrongValue(f"{value!r} is no instant", remedy) from None
    if found.tzinfo is None:
        raise WrongValue(f"{value!r} does not say its offset from UTC", remedy)
    return found.astimezone(UTC)


_DURATION_TEXT = r"^\d{1,6}(ms|s|m|h|d)$"
Duration = Annotated[timedelta, *written(duration, _DURATION_TEXT, "30s")]
PositiveDuration = Annotated[timedelta, *written(positive_duration, _DURATION_TEXT, "30s")]
AgreedTime = Annotated[ResponseTime, *written(response_time, r"^\d{1,6}(ms|s|m|h|d|bd)$", "1bd")]
Hours = Annotated[OpenHours, *written(hours, r"^(24x7|.*\d{2}:\d{2}-\d{2}:\d{2}.*)$", "Mon-Fri 08:00-18:00")]
Day = Annotated[date, *written(day, r"^\d{4}-\d{2}-\d{2}$", "2026-04-01")]
Instant = Annotated[datetime, *written(instant, r"^\d{4}-\d{2}-\d{2}T.+$", "2026-12-01T00:00:00Z")]
