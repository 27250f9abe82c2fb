"""A parsed encoded query, for one table and one asker, as SQL."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from bridge.sandbox.servicenow import query_dates as dates
from bridge.sandbox.servicenow.database import Database, class_of, quoted, statement
from bridge.sandbox.servicenow.encoded_query import Clause, Either, Invalid, Query, Related, Term
from bridge.sandbox.servicenow.predicates import (
    ALWAYS,
    DISPLAY_OPERATORS,
    FIELD_OPERATORS,
    NEVER,
    Sql,
    predicate,
)
from bridge.sandbox.servicenow.schema import Field, Schema, Table


@dataclass(frozen=True)
class Compiled:
    """The condition and the sort order for rows of alias `t`; `dropped` names what was not understood."""

    where: Sql
    order: str
    dropped: tuple[str, ...]


class Compiler:
    """Compiles queries for one asker."""

    def __init__(self, schema: Schema, database: Database, asker: dates.Asker) -> None:
        self._schema = schema
        self._database = database
        self._asker = asker
        self._aliases = count()
        self._dropped: list[str] = []

    def compile(self, table: Table, query: Query, *, invalid_returns_nothing: bool = False) -> Compiled:
        """The query as SQL. A field that does not exist is dropped, unless that must empty the answer.

        The property behind the flag is `glide.invalid_query.returns_no_rows`.
        """
        self._dropped = []
        where = self._groups(table, "t", query)
        order = self._order(table, query)
        if self._dropped and invalid_returns_nothing:
            where = NEVER
        return Compiled(where, order, tuple(self._dropped))

    def value(self, table: Table, alias: str, path: tuple[str, ...]) -> str:
        """An SQL expression for a field that exists, dot-walked; a walk that breaks off gives the empty text."""
        column = table.fields[path[0]]
        own = f"{alias}.{quoted(path[0])}"
        if len(path) == 1:
            return own
        target = self._target(column)
        inner = self._alias()
        source = f"{quoted(target.physical)} {inner}"
        walked = statement(
            "(SELECT",
            self.value(target, inner, path[1:]),
            "FROM",
            source,
            "WHERE",
            f"{inner}.{quoted(column.key)} = {own})",
        )
        leaf = self._schema.resolve(table, path)
        return f"COALESCE({walked}, '')" + (" COLLATE NOCASE" if leaf and leaf.text_like else "")

    def _alias(self) -> str:
        return f"a{next(self._aliases)}"

    def _target(self, column: Field) -> Table:
        target = self._schema.target(column)
        if target is None:
            raise KeyError(column.name)
        return target

    def _groups(self, table: Table, alias: str, query: Query) -> Sql:
        parts = [self._all(table, alias, group) for group in query.groups]
        return _joined(parts, " OR ")

    def _all(self, table: Table, alias: str, group: tuple[Either, ...]) -> Sql:
        parts = []
        for either in group:
            known = [made for clause in either if (made := self._clause(table, alias, clause)) is not None]
            if known:
                parts.append(_joined(known, " OR "))
        return _joined(parts, " AND ") if parts else ALWAYS

    def _clause(self, table: Table, alias: str, clause: Clause) -> Sql | None:
        if isinstance(clause, Invalid):
            self._dropped.append(clause.text)
            return None
        if isinstance(clause, Related):
            return self._related(alias, table, clause)
        return self._term(table, alias, clause)

    def _term(self, table: Table, alias: str, term: Term) -> Sql | None:
        leaf = self._schema.resolve(table, term.path)
        if leaf is None:
            self._dropped.append(".".join(term.path))
            return None
        if term.operator in FIELD_OPERATORS:
            return self._two_fields(table, alias, term, leaf)
        if term.operator in ("MORETHAN", "LESSTHAN"):
            return self._apart(table, alias, term)
        if term.operator == "INSTANCEOF":
            kinds = self._schema.kinds_of(term.value.strip())
            if not kinds:
                return NEVER
            term = Term(term.path, "IN", ",".join(kinds))
        target = self._schema.target(leaf)
        path = term.path
        if target and term.operator in DISPLAY_OPERATORS:
            path, leaf = (*path, target.display), target.fields[target.display]
        return self._walk(table, alias, path, leaf, Term(path, term.operator, term.value))

    def _walk(self, table: Table, alias: str, path: tuple[str, ...], leaf: Field, term: Term) -> Sql:
        own = f"{alias}.{quoted(path[0])}"
        if len(path) == 1:
            return predicate(own, leaf, term.operator, term.value, self._asker)
        # A set of the records that match is computed once, where a join would look up every row.
        target = self._target(table.fields[path[0]])
        inner = self._alias()
        found = self._walk(target, inner, path[1:], leaf, term)
        empty_matches = self._holds(predicate("''", leaf, term.operator, term.value, self._asker))
        condition = found.negated() if empty_matches else found
        source = f"{quoted(target.physical)} {inner}"
        key = quoted(table.fields[path[0]].key)
        members = statement("SELECT", f"{inner}.{key}", "FROM", source, "WHERE", condition.text)
        return Sql(f"{own} {'NOT IN' if empty_matches else 'IN'} ({members})", condition.values)

    def _holds(self, constant: Sql) -> bool:
        return bool(self._database.scalar(f"SELECT {constant.text}", constant.values))

    def _two_fields(self, table: Table, alias: str, term: Term, leaf: Field) -> Sql | None:
        other = tuple(term.value.strip().split("."))
        if self._schema.resolve(table, other) is None:
            self._dropped.append(term.value)
            return None
        left, right = self.value(table, alias, term.path), self.value(table, alias, other)
        comparison = FIELD_OPERATORS[term.operator]
        if comparison in ("=", "<>"):
            return Sql(f"{left} {comparison} {right}")
        present = f"{left} <> '' AND {right} <> ''"
        if leaf.kind == "integer":
            left, right = f"CAST({left} AS REAL)", f"CAST({right} AS REAL)"
        return Sql(f"({present} AND {left} {comparison} {right})")

    def _apart(self, table: Table, alias: str, term: Term) -> Sql | None:
        asked = dates.seconds_apart(term.value)
        if asked is None or self._schema.resolve(table, tuple(asked[0].split("."))) is None:
            self._dropped.append(term.value)
            return None
        left = self.value(table, alias, term.path)
        right = self.value(table, alias, tuple(asked[0].split(".")))
        later, earlier = (left, right) if asked[1] == "after" else (right, left)
        distance = f"(CAST(strftime('%s', {later}) AS REAL) - CAST(strftime('%s', {earlier}) AS REAL))"
        present = f"{left} <> '' AND {right} <> ''"
        bound = f"{distance} > ?" if term.operator == "MORETHAN" else f"{distance} >= 0 AND {distance} < ?"
        return Sql(f"({present} AND {bound})", (asked[2],))

    def _related(self, alias: str, table: Table, related: Related) -> Sql | None:
        other = self._schema.get(related.table)
        own = tuple(related.own.split("."))
        column = tuple(related.column.split("."))
        if not other or self._schema.resolve(other, column) is None or self._schema.resolve(table, own) is None:
            self._dropped.append(f"{related.table}.{related.column}")
            return None
        inner = self._alias()
        condition = self._groups(other, inner, related.query)
        link = f"{self.value(other, inner, column)} = {self.value(table, alias, own)}"
        source = f"{quoted(other.physical)} {inner}"
        counted = statement(
            "(SELECT count(*) FROM", source, "WHERE", link, class_of(other, inner), "AND (", condition.text, "))"
        )
        return Sql(f"{counted} {related.comparison} {related.count}", condition.values)

    def _order(self, table: Table, query: Query) -> str:
        keys = []
        for order in query.orders:
            leaf = self._schema.resolve(table, order.path)
            if leaf is None:
                self._dropped.append(".".join(order.path))
                continue
            target = self._schema.target(leaf)
            value = self.value(table, "t", (*order.path, target.display) if target else order.path)
            numeric = f"CAST({value} AS REAL)" if leaf.kind == "integer" else value
            keys.append(numeric + (" DESC" if order.descending else ""))
        return f"ORDER BY {', '.join(keys)}" if keys else ""


def _joined(parts: list[Sql], word: str) -> Sql:
    """Parts joined as a balanced tree: SQLite refuses expressions that are nested too deep."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    left, right = _joined(parts[:middle], word), _joined(parts[middle:], word)
    return Sql(f"({left.text}{word}{right.text})", left.values + right.values)
