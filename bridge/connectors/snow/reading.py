"""Reading rows: one page of a window, or the complete set of what matches. Bulk reads use the session directly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TypeVar

from bridge.connectors.snow.answers import Answer
from bridge.connectors.snow.columns import asked
from bridge.connectors.snow.query import BATCH, any_id, id_range, joined, ordered, own_filter, table_name, within
from bridge.connectors.snow.retry import Repeating
from bridge.connectors.snow.rows import cases, displayed, refuse_strangers, refuse_stray_stamps, shape, stamps
from bridge.connectors.snow.session import Session
from bridge.domain.case import Case
from bridge.domain.errors import UntrustedAnswer
from bridge.domain.ids import SysId
from bridge.domain.ranges import is_bound, middle
from bridge.ports import Page, Stamps, Stream, Window

TABLE_PATH = "/api/now/table/"
_SET_LIMIT = 1000
#: a count within this share of the limit proves that nothing was cut off, even if rows came in between
_CERTAIN = 0.95

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reader:
    """Asks the Table API for rows, again and again where that may help."""

    session: Session
    repeat: Repeating
    #: columns wanted by the configuration, by table
    fields: Mapping[str, Sequence[str]]

    def page(self, stream: Stream, window: Window, limit: int) -> Page:
        """The first `limit` rows of a window."""
        query = joined(
            own_filter(stream.query), within(stream.time_field, window), ordered(stream.time_field, "sys_id")
        )
        return self.repeat(lambda: self._page(stream, window, query, limit))

    def stamps(self, stream: Stream, window: Window, limit: int) -> Stamps:
        """Which revisions a window holds, the first `limit` in the order of sys_ids."""
        query = joined(own_filter(stream.query), within(stream.time_field, window), ordered("sys_id"))
        params = {
            "sysparm_query": query,
            "sysparm_fields": f"sys_id,{stream.time_field},sys_mod_count",
            "sysparm_limit": str(limit),
            "sysparm_display_value": "false",
            "sysparm_exclude_reference_link": "true",
        }
        return self.repeat(lambda: self._stamps(stream, params, window, limit))

    def complete(self, table: str, query: str, limit: int = _SET_LIMIT) -> tuple[Case, ...]:
        """Every row that matches and is shown to us, by ranges of sys_id, so that hidden rows cannot end it early."""
        return self._all(query, limit, partial(self._rows, table, limit))

    def shown(self, table: str, query: str, fields: Sequence[str], limit: int) -> tuple[Case, ...]:
        """As `complete`, of some fields only, each with its display value also where that is a journal."""
        return self._all(query, limit, partial(self._shown, table, ",".join(("sys_id", *fields)), limit))

    def _all(self, query: str, limit: int, ask: Callable[[str], tuple[tuple[Case, ...], int]]) -> tuple[Case, ...]:
        found: dict[str, Case] = {}
        ranges = [("", "")]
        while ranges:
            low, high = ranges.pop()
            bounded = joined(query, id_range(low, high), ordered("sys_id"))
            rows, total = self.repeat(partial(ask, bounded))
            found.update((row.sys_id, row) for row in rows)
            if total > _CERTAIN * limit:
                ranges += _rest(low, high, rows)
        return tuple(found.values())

    def of(self, table: str, field: str, sys_ids: Sequence[SysId], *clauses: str) -> tuple[Case, ...]:
        """Every row whose field is one of any number of identifiers."""
        groups = batches(dict.fromkeys(sys_ids))
        return tuple(row for ids in groups for row in self.complete(table, joined(any_id(field, ids), *clauses)))

    def ask_time(self) -> datetime:
        """ServiceNow's clock, by the cheapest question that any user may ask."""
        params = {"sysparm_fields": "sys_id", "sysparm_limit": "1", "sysparm_no_count": "true"}
        return self.repeat(lambda: self.session.ask("GET", TABLE_PATH + "sys_user", params=params)).server_time

    def one_row(self, table: str, query: str, fields: Sequence[str] = ()) -> Answer:
        """The raw first row of a query, with its count: what `check` looks at."""
        return self.sample(table, query, 1, fields)

    def sample(self, table: str, query: str, limit: int, fields: Sequence[str] = ()) -> Answer:
        """The raw first rows of a query, with its count."""
        return self.repeat(lambda: self._ask(table, query, limit, asked(table, fields)))

    def _page(self, stream: Stream, window: Window, query: str, limit: int) -> Page:
        names = asked(stream.table, self.fields.get(stream.table, ()), stream.fields)
        answer = self._ask(stream.table, query, limit, names)
        rows = cases(stream.table, answer.result)
        self._believe(rows, answer.total, limit)
        refuse_strangers(rows, stream.time_field, window)
        return Page(rows, answer.total, answer.server_time)

    def _stamps(self, stream: Stream, params: Mapping[str, str], window: Window, limit: int) -> Stamps:
        answer = self.session.ask("GET", TABLE_PATH + table_name(stream.table), params=params)
        rows = stamps(stream.table, answer.result, stream.time_field)
        self._believe(rows, answer.total, limit)
        refuse_stray_stamps(stream.table, rows, window)
        return Stamps(rows, answer.total)

    def _rows(self, table: str, limit: int, query: str) -> tuple[tuple[Case, ...], int]:
        answer = self._ask(table, query, limit, asked(table, self.fields.get(table, ())))
        rows = cases(table, answer.result)
        self._believe(rows, answer.total, limit)
        return rows, len(rows) if answer.total is None else answer.total

    def _shown(self, table: str, fields: str, limit: int, query: str) -> tuple[tuple[Case, ...], int]:
        answer = self._ask(table, query, limit, fields)
        rows = displayed(table, answer.result)
        self._believe(rows, answer.total, limit)
        return rows, len(rows) if answer.total is None else answer.total

    def _ask(self, table: str, query: str, limit: int, fields: str) -> Answer:
        params = {"sysparm_query": query, "sysparm_fields": fields, "sysparm_limit": str(limit), **shape(table)}
        return self.session.ask("GET", TABLE_PATH + table_name(table), params=params)

    def _believe(self, rows: Sequence[object], total: int | None, limit: int) -> None:
        """`UntrustedAnswer` for more rows than there are or were asked for, or where a count is needed and missing."""
        if total is None and not self.session.connection.sees_every_row:
            raise UntrustedAnswer(
                "the answer has no X-Total-Count",
                remedy="let the count through, or assert servicenow.sees_every_row if no ACL hides a row",
            )
        if len(rows) > (limit if total is None else min(total, limit)):
            raise UntrustedAnswer(f"{len(rows)} rows where {total} match and {limit} were asked for")


def batches(items: Iterable[T], size: int = BATCH) -> Iterable[tuple[T, ...]]:
    """Items in groups of at most `size`."""
    left = iter(items)
    while group := tuple(islice(left, size)):
        yield group


def _rest(low: str, high: str, rows: Sequence[Case]) -> list[tuple[str, str]]:
    """What is still to be read of a range whose answer was cut off: all before the last row seen was in it."""
    last = rows[-1].sys_id if rows else ""
    if is_bound(last) and last > low:
        return [(last, high)]
    half = middle(low, high)
    if half is None:
        raise UntrustedAnswer("more rows share a sys_id than a page holds")
    return [(half, high), (low, half)]
