"""Rows that commit late: written with an old stamp, seen only when their time has come."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.sandbox.servicenow.clock import Clock
from bridge.sandbox.servicenow.database import Database
from bridge.sandbox.servicenow.ledger import Effect, Ledger
from bridge.sandbox.servicenow.schema import Schema, Table


@dataclass(frozen=True)
class HeldRow:
    """A row and the monotonic second from which it is seen; None waits until it is released by hand."""

    table: Table
    record: Mapping[str, str]
    due: float | None


class HeldRows:
    """Raw writes by the sandbox's own hand, at once or later. Guards nothing: stamps and states are stored as given."""

    def __init__(self, schema: Schema, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._schema = schema
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._held: list[HeldRow] = []

    def hold(self, table: Table, record: Mapping[str, str], seconds: float | None) -> None:
        """Keep a row back for some seconds, or until it is released."""
        due = None if seconds is None else time.monotonic() + seconds
        with self._database.lock:
            self._held.append(HeldRow(table, record, due))

    def release_due(self) -> None:
        """Commit the rows whose time has come."""
        if self._held:
            now = time.monotonic()
            self._release([row for row in self._held if row.due is not None and row.due <= now])

    def release_all(self) -> int:
        """Commit all rows that are held back, and tell how many."""
        return self._release(list(self._held))

    def _release(self, rows: list[HeldRow]) -> int:
        with self._database.lock:
            for row in rows:
                self.put(row.table, row.record)
                self._held.remove(row)
        return len(rows)

    def put(self, table: Table, record: Mapping[str, str]) -> None:
        """Insert a row, or change the one of that sys_id, exactly as given."""
        with self._database.transaction():
            before = self._database.get(table, record["sys_id"])
            if before is None:
                self._database.insert(table, record)
            else:
                self._database.update(table, record["sys_id"], record)
        was = before or {}
        changes = {name: [was.get(name, ""), value] for name, value in record.items() if was.get(name) != value}
        operation = "insert" if before is None else "update"
        effect = Effect(table.name, record["sys_id"], operation, "sandbox", self._clock.stamp(), changes)
        self._ledger.commit(None, [effect])
