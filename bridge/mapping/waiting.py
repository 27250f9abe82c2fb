"""A date until which a desk says that it waits, such as for a change (LLSD 1.4, 6.3 (11-12))."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from bridge.domain.hours import ZONE

_UNTIL = re.compile(r"\b(?:until|till|by)[ \t]{1,3}(\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/\d{4})(?!\d)", re.IGNORECASE)


def waiting_until(text: str) -> datetime | None:
    """The end of the first day named after "until", "till" or "by", in UTC; None if there is none.

    Days are written 2027-01-31, or 31/01/2027 as is usual in the United Kingdom.
    """
    for found in _UNTIL.finditer(text):
        day = _day(found[1])
        if day is not None:
            return datetime.combine(day + timedelta(days=1), time(), ZONE).astimezone(UTC)
    return None


def _day(text: str) -> date | None:
    try:
        if "-" in text:
            return date.fromisoformat(text)
        day, month, year = map(int, text.split("/"))
        return date(year, month, day)
    except ValueError:
        return None
