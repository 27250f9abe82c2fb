"""The instance's clock: UTC, skewable, in ServiceNow's one-second text form."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import format_datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FORMAT = "%Y-%m-%d %H:%M:%S"


class UnknownTimeZone(ValueError):
    """A time zone name that the zone database does not hold."""


class Clock:
    """Wall clock plus a skew in seconds. Everything that the instance stamps comes from here, the Date header too."""

    def __init__(self, skew_seconds: float = 0.0) -> None:
        self.skew_seconds = skew_seconds

    def now(self) -> datetime:
        """The instance's idea of the present, aware, in UTC."""
        return datetime.fromtimestamp(time.time() + self.skew_seconds, UTC)

    def set_now(self, instant: datetime) -> None:
        """Move the clock so that it shows `instant` now and runs on from there."""
        self.skew_seconds = instant.timestamp() - time.time()

    def stamp(self) -> str:
        """The present in the form that date-time fields hold."""
        return stamp(self.now())

    def http_date(self) -> str:
        """The present as the Date header of RFC 9110."""
        return format_datetime(self.now(), usegmt=True)


def stamp(instant: datetime) -> str:
    """An aware instant as `YYYY-MM-DD HH:MM:SS` in UTC, cut to the second."""
    return instant.astimezone(UTC).strftime(FORMAT)


def zone(name: str) -> ZoneInfo:
    """A user's time zone; an empty name is UTC. Raises `UnknownTimeZone`."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UnknownTimeZone(name) from error


def parse(text: str) -> datetime | None:
    """Read a stored date-time, or a bare date as its midnight; None for anything else."""
    for layout in (FORMAT, "%Y-%m-%d"):
        try:
            return datetime.strptime(text.strip(), layout).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def to_local(text: str, where: ZoneInfo) -> str:
    """A stored UTC date-time as a user of that zone sees it; other text unchanged."""
    instant = parse(text)
    return instant.astimezone(where).strftime(FORMAT) if instant else text


def to_utc(text: str, where: ZoneInfo) -> str | None:
    """A date-time typed by a user of that zone, as it is stored; None when it is not a date-time."""
    naive = parse(text)
    return stamp(naive.replace(tzinfo=where)) if naive else None
