"""The Aggregate API: `/api/now/stats/{table}`. All values are text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.sandbox.servicenow.accounts import Actor
from bridge.sandbox.servicenow.database import class_of, quoted, statement
from bridge.sandbox.servicenow.schema import Table
from bridge.sandbox.servicenow.table_api import TableApi
from bridge.sandbox.servicenow.web import ApiError, Request, Response

_FUNCTIONS = ("avg", "sum", "min", "max")


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
        return Response.of({"result": answers if groups else answers[0]})

    def _known(self, table: Table, names: str) -> list[str]:
        schema = self._tables.reading.schema
        return [name for name in names.split(",") if name and schema.resolve(table, tuple(name.split(".")))]

    def _rows(
        self, request: Request, actor: Actor, table: Table, groups: Sequence[str], wanted: Sequence[tuple[str, str]]
    ) -> list[tuple[Any, ...]]:
        reading = self._tables.reading
        compiler = reading.compiler(actor)
        where = reading.compile(table, self._tables.query(request, table), actor).where
        keys = [compiler.value(table, "t", tuple(name.split("."))) for name in groups]
        figures = [
            f"{function}(NULLIF({_operand(function, compiler.value(table, 't', tuple(name.split('.'))))}, ''))"
            for function, name in wanted
        ]
        grouping = f"GROUP BY {', '.join(keys)} ORDER BY {', '.join(keys)}" if keys else ""
        return list(
            reading.database.rows(
                statement(
                    "SELECT",
                    ", ".join((*keys, "count(*)", *figures)),
                    "FROM",
                    f"{quoted(table.physical)} t",
                    "WHERE",
                    f"({where.text})",
                    class_of(table, "t"),
                    grouping,
                ),
                where.values,
            )
        )

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
            stats.setdefault(function, {})[name] = "" if value is None else _text(value)
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


def _operand(function: str, value: str) -> str:
    return f"CASE WHEN {value} = '' THEN '' ELSE CAST({value} AS REAL) END" if function in ("avg", "sum") else value


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
