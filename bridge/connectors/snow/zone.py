"""Whether the integration user's time zone is UTC.

Plain date-times in queries and values are UTC whatever the user's zone is, but everything that is displayed is in the
user's zone: in messages to desks it would be an hour off, without a mark.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.connectors.snow.query import equals, ordered
from bridge.connectors.snow.reading import Reader
from bridge.ports import CheckResult, CheckStatus, Stream

_TITLE = "time zone"
_REMEDY = "set the integration user's time zone to UTC and its date format to the system's"
_UTC_NAMES = frozenset({"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Universal", "Zulu"})
#: months in which zones with a summer time differ from UTC, on either half of the globe
_SUMMERS = (frozenset({"04", "05", "06", "07", "08", "09", "10"}), frozenset({"11", "12", "01", "02", "03"}))


def zone_check(reader: Reader, user: str, streams: Sequence[Stream]) -> CheckResult:
    """By the user's own record where that names a zone, else by how date-times are displayed."""
    named = _named_zone(reader, user) if user else ""
    if named:
        status = CheckStatus.OK if named in _UTC_NAMES else CheckStatus.FAILED
        return CheckResult(_TITLE, status, f"{user} has {named}", "" if status is CheckStatus.OK else _REMEDY)
    pairs = [pair for stream in streams for pair in _shown_times(reader, stream)]
    if any(shown != value for shown, value in pairs):
        shown, value = next(pair for pair in pairs if pair[0] != pair[1])
        return CheckResult(_TITLE, CheckStatus.FAILED, f"{value} UTC is displayed as {shown}", _REMEDY)
    months = {value[5:7] for _, value in pairs}
    if all(months & summer for summer in _SUMMERS):
        return CheckResult(_TITLE, CheckStatus.OK, "date-times are displayed in UTC, in summer and winter")
    return CheckResult(
        _TITLE, CheckStatus.WARNING, "no zone is set and too few records show which one the system has", _REMEDY
    )


def _named_zone(reader: Reader, user: str) -> str:
    rows = reader.one_row("sys_user", equals("user_name", user), ("time_zone",)).result
    return ((rows[0].get("time_zone") or {}).get("value") or "") if rows else ""


def _shown_times(reader: Reader, stream: Stream) -> list[tuple[str, str]]:
    """Display and value of a stream's first and last time stamp."""
    field = stream.time_field
    orders = (ordered(field), f"ORDERBYDESC{field}")
    rows = [row for order in orders for row in reader.one_row(stream.table, order, (field,)).result]
    return [(pair["display_value"], pair["value"]) for row in rows if isinstance(pair := row.get(field), dict)]
