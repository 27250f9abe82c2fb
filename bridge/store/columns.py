"""Column types: what PostgreSQL and SQLite must keep alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, Text, TypeDecorator

#: Counts up by itself on both engines; SQLite's rowid is an INTEGER and nothing else.
SERIAL = BigInteger().with_variant(Integer, "sqlite")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(when: datetime) -> int:
    """An aware datetime as microseconds since the Unix epoch; ValueError for one without a zone."""
    if when.tzinfo is None:
        raise ValueError(f"a time without a zone: {when!r}")
    return (when - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """The aware UTC datetime of a number of microseconds since the Unix epoch."""
    return _EPOCH + timedelta(microseconds=count)


def dump_json(value: Any) -> str:  # noqa: ANN401 - JSON
    """Compact ASCII JSON, keys sorted: equal values give equal text. Times become ISO 8601; TypeError for the rest."""
    return _ENCODER.encode(value)


def _plain(value: object) -> object:
    match value:
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return dict(value)
        case set() | frozenset():
            return sorted(value)
    raise TypeError(f"not JSON: {type(value).__name__}")


_ENCODER = json.JSONEncoder(separators=(",", ":"), sort_keys=True, default=_plain)


class Instant(TypeDecorator[datetime]):
    """An instant: aware UTC datetimes in Python, microseconds since the Unix epoch in the database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else from_microseconds(value)


class Words(TypeDecorator[str]):
    """Text that may come from strangers.

    PostgreSQL stores no NUL and neither engine a lone surrogate; both become U+FFFD, so that hostile text cannot make a
    transaction fail.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Json(TypeDecorator[Any]):
    """A JSON value as compact text with sorted keys."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002
        return None if value is None else dump_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002
        if value is None:
            return None
        # Most lists are empty.
        return [] if value == "[]" else json.loads(value)


class Octets(TypeDecorator[bytes]):
    """Bytes; both drivers' own kinds of buffer become `bytes`."""

    impl = LargeBinary
    cache_ok = True

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        return None if value is None else bytes(value)
