"""Date-time values in queries: literals are UTC, `javascript:gs…` expressions are in the zone of the user who asks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bridge.sandbox.servicenow import query_periods as periods
from bridge.sandbox.servicenow.clock import parse, stamp

_CALL = re.compile(r"^(?:javascript:)\s*gs\.(\w+)\((.*)\)\s*;?\s*$", re.DOTALL)
_UNITS: Mapping[str, float] = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "dayofweek": 86400,
    "week": 604800,
    "month": 2629800,
    "quarter": 7889400,
    "year": 31557600,
}


@dataclass(frozen=True)
class Asker:
    """Who asks, where and when: what the dynamic parts of a query depend on."""

    now: datetime
    zone: ZoneInfo
    sys_id: str = ""


def is_date_only(value: str) -> bool:
    """Whether a literal names a day without a time."""
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()) is not None


def evaluate(value: str, asker: Asker) -> str | None:
    """A date-time operand in its stored form, or None when it cannot be understood."""
    call = _CALL.match(value)
    if not call:
        instant = parse(value)
        return stamp(instant) if instant else None
    arguments = [part.strip().strip("'\"") for part in call[2].split(",")] if call[2].strip() else []
    try:
        return _script(call[1], arguments, asker)
    except OverflowError:
        return None


def _script(name: str, arguments: list[str], asker: Asker) -> str | None:
    if name == "dateGenerate" and len(arguments) == 2:
        return _generated(arguments[0], arguments[1], asker.zone)
    if name in ("nowDateTime", "now", "nowNoTZ"):
        return stamp(asker.now)
    ago = re.fullmatch(r"(second|minute|hour|day|week|month|quarter|year)sAgo(Start|End)?", name)
    if ago and len(arguments) == 1 and re.fullmatch(r"-?\d{1,9}", arguments[0]):
        return _ago(asker, ago[1], int(arguments[0]), ago[2] or "")
    instant = periods.edge(name, asker.now.astimezone(asker.zone))
    return stamp(instant) if instant else None


def _ago(asker: Asker, unit: str, count: int, edge: str) -> str:
    instant = periods.moved(asker.now.astimezone(asker.zone), unit, -count)
    if not edge:
        return stamp(instant)
    start = periods.beginning(instant, unit)
    return stamp(start if edge == "Start" else periods.moved(start, unit, 1) - timedelta(seconds=1))


def _generated(day: str, time: str, where: ZoneInfo) -> str | None:
    time = {"start": "00:00:00", "end": "23:59:59"}.get(time, time)
    naive = parse(f"{day} {time}")
    return stamp(naive.replace(tzinfo=where)) if naive else None


def relative(value: str, asker: Asker) -> str | None:
    """The instant that `@hour@ago@1` names, or None."""
    match = re.fullmatch(r"@(\w+?)s?@(ago|ahead)@(\d+)", value)
    if not match or match[1] not in _UNITS:
        return None
    distance = timedelta(seconds=_UNITS[match[1]] * int(match[3]))
    return stamp(asker.now - distance if match[2] == "ago" else asker.now + distance)


def seconds_apart(value: str) -> tuple[str, str, float] | None:
    """The other field, the direction and the distance in seconds of `other@day@after@3`, or None."""
    match = re.fullmatch(r"([a-z_.]+)@(\w+?)s?@(before|after)@(\d+)", value)
    if not match or match[2] not in _UNITS:
        return None
    return match[1], match[3], _UNITS[match[2]] * int(match[4])


def date_part(value: str) -> tuple[str, str] | None:
    """The SQLite format and text that `Monday@javascript:gs.datePart('dayofweek','monday','EE')` asks for, or None."""
    match = re.search(r"gs\.datePart\(['\"](\w+)['\"],\s*['\"](\w+)['\"]", value)
    if not match:
        return None
    part, wanted = match[1].lower(), match[2].lower()
    if part == "dayofweek" and wanted in _WEEKDAYS:
        return "%w", str(_WEEKDAYS.index(wanted))
    if part == "month" and wanted in _MONTHS:
        return "%m", f"{_MONTHS.index(wanted) + 1:02}"
    if part in ("hour", "year") and wanted.isdigit():
        return ("%H", f"{int(wanted):02}") if part == "hour" else ("%Y", wanted)
    return None


_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = tuple(datetime(2000, month, 1, tzinfo=UTC).strftime("%B").lower() for month in range(1, 13))
