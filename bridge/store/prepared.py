"""Statements that every decision executes: compiled once, then handed to the driver as they are.

SQLAlchemy finds out anew, whenever a statement is executed, whether it knows it, how its values and its answer are to
be converted, and who listens. That takes longer than a local database needs to answer (ADR 22). Here its compiler and
its types do their work once, and what they made is kept.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import BindParameter, ColumnElement, Connection, Delete, Dialect, Insert, Select, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

Statement = Select[Any] | Insert | Update | Delete
Found = Any
"""A row of an answer, its columns by their names and in their order."""
_Convert = Callable[[Any], Any]


class Prepared:
    """A statement, or what builds it for a dialect (`sqlite`, `postgresql`).

    Its values are named by its `bindparam`s, those of an INSERT by its columns: always the same ones. Statements that
    are another for each number of values (`in_` of a list) are refused with `ValueError`.
    """

    def __init__(self, statement: Statement | Callable[[str], Statement]) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[Found]:
        """Every row of the answer, its columns by their names; `DBAPIError` if the driver fails."""
        compiled = self._for(connection.dialect, values)
        return compiled.converted(compiled.execute(connection, values, _answer))

    def changed(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Execute a statement that has no answer; how many rows it found or made. Raises as `rows` does."""
        count: int = self._for(connection.dialect, values).execute(connection, values, _count)
        return count

    def _for(self, dialect: Dialect, values: Mapping[str, Any]) -> _Compiled:
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            statement = self._statement(dialect.name) if callable(self._statement) else self._statement
            # Two threads may both come here: they make the same.
            compiled = self._compiled[dialect.name] = _compile(statement, dialect, list(values))
        return compiled


@dataclass(frozen=True, slots=True)
class _Value:
    """One value of a statement, in its place: given under a name, or standing in the statement itself."""

    key: str | None
    convert: _Convert | None
    fixed: Any = None

    def of(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what the driver takes
        if self.key is None:
            return self.fixed
        value = values[self.key]
        return value if self.convert is None else self.convert(value)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What the compiler has made of a statement for one dialect."""

    text: str
    values: Sequence[_Value]
    #: the values' names in the text; None where the text has places for them instead
    names: Sequence[str] | None
    #: the keys of the values that are to be given
    keys: frozenset[str]
    #: of the columns whose values are another thing to the driver than to us
    conversions: Sequence[tuple[int, _Convert]]
    row: Callable[[Sequence[Any]], Found]

    def execute(self, connection: Connection, values: Mapping[str, Any], take: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - as `take` returns
        """Hand the statement to the driver, within the connection's transaction."""
        if values.keys() != self.keys:
            raise ValueError(f"the statement's values are {sorted(self.keys)}, not {sorted(values)}")
        given = self.given(values)
        driver: Any = connection.connection.driver_connection
        errors = connection.dialect.loaded_dbapi.Error
        try:
            return take(driver.execute(self.text, given))
        except errors as error:
            # As SQLAlchemy raises it, but without the values: they are nobody's business.
            raise DBAPIError.instance(
                self.text, None, error, errors, hide_parameters=True, dialect=connection.dialect
            ) from error

    def given(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what the driver takes
        """The values as the driver takes them."""
        given = tuple([value.of(values) for value in self.values])
        return given if self.names is None else dict(zip(self.names, given, strict=True))

    def converted(self, answer: Sequence[Sequence[Any]]) -> list[Found]:
        """The driver's rows as ours."""
        if not self.conversions:
            return [self.row(one) for one in answer]
        rows = []
        for one in answer:
            values = list(one)
            for place, convert in self.conversions:
                values[place] = convert(values[place])
            rows.append(self.row(values))
        return rows


def _answer(cursor: Any) -> Any:  # noqa: ANN401 - the driver's
    return cursor.fetchall()


def _count(cursor: Any) -> Any:  # noqa: ANN401 - the driver's
    return cursor.rowcount


def _compile(statement: Statement, dialect: Dialect, keys: list[str]) -> _Compiled:
    made = statement.compile(dialect=dialect, column_keys=keys if isinstance(statement, Insert) else None)
    if not isinstance(made, SQLCompiler) or made.post_compile_params or made.insert_prefetch or made.update_prefetch:
        raise ValueError(f"this statement is not the same whenever it is executed: {made}")
    order = (made.positiontup or []) if made.positional else list(made.bind_names.values())
    values = [_value(made.binds[name], dialect) for name in order]
    columns = list(statement.exported_columns)
    row = cast(Any, namedtuple)("Found", [column.key or "" for column in columns], rename=True)  # noqa: PYI024 - as it is asked
    return _Compiled(
        text=str(made),
        values=values,
        names=None if made.positional else order,
        keys=frozenset(value.key for value in values if value.key is not None),
        conversions=list(_conversions(columns, dialect)),
        row=row._make,
    )


def _value(parameter: BindParameter[Any], dialect: Dialect) -> _Value:
    convert = parameter.type.dialect_impl(dialect).bind_processor(dialect)
    if parameter.required:
        return _Value(parameter.key, convert)
    fixed = parameter.effective_value
    return _Value(None, None, fixed if convert is None else convert(fixed))


def _conversions(columns: Sequence[ColumnElement[Any]], dialect: Dialect) -> Iterator[tuple[int, _Convert]]:
    for place, column in enumerate(columns):
        convert = column.type.dialect_impl(dialect).result_processor(dialect, None)
        if convert is not None:
            yield place, convert
