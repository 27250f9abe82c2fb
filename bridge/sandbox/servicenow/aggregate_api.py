"""The Aggregate API: `/api/now/stats/{table}`. All values are text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.sandbox.servicenow.accounts import Actor
from bridge.sandbox.servicenow.database import class_of, quoted, statement
from bridge.sandbox.servicenow.predicates import Sql
from bridge.sandbox.servicenow.query_sql import Compiler
from bridge.sandbox.servicenow.schema import Field, Schema, Table
from bridge.sandbox.servicenow.table_api import TableApi
from bridge.sandbox.servicenow.web import ApiError, Request, Response

_FUNCTIONS = ("avg", "sum", "min", "max")
_COMPARISONS = {"=": "=", "!=": "<>", ">": ">", ">=": ">=", "<": "<", "<=": "<="}


class AggregateApi:
    """Counts, sums and extremes, optionally in groups."""

    def __init__(self, tables: TableApi) -> None:
        self._tables = tables

    def answer(self, request: Request, actor: Actor, name: str) -> Response:
        """Answer a request for statistics of a table."""
        table = self._tables.reading.schema.get(name)
        if table is None:
            raise ApiError(400, f"Invalid table {name}")
        if request.method != "GET":
            raise ApiError(405, "Method not allowed", f"{request.method} is not supported by this resource")
        groups = self._known(table, request.parameters.get("sysparm_group_by", ""))
        wanted = [
            (function, field)
            for function in _FUNCTIONS
            for field in self._known(table, request.parameters.get(f"sysparm_{function}_fields", ""))
        ]
        rows = self._rows(request, actor, table, groups, wanted)
        answers = [self._stats(request, table, row, groups, wanted) for row in rows]
        return Response.of({"result": answers if groups else answers[0] if answers else {"stats": {}}})

    def _known(self, table: Table, names: str) -> list[str]:
        schema = self._tables.reading.schema
        return [name for name in names.split(",") if name and schema.resolve(table, tuple(name.split(".")))]

    def _rows(
        self, request: Request, actor: Actor, table: Table, groups: Sequence[str], wanted: Sequence[tuple[str, str]]
    ) -> list[tuple[Any, ...]]:
        reading = self._tables.reading
        figures = Figures(reading.schema, table, reading.compiler(actor))
        where = reading.compile(table, self._tables.query(request, table), actor).where
        keys = [figures.value(name) for name in groups]
        having = figures.having(request.parameters.get("sysparm_having", ""))
        order = figures.order(request.parameters.get("sysparm_order_by", ""), groups)
        sql = statement(
            "SELECT",
            ", ".join((*keys, "count(*)", *(figures.figure(function, name) for function, name in wanted))),
            "FROM",
            f"{quoted(table.physical)} t",
            "WHERE",
            f"({where.text})",
            class_of(table, "t"),
            f"GROUP BY {', '.join(keys)}" if keys else "",
            f"HAVING {having.text}" if having.text else "",
            f"ORDER BY {', '.join((*order, *keys))}" if keys else "",
        )
        return list(reading.database.rows(sql, (*where.values, *having.values)))

    def _stats(
        self,
        request: Request,
        table: Table,
        row: tuple[Any, ...],
        groups: Sequence[str],
        wanted: Sequence[tuple[str, str]],
    ) -> dict[str, Any]:
        stats: dict[str, Any] = {"count": str(row[len(groups)])} if request.flag("sysparm_count") else {}
        for (function, name), value in zip(wanted, row[len(groups) + 1 :], strict=True):
            stats.setdefault(function, {})[name] = "" if value is None else _text(function, value)
        if not groups:
            return {"stats": stats}
        fields = [self._group(request, table, name, value) for name, value in zip(groups, row, strict=False)]
        return {"stats": stats, "groupby_fields": fields}

    def _group(self, request: Request, table: Table, name: str, value: str) -> dict[str, str]:
        shown = {"field": name, "value": value}
        column = self._tables.reading.schema.resolve(table, tuple(name.split(".")))
        mode = request.parameters.get("sysparm_display_value", "").lower()
        if column is None or mode not in ("true", "all"):
            return shown
        displays = self._tables.reading.displays
        label = displays.choices(table, name).get(value, value)
        text = displays.referenced(column, value) if column.kind == "reference" else label
        return {"field": name, "value": text} if mode == "true" else shown | {"display_value": text}


class Figures:
    """Aggregates of one table as SQL. What names no field, function or comparison is left out, as on the platform."""

    def __init__(self, schema: Schema, table: Table, compiler: Compiler) -> None:
        self._schema = schema
        self._table = table
        self._compiler = compiler

    def _field(self, name: str) -> Field | None:
        return self._schema.resolve(self._table, tuple(name.split(".")))

    def value(self, name: str) -> str:
        """A field that exists."""
        return self._compiler.value(self._table, "t", tuple(name.split(".")))

    def figure(self, function: str, name: str) -> str:
        """An aggregate of a field that exists; empty values do not count."""
        value = self.value(name)
        column = self._field(name)
        numeric = function in ("avg", "sum") or (column is not None and column.kind == "integer")
        known = f"CASE WHEN {value} = '' THEN NULL ELSE {f'CAST({value} AS REAL)' if numeric else value} END"
        return f"{function}({known})"

    def having(self, text: str) -> Sql:
        """`sysparm_having`: `aggregate^field^operator^value`, several by comma; all must hold."""
        parts, values = [], []
        for condition in text.split(","):
            pieces = condition.strip().split("^")
            function = pieces[0].lower()
            if len(pieces) != 4 or not self._aggregates(function, pieces[1]) or pieces[2] not in _COMPARISONS:
                continue
            parts.append(f"{self.figure(function, pieces[1])} {_COMPARISONS[pieces[2]]} CAST(? AS REAL)")
            values.append(pieces[3])
        return Sql(" AND ".join(parts), tuple(values))

    def order(self, text: str, groups: Sequence[str]) -> list[str]:
        """`sysparm_order_by`: a grouped field, `COUNT`, or `AVG^field`, each with `^DESC` or without."""
        keys = []
        for asked in text.split(","):
            pieces = asked.strip().split("^")
            direction = " DESC" if pieces[-1].upper() == "DESC" else ""
            named = pieces[:-1] if direction else pieces
            function = named[0].lower()
            if function == "count":
                keys.append(f"count(*){direction}")
            elif len(named) == 2 and self._aggregates(function, named[1]):
                keys.append(self.figure(function, named[1]) + direction)
            elif len(named) == 1 and named[0] in groups:
                keys.append(self.value(named[0]) + direction)
        return keys

    def _aggregates(self, function: str, name: str) -> bool:
        return function in (*_FUNCTIONS, "count") and self._field(name) is not None


def _text(function: str, value: object) -> str:
    """Averages have four decimals, sums and extremes none unless they need them."""
    if function == "avg" and isinstance(value, float):
        return f"{value:.4f}"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
