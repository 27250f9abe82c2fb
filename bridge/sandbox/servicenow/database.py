"""Storage of the instance: SQLite behind one lock, a table of text columns per storage, one transaction per request."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bridge.sandbox.servicenow.schema import Field, Schema, Table

Row = tuple[str, ...]

#: Indexes that every task table gets: the pull reads in this order, and counts must not visit the rows.
_PULL_INDEX = ("sys_updated_on", "sys_id", "assignment_group", "state", "active", "priority")
_INDEXED: Mapping[str, Sequence[Sequence[str]]] = {
    "sys_journal_field": (("element_id", "element"), ("sys_created_on", "sys_id")),
    "sys_attachment": (("table_sys_id",), ("sys_created_on", "sys_id")),
    "sys_audit": (("documentkey",), ("sys_created_on", "sys_id")),
    "sys_user": (("user_name",),),
}


def quoted(name: str) -> str:
    """A column or table name as SQL needs it; `order` and `case` are fields of real tables."""
    return f'"{name}"'


def statement(*parts: str) -> str:
    """A statement from its clauses; empty ones are left out. Names come from the schema, values are always bound."""
    return " ".join(part for part in parts if part)


def _definition(column: Field) -> str:
    if column.name == "sys_id":
        return "sys_id TEXT NOT NULL PRIMARY KEY"
    collation = "COLLATE NOCASE" if column.text_like else ""
    default = column.default.replace("'", "''")
    return statement(quoted(column.name), f"TEXT NOT NULL DEFAULT '{default}'", collation)


class Savepoint:
    """A part of a transaction; `undo` takes it back when the part ends."""

    undone = False

    def undo(self) -> None:
        """Take back what happened since the savepoint."""
        self.undone = True


class Database:
    """All rows. `path=None` keeps them in memory. Every value is text and never NULL."""

    def __init__(self, path: Path | None = None) -> None:
        self.lock = threading.RLock()
        self._connection = sqlite3.connect(
            str(path) if path else ":memory:", check_same_thread=False, isolation_level=None, cached_statements=512
        )
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute("PRAGMA journal_mode=" + ("WAL" if path else "MEMORY"))
        self._depth = 0
        self.execute("CREATE TABLE IF NOT EXISTS attachment_content (sys_id TEXT PRIMARY KEY, content BLOB NOT NULL)")
        self.execute("CREATE TABLE IF NOT EXISTS counter (prefix TEXT PRIMARY KEY, last INTEGER NOT NULL)")

    def close(self) -> None:
        """Close the storage; later calls fail."""
        with self.lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside commits together or not at all. Nested uses join the outer one."""
        with self.lock:
            outermost = self._depth == 0
            if outermost:
                self._connection.execute("BEGIN")
            self._depth += 1
            try:
                yield
            except BaseException:
                if outermost:
                    self._connection.execute("ROLLBACK")
                raise
            else:
                if outermost:
                    self._connection.execute("COMMIT")
            finally:
                self._depth -= 1

    @contextmanager
    def savepoint(self) -> Iterator[Savepoint]:
        """Inside a transaction, a part of it that can be undone on its own."""
        with self.lock:
            self._connection.execute("SAVEPOINT part")
            savepoint = Savepoint()
            try:
                yield savepoint
            finally:
                if savepoint.undone:
                    self._connection.execute("ROLLBACK TO part")
                self._connection.execute("RELEASE part")

    def execute(self, sql: str, values: Sequence[object] = ()) -> None:
        """Run a statement that answers nothing."""
        with self.lock:
            self._connection.execute(sql, values)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of a query."""
        with self.lock:
            return self._connection.execute(sql, values).fetchall()

    def scalar(self, sql: str, values: Sequence[object] = ()) -> object:
        """The first column of the first row, or None."""
        with self.lock:
            row = self._connection.execute(sql, values).fetchone()
            return row[0] if row else None

    def create(self, schema: Schema) -> None:
        """Make the storages and views that the schema declares and that do not exist yet."""
        for table in schema.tables.values():
            if table.name == "task":
                continue
            if not table.shares_storage or table.extends == "":
                self._create_storage(schema, table)
        self._create_task_view(schema)

    def _create_storage(self, schema: Schema, table: Table) -> None:
        fields = schema.storage_fields(table.physical)
        ordered = sorted(fields.values(), key=lambda column: column.name not in ("sys_id", *_PULL_INDEX))
        self.execute(
            statement(
                "CREATE TABLE IF NOT EXISTS", quoted(table.physical), "(", ", ".join(map(_definition, ordered)), ")"
            )
        )
        pull: list[Sequence[str]] = (
            [[name for name in _PULL_INDEX if name in fields]] if "sys_updated_on" in fields else []
        )
        for index in (*pull, *_INDEXED.get(table.name, ())):
            name = quoted("_".join(("by", table.name, *index)))
            on = ", ".join(map(quoted, index))
            self.execute(statement("CREATE INDEX IF NOT EXISTS", name, "ON", quoted(table.name), "(", on, ")"))

    def add_columns(self, table: Table, fields: Iterable[Field]) -> None:
        """Widen the storage of a table by the fields that it does not have yet."""
        pragma = statement("SELECT name FROM pragma_table_info(", f"'{table.physical}'", ")")
        known = {row[0] for row in self.rows(pragma)}
        for column in fields:
            if column.name not in known:
                self.execute(statement("ALTER TABLE", quoted(table.physical), "ADD COLUMN", _definition(column)))

    def _create_task_view(self, schema: Schema) -> None:
        task = schema.get("task")
        parts = [table for table in schema.tables.values() if table.extends == "task"]
        if task is None or not parts:
            return
        names = ", ".join(map(quoted, task.fields))
        union = " UNION ALL ".join(statement("SELECT", names, "FROM", quoted(table.physical)) for table in parts)
        self.execute("DROP VIEW IF EXISTS task")
        self.execute(statement("CREATE VIEW task AS", union))

    def get(self, table: Table, sys_id: str) -> dict[str, str] | None:
        """One whole record as stored, or None."""
        names = list(table.fields)
        found = self.rows(
            statement(
                "SELECT",
                ", ".join(map(quoted, names)),
                "FROM",
                quoted(table.physical),
                "WHERE sys_id = ?",
                class_of(table),
            ),
            (sys_id,),
        )
        return dict(zip(names, found[0], strict=True)) if found else None

    def insert(self, table: Table, record: Mapping[str, str]) -> None:
        """Store a new record; columns that it does not name take their defaults."""
        self.insert_many(table, list(record), [tuple(record.values())])

    def insert_missing(self, table: Table, record: Mapping[str, str]) -> None:
        """Store a record, unless one of that sys_id exists."""
        names, marks = ", ".join(map(quoted, record)), ", ".join("?" * len(record))
        into = statement(quoted(table.physical), "(", names, ")")
        self.execute(statement("INSERT OR IGNORE INTO", into, "VALUES (", marks, ")"), tuple(record.values()))

    def insert_many(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Store many new records that name the same columns. A sys_id that exists raises `sqlite3.IntegrityError`."""
        marks = ", ".join("?" * len(names))
        sql = statement(
            "INSERT INTO", quoted(table.physical), "(", ", ".join(map(quoted, names)), ") VALUES (", marks, ")"
        )
        with self.lock:
            self._connection.executemany(sql, rows)

    def update(self, table: Table, sys_id: str, changes: Mapping[str, str]) -> None:
        """Change columns of one record."""
        assignments = ", ".join(f"{quoted(name)} = ?" for name in changes)
        sql = statement("UPDATE", quoted(table.physical), "SET", assignments, "WHERE sys_id = ?")
        self.execute(sql, (*changes.values(), sys_id))

    def delete(self, table: Table, sys_id: str) -> None:
        """Remove one record."""
        self.execute(statement("DELETE FROM", quoted(table.physical), "WHERE sys_id = ?"), (sys_id,))

    def next_number(self, prefix: str, count: int = 1) -> int:
        """Reserve `count` consecutive record numbers of a prefix and give the first; 1001 is the first ever."""
        with self.lock:
            self.execute("INSERT OR IGNORE INTO counter VALUES (?, 1000)", (prefix,))
            self.execute("UPDATE counter SET last = last + ? WHERE prefix = ?", (count, prefix))
            last = self.scalar("SELECT last FROM counter WHERE prefix = ?", (prefix,))
            return int(str(last)) - count + 1


def class_of(table: Table, alias: str = "") -> str:
    """The clause that keeps rows of other classes out of a table that shares its storage."""
    column = f"{alias}.sys_class_name" if alias else "sys_class_name"
    return f"AND {column} = '{table.name}'" if table.shares_storage else ""
