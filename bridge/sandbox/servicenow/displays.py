"""What people see instead of stored values: labels of choices, names of referenced records, local times."""

from __future__ import annotations

from bridge.sandbox.servicenow.database import Database, quoted, statement
from bridge.sandbox.servicenow.schema import Field, Schema, Table


class Displays:
    """Display values. Labels are read once and again after `forget`, since choices change rarely."""

    def __init__(self, schema: Schema, database: Database) -> None:
        self._schema = schema
        self._database = database
        self._labels: dict[tuple[str, str], dict[str, str]] | None = None

    def forget(self) -> None:
        """Read the choice lists anew when they are next needed."""
        self._labels = None

    def choices(self, table: Table, column: str) -> dict[str, str]:
        """Value and label of each choice of a field, inherited from the table that it extends when it has none."""
        labels = self._all_labels()
        return labels.get((table.name, column)) or labels.get((table.extends, column)) or {}

    def _all_labels(self) -> dict[tuple[str, str], dict[str, str]]:
        if self._labels is None:
            labels: dict[tuple[str, str], dict[str, str]] = {}
            rows = self._database.rows(
                "SELECT name, element, value, label FROM sys_choice WHERE inactive <> 'true' "
                "ORDER BY name, element, rowid"
            )
            for name, element, value, label in rows:
                labels.setdefault((name, element), {})[value] = label
            self._labels = labels
        return self._labels

    def referenced(self, column: Field, sys_id: str) -> str:
        """The display value of a referenced record; empty when the record or its table does not exist."""
        target = self._schema.target(column)
        if column.name == "sys_domain":
            return sys_id
        if target is None or not sys_id:
            return ""
        source = quoted(target.physical)
        sql = statement("SELECT", quoted(target.display), "FROM", source, "WHERE", quoted(column.key), "= ?")
        return str(self._database.scalar(sql, (sys_id,)) or "")

    def find(self, target: Table, name: str) -> str:
        """The sys_id of the first record with that display value, or the empty text."""
        source = quoted(target.physical)
        sql = statement("SELECT sys_id FROM", source, "WHERE", quoted(target.display), "= ? ORDER BY sys_id LIMIT 1")
        return str(self._database.scalar(sql, (name,)) or "")

    def user_name(self, user: str) -> str:
        """The full name of a user by login name; the login name itself when there is no such user."""
        return str(self._database.scalar("SELECT name FROM sys_user WHERE user_name = ?", (user,)) or user)

    def class_label(self, name: str) -> str:
        """The label of a table by its name."""
        table = self._schema.get(name)
        return table.label if table else name
