"""Reading rows for one user: the query, the access rules, and the shape of the answer brought together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.sandbox.servicenow.accounts import Actor
from bridge.sandbox.servicenow.acl import AccessRules
from bridge.sandbox.servicenow.clock import Clock
from bridge.sandbox.servicenow.database import Database, class_of, quoted, statement
from bridge.sandbox.servicenow.displays import Displays
from bridge.sandbox.servicenow.encoded_query import Query, parse
from bridge.sandbox.servicenow.predicates import NEVER, Sql
from bridge.sandbox.servicenow.query_dates import Asker
from bridge.sandbox.servicenow.query_sql import Compiled, Compiler
from bridge.sandbox.servicenow.schema import Schema, Table
from bridge.sandbox.servicenow.shapes import Column, Shape, Shaper

_MOST_ROWS = 1_000_000_000


@dataclass(frozen=True)
class Page:
    """Rows as JSON texts; `total` counts all that match, also those hidden from the user; None when not asked for."""

    rows: list[str]
    total: int | None
    #: How many rows the limit took, before access rules hid some of them.
    taken: int


@dataclass
class Reading:
    """The read side of all tables."""

    schema: Schema
    database: Database
    displays: Displays
    access: AccessRules
    clock: Clock

    def compiler(self, actor: Actor) -> Compiler:
        """A query compiler for that user, now."""
        return Compiler(self.schema, self.database, Asker(self.clock.now(), actor.zone, actor.sys_id))

    def compile(self, table: Table, query: Query, actor: Actor) -> Compiled:
        """A query as SQL for that user. Raises 403 when a query ACL forbids it."""
        self.access.check_read(actor.user_name, actor.roles, table, query)
        return self.compiler(actor).compile(table, query, invalid_returns_nothing=self._strict())

    def page(
        self,
        table: Table,
        query: Query,
        actor: Actor,
        shape: Shape,
        shaper: Shaper,
        window: tuple[int, int, bool],
    ) -> Page:
        """Rows from an offset up to a limit. `window` is (limit, offset, whether to count)."""
        limit, offset, counted = window
        compiled = self.compile(table, query, actor)
        total = self.count(table, compiled.where) if counted else None
        columns = shaper.columns(table, shape)
        rows = self._rows(table, compiled, actor, columns, (min(limit, _MOST_ROWS), min(offset, _MOST_ROWS)))
        visible = [(row[0], *row[2:]) for row in rows if not row[1]]
        return Page(shaper.encode(table, columns, shape, visible), total, len(rows))

    def one(self, table: Table, sys_id: str, actor: Actor, shape: Shape, shaper: Shaper) -> str | None:
        """One record as JSON text, or None when it does not exist or is hidden from the user."""
        self.access.check_read(actor.user_name, actor.roles, table, Query())
        columns = shaper.columns(table, shape)
        where = Compiled(Sql("t.sys_id = ?", (sys_id,)), "", ())
        visible = [(row[0], *row[2:]) for row in self._rows(table, where, actor, columns, (1, 0)) if not row[1]]
        return shaper.encode(table, columns, shape, visible)[0] if visible else None

    def count(self, table: Table, where: Sql) -> int:
        """How many rows match, hidden ones included."""
        source = f"{quoted(table.physical)} t"
        sql = statement("SELECT count(*) FROM", source, "WHERE", where.text, class_of(table, "t"))
        return int(str(self.database.scalar(sql, where.values)))

    def _rows(
        self, table: Table, compiled: Compiled, actor: Actor, columns: Sequence[Column], window: tuple[int, int]
    ) -> list[tuple[str, ...]]:
        compiler = self.compiler(actor)
        hidden = self._hidden(table, actor, compiler)
        values = [compiler.value(table, "t", column.path) for column in columns]
        sql = statement(
            "SELECT",
            ", ".join(("t.sys_id", hidden.text, *values)),
            "FROM",
            f"{quoted(table.physical)} t",
            "WHERE",
            f"({compiled.where.text})",
            class_of(table, "t"),
            compiled.order,
            "LIMIT ? OFFSET ?",
        )
        return self.database.rows(sql, (*hidden.values, *compiled.where.values, *window))

    def _hidden(self, table: Table, actor: Actor, compiler: Compiler) -> Sql:
        rules = self.access.hidden(actor.user_name, actor.roles, table)
        parts = [compiler.compile(table, parse(rule)).where for rule in rules]
        if not parts:
            return NEVER
        return Sql(" OR ".join(f"({part.text})" for part in parts), tuple(v for part in parts for v in part.values))

    def _strict(self) -> bool:
        sql = "SELECT value FROM sys_properties WHERE name = 'glide.invalid_query.returns_no_rows'"
        return self.database.scalar(sql) == "true"
