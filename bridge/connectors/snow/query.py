"""Encoded queries, typed by pysnow's QueryBuilder.

The builder escapes nothing, so every value is checked before it enters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from pysnow import QueryBuilder

from bridge.domain.case import format_time
from bridge.domain.errors import ConfigurationError, UsageError
from bridge.domain.ids import SysId
from bridge.domain.ranges import is_bound
from bridge.ports import Window

BATCH = 200
"""The most identifiers in one query: a thousand make a URL of 33 kB, which is refused."""

_TABLE = re.compile(r"[a-z][a-z0-9_]*")
_SYS_ID = re.compile(r"[0-9A-Za-z_-]{1,32}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPING_TERM = re.compile(r"ORDERBY|GROUPBY|NQ|EQ|RLQUERY|ENDRLQUERY|JOIN")
_FIELD = re.compile(r"(?:OR)?([a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*)")


def table_name(name: str) -> str:
    """A name that may stand in a path. Raises `UsageError`."""
    if not _TABLE.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a table")
    return name


def record_id(sys_id: str) -> SysId:
    """A sys_id that may stand in a path or a query. Raises `UsageError`."""
    if not _SYS_ID.fullmatch(sys_id):
        raise UsageError(f"{sys_id!r} is no sys_id")
    return SysId(sys_id)


def literal(value: str) -> str:
    """A value that stays a value: no `^` that begins a clause, no control character, no script. Raises `UsageError`."""
    if "^" in value or _CONTROL.search(value) or value.strip().lower().startswith("javascript:"):
        raise UsageError(
            "a value cannot be used in a ServiceNow query", remedy="leave out ^, line ends and javascript:"
        )
    return value


def own_filter(text: str) -> str:
    """A configured filter that cannot escape the bounds put around it. Raises `ConfigurationError`.

    `^NQ` begins a second query that the bounds do not reach, `ORDERBY` changes which rows a page cuts off, `^EQ` ends
    the query before the bounds.
    """
    if _CONTROL.search(text):
        raise ConfigurationError("a source's query holds a control character", remedy="write it in one line")
    for place, term in enumerate(text.split("^") if text else ()):
        if _ESCAPING_TERM.match(term):
            raise ConfigurationError(
                f"a source's query holds {term[:20]!r}, which escapes the window it is read by",
                remedy="use field conditions joined by ^ and ^OR only",
            )
        if not term.removeprefix("OR") or (place == 0 and term.startswith("OR")):
            raise ConfigurationError("a source's query has an empty clause", remedy="write clauses joined by ^ or ^OR")
    return text


def filter_fields(text: str) -> tuple[str, ...]:
    """The fields that a filter names, dot-walked ones included: an unknown one would match every row."""
    found = (_FIELD.match(term) for term in text.split("^") if term)
    return tuple(dict.fromkeys(match.group(1) for match in found if match))


def joined(*clauses: str) -> str:
    """Clauses that must all hold; empty ones are left out."""
    return "^".join(clause for clause in clauses if clause)


def within(field: str, window: Window) -> str:
    """The bounds of a window: half-open in time, and by sys_id where it is one second's part."""
    times = QueryBuilder().field(field).greater_than_or_equal(window.lo).AND().field(field).less_than(window.hi)
    return joined(str(times), id_range(window.low_id, window.high_id))


def id_range(low: str, high: str) -> str:
    """sys_ids of [low, high); an empty bound is none."""
    # QueryBuilder compares numbers and times only, so these two are written out.
    return joined(f"sys_id>={record_id(low)}" if low else "", f"sys_id<{record_id(high)}" if high else "")


def equals(field: str, value: str) -> str:
    """One exact value."""
    return str(QueryBuilder().field(field).equals(literal(value)))


def group_named(group: str) -> str:
    """The members of a group, named by its name or its sys_id."""
    return equals("group" if is_bound(group) else "group.name", group)


def any_id(field: str, sys_ids: Sequence[str]) -> str:
    """One of these identifiers."""
    return str(QueryBuilder().field(field).equals([record_id(one) for one in sys_ids]))


def any_equal(fields: Sequence[str], value: str) -> str:
    """One of these fields has the value; to be put last, for `^OR` binds to its neighbour only."""
    builder = QueryBuilder().field(fields[0]).equals(literal(value))
    for field in fields[1:]:
        builder = builder.OR().field(field).equals(literal(value))
    return str(builder)


def ordered(*fields: str) -> str:
    """The order of an answer."""
    return "^".join(f"ORDERBY{field}" for field in fields)


def instant(field: str, operator: str, when: datetime) -> str:
    """A comparison with an instant by `>=` or `<`, as the canaries of `check` need it."""
    return f"{field}{operator}{format_time(when)}"
