"""What every part of a transaction stands on: a connection, the clock, and inserts that may find their row there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Executable, Table, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.ports import Clock
from bridge.store.columns import from_microseconds
from bridge.store.prepared import Prepared

#: PostgreSQL's clock in microseconds since the epoch.
_NOW = Prepared(select(literal_column("CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)")))
NO_VALUES: Mapping[str, Any] = {}


T = TypeVar("T")

#: Identifiers in one statement; both databases limit its parameters.
_AT_ONCE = 500


def parts(values: Iterable[T]) -> Iterator[list[T]]:
    """Values in as many lists as statements are needed to name them all."""
    rest = iter(values)
    while part := list(islice(rest, _AT_ONCE)):
        yield part


@cache
def inserting(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """A table's INSERT. There are few, and one that is kept need not be looked at again to find it compiled."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


class Work:
    """One open transaction.

    Args:
        connection: its connection, with the transaction begun.
        clock: replaces the database's clock (simulations); None takes the database's.
        token: yields that many unpredictable bytes.
    """

    def __init__(self, connection: Connection, clock: Clock | None, token: Callable[[int], bytes]) -> None:
        self._connection = connection
        self._clock = clock
        self._token = token

    def now(self) -> datetime:
        if self._clock is not None:
            return self._clock.now()
        if self._connection.dialect.name == "sqlite":
            # SQLite would ask the same clock, and a decision asks several times.
            return datetime.now(UTC)
        return from_microseconds(self._value(_NOW))

    def _insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT whose values are given to `_execute`: written into the statement they cost more than the row."""
        return inserting(self._connection.dialect.name, table)

    def _rows(self, statement: Prepared, values: Mapping[str, Any] = NO_VALUES) -> list[Any]:
        return statement.rows(self._connection, values)

    def _row(self, statement: Prepared, values: Mapping[str, Any] = NO_VALUES) -> Any:  # noqa: ANN401 - a row, or None
        """The one row that an answer has at most."""
        (row,) = statement.rows(self._connection, values) or (None,)
        return row

    def _value(self, statement: Prepared, values: Mapping[str, Any] = NO_VALUES) -> Any:  # noqa: ANN401 - a value, or None
        """The first value of the one row that an answer has at most."""
        (row,) = statement.rows(self._connection, values) or ((None,),)
        return row[0]

    def _put(self, statement: Prepared, values: Mapping[str, Any]) -> bool:
        """Whether a statement found or made its one row."""
        return statement.changed(self._connection, values) == 1

    def _execute(self, statement: Executable, values: Any = None) -> CursorResult[Any]:  # noqa: ANN401 - rows of values
        return self._connection.execute(statement, values)

    def _changes(self, statement: Executable, values: Any = None) -> bool:  # noqa: ANN401 - as above
        """Whether a statement found or made its one row."""
        # SQLAlchemy keeps the driver's count for an INSERT only when it is asked to.
        counting = {"preserve_rowcount": True}
        return self._connection.execute(statement, values, execution_options=counting).rowcount == 1
