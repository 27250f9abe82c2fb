"""Rows of the Table API as the domain's cases. This runs once per field of every row, so it walks each row once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.connectors.snow.columns import PLAIN, REQUIRED
from bridge.domain.case import Case, format_time, parse_time
from bridge.domain.errors import UntrustedAnswer
from bridge.domain.ids import SysId
from bridge.ports import Stamp, Window


def shape(table: str) -> dict[str, str]:
    """The parameters that decide how values are written: pairs of display and value, or plain values."""
    return {
        "sysparm_display_value": "false" if table in PLAIN else "all",
        "sysparm_exclude_reference_link": "true",
    }


def cases(table: str, rows: object) -> tuple[Case, ...]:
    """Rows of one answer; `UntrustedAnswer` if they are not in the shape that was asked for."""
    read = _plain if table in PLAIN else _full
    try:
        return tuple([read(table, row) for row in _listed(rows)])
    except (KeyError, TypeError, AttributeError) as error:
        raise UntrustedAnswer(f"a row of {table} has not the shape that was asked for ({error})") from None


def displayed(table: str, rows: object) -> tuple[Case, ...]:
    """Rows of `sysparm_display_value=all` with every display, also of what holds no value of its own: journals."""
    try:
        return tuple(
            [
                Case(
                    table,
                    SysId(row["sys_id"]["value"]),
                    {name: pair["value"] or "" for name, pair in row.items()},
                    {name: pair["display_value"] or "" for name, pair in row.items()},
                )
                for row in _listed(rows)
            ]
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UntrustedAnswer(f"a row of {table} has not the shape that was asked for ({error})") from None


def stamps(table: str, rows: object, time_field: str) -> tuple[Stamp, ...]:
    """Rows of which only the revision was asked for; `UntrustedAnswer` if that is not what came."""
    try:
        return tuple(
            [
                Stamp(SysId(row["sys_id"]), parse_time(row[time_field]), int(row["sys_mod_count"] or 0))
                for row in _listed(rows)
            ]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UntrustedAnswer(f"a row of {table} does not tell its revision ({error})") from None


def _full(table: str, row: dict[str, dict[str, Any]]) -> Case:
    """A row of `sysparm_display_value=all`.

    What is empty is displayed as null (choices), `UNKNOWN` (`sla_due`) or a whole journal: none of these says what the
    field holds, so only filled fields keep a display.
    """
    values: dict[str, str] = {}
    displays: dict[str, str] = {}
    for name, pair in row.items():
        value, shown = pair["value"], pair["display_value"]
        values[name] = value or ""
        if shown and value and shown != value:
            displays[name] = shown
    return Case(table, SysId(values["sys_id"]), values, displays)


def _plain(table: str, row: dict[str, str]) -> Case:
    """A row of `sysparm_display_value=false` without links."""
    if missing := REQUIRED[table] - row.keys():
        raise UntrustedAnswer(
            f"rows of {table} come without {', '.join(sorted(missing))}",
            remedy="ask the ServiceNow administrator for the right to read these columns",
        )
    return Case(table, SysId(row["sys_id"]), {name: value or "" for name, value in row.items()})


def _listed(rows: object) -> Sequence[dict[str, Any]]:
    if not isinstance(rows, list):
        raise UntrustedAnswer("a list of rows was asked for, and something else came")
    return rows


def refuse_strangers(rows: Sequence[Case], field: str, window: Window) -> None:
    """`UntrustedAnswer` unless the rows lie within the window, in the order of time.

    The order of sys_ids within a second is the database's own (its collation), and nothing here depends on it.
    """
    lo, hi, low_id, high_id = format_time(window.lo), format_time(window.hi), window.low_id, window.high_id
    before = lo
    for row in rows:
        time = row.values.get(field, "")
        if not before <= time < hi:
            raise UntrustedAnswer(
                f"a row of {row.table} lies outside of the window that was asked for, or out of order",
                remedy=f"run check: the integration user must be able to read and compare {field}",
                case=row.sys_id,
            )
        before = time
    if not all(low_id <= row.sys_id and (not high_id or row.sys_id < high_id) for row in rows):
        raise UntrustedAnswer(f"a row of {rows[0].table} lies outside of the sys_ids that were asked for")


def refuse_stray_stamps(table: str, found: Sequence[Stamp], window: Window) -> None:
    """`UntrustedAnswer` unless all of them lie within the window: a filter that was dropped shows here."""
    low, high = window.low_id, window.high_id
    for stamp in found:
        if not (
            window.lo <= stamp.updated_on < window.hi and low <= stamp.sys_id and (not high or stamp.sys_id < high)
        ):
            raise UntrustedAnswer(
                f"a row of {table} lies outside of the range that was asked for",
                remedy="run check: the integration user must be able to compare sys_id and the time of the last change",
                case=stamp.sys_id,
            )
