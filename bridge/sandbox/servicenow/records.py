"""Writing records: what an insert, an update or a delete does to the record, its journals, its audit and its rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bridge.sandbox.servicenow import lifecycle
from bridge.sandbox.servicenow.accounts import Actor
from bridge.sandbox.servicenow.clock import FORMAT
from bridge.sandbox.servicenow.database import Database, quoted, statement
from bridge.sandbox.servicenow.encoded_query import parse
from bridge.sandbox.servicenow.ledger import Effect
from bridge.sandbox.servicenow.query_dates import Asker
from bridge.sandbox.servicenow.query_sql import Compiler
from bridge.sandbox.servicenow.rules import BusinessRule, BusinessRules
from bridge.sandbox.servicenow.schema import Schema, Table
from bridge.sandbox.servicenow.web import ApiError, no_record

#: How deep rules may set off rules.
_MAX_DEPTH = 4
#: Fields whose changes are bookkeeping, not facts worth an audit row.
_UNAUDITED = frozenset({"sys_updated_on", "sys_updated_by", "sys_mod_count"})


@dataclass(frozen=True)
class Write:
    """Who writes, and when: the stamps of everything that the write touches."""

    actor: Actor
    stamp: str

    @property
    def at(self) -> datetime:
        """The stamp as an instant."""
        return datetime.strptime(self.stamp, FORMAT).replace(tzinfo=UTC)


class Records:
    """The write side of all tables. Every call runs inside the caller's transaction and adds to its effects."""

    def __init__(self, schema: Schema, database: Database, rules: BusinessRules, new_id: Callable[[], str]) -> None:
        self._schema = schema
        self._database = database
        self._rules = rules
        self._new_id = new_id

    def insert(
        self, table: Table, values: Mapping[str, str], write: Write, effects: list[Effect], sys_id: str = ""
    ) -> str:
        """Create a record and give its sys_id; a given one is honoured. Raises 403 on policy, rule or duplicate."""
        sys_id = sys_id or self._new_id()
        if self._database.get(table, sys_id) is not None:
            raise ApiError(
                403, "Operation Failed", f"Unique Key violation detected by database: duplicate sys_id {sys_id}"
            )
        fields, journals = _split(table, values)
        defaults = self._defaults(table, write)
        record = {**defaults, **fields, "sys_id": sys_id, **_created(table, write)}
        record |= lifecycle.derived(table, defaults, fields, write.actor.sys_id, write.stamp)
        lifecycle.check_policy(table, record)
        self._database.insert(table, record)
        entries = self._journal(table, sys_id, journals, write)
        changes = {name: ["", value] for name, value in record.items() if value and name in values}
        effects.append(Effect(table.name, sys_id, "insert", write.actor.user_name, write.stamp, changes, entries))
        self._run_rules(table, sys_id, "insert", frozenset({*changes, *journals}), write, effects, 0)
        return sys_id

    def update(self, table: Table, sys_id: str, values: Mapping[str, str], write: Write, effects: list[Effect]) -> None:
        """Change a record. Values equal to the stored ones change nothing. Raises 404, or 403 on policy or rule."""
        self._update(table, sys_id, values, write, effects, 0, "")

    def delete(self, table: Table, sys_id: str, write: Write, effects: list[Effect]) -> None:
        """Remove a record with its attachments and leave a trace in the audit tables. Raises 404."""
        record = self._database.get(table, sys_id)
        if record is None:
            raise no_record()
        self._database.delete(table, sys_id)
        content = (
            "DELETE FROM attachment_content WHERE sys_id IN (SELECT sys_id FROM sys_attachment WHERE table_sys_id = ?)"
        )
        self._database.execute(content, (sys_id,))
        self._database.execute("DELETE FROM sys_attachment WHERE table_sys_id = ?", (sys_id,))
        if table.audited:
            self._audit(table, sys_id, {"DELETED": ["", "DELETED"]}, write)
            self._system_insert(
                "sys_audit_delete",
                {"tablename": table.name, "documentkey": sys_id, "display_value": record.get(table.display, "")},
                write,
            )
        effects.append(Effect(table.name, sys_id, "delete", write.actor.user_name, write.stamp))

    def _update(
        self,
        table: Table,
        sys_id: str,
        values: Mapping[str, str],
        write: Write,
        effects: list[Effect],
        depth: int,
        rule: str,
    ) -> None:
        before = self._database.get(table, sys_id)
        if before is None:
            raise no_record()
        fields, journals = _split(table, values)
        after = {name: value for name, value in fields.items() if value != before[name]}
        if not after and not journals:
            return
        if depth == 0:
            lifecycle.refuse_closed(table, before)
        after |= lifecycle.derived(table, before, after, write.actor.sys_id, write.stamp)
        lifecycle.check_policy(table, {**before, **after})
        changes = {name: [before[name], value] for name, value in after.items() if value != before[name]}
        self._database.update(table, sys_id, {**after, **_updated(table, before, write)})
        if table.audited:
            self._audit(table, sys_id, changes, write)
        entries = self._journal(table, sys_id, journals, write)
        user = write.actor.user_name
        effects.append(Effect(table.name, sys_id, "update", user, write.stamp, changes, entries, rule))
        self._run_rules(table, sys_id, "update", frozenset({*changes, *journals}), write, effects, depth)

    def _run_rules(
        self,
        table: Table,
        sys_id: str,
        operation: str,
        touched: frozenset[str],
        write: Write,
        effects: list[Effect],
        depth: int,
    ) -> None:
        if depth >= _MAX_DEPTH:
            return
        for rule in self._rules.all():
            if rule.triggered(table.name, operation, touched) and self._condition_holds(table, sys_id, rule, write):
                if rule.abort:
                    raise lifecycle.aborted(table, rule.name)
                lifecycle.demand(table, self._database.get(table, sys_id) or {}, rule.mandatory)
                self._update(table, sys_id, rule.values, write, effects, depth + 1, rule.name)

    def _condition_holds(self, table: Table, sys_id: str, rule: BusinessRule, write: Write) -> bool:
        asker = Asker(write.at, write.actor.zone, write.actor.sys_id)
        compiled = Compiler(self._schema, self._database, asker).compile(table, parse(rule.condition))
        source = f"{quoted(table.physical)} t"
        sql = statement("SELECT 1 FROM", source, "WHERE t.sys_id = ? AND (", compiled.where.text, ")")
        return self._database.scalar(sql, (sys_id, *compiled.where.values)) is not None

    def _defaults(self, table: Table, write: Write) -> dict[str, str]:
        defaults = {name: column.default for name, column in table.fields.items() if column.default}
        if "sys_class_name" in table.fields:
            defaults["sys_class_name"] = table.name
        if table.number_prefix:
            number = self._database.next_number(table.number_prefix)
            defaults["number"] = f"{table.number_prefix}{number:07}"
        if table.extends == "task":
            defaults |= {"opened_at": write.stamp, "opened_by": write.actor.sys_id}
        return defaults

    def _journal(self, table: Table, sys_id: str, journals: Mapping[str, str], write: Write) -> list[dict[str, str]]:
        entries = []
        for element, value in journals.items():
            entry = {"name": table.name, "element_id": sys_id, "element": element, "value": value}
            entries.append({"sys_id": self._system_insert("sys_journal_field", entry, write), **entry})
        return entries

    def _audit(self, table: Table, sys_id: str, changes: Mapping[str, list[str]], write: Write) -> None:
        for name, (old, new) in changes.items():
            if name in _UNAUDITED:
                continue
            self._system_insert(
                "sys_audit",
                {
                    "tablename": table.name,
                    "documentkey": sys_id,
                    "fieldname": name,
                    "oldvalue": old,
                    "newvalue": new,
                    "user": write.actor.user_name,
                },
                write,
            )

    def _system_insert(self, name: str, values: Mapping[str, str], write: Write) -> str:
        table = self._schema.tables[name]
        sys_id = self._new_id()
        self._database.insert(table, {"sys_id": sys_id, **_created(table, write), **values})
        return sys_id


def _split(table: Table, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Plain fields, and journals that have something to say."""
    journals = {name: values[name] for name in table.journals if values.get(name, "").strip()}
    return {name: value for name, value in values.items() if name not in table.journals}, journals


def _created(table: Table, write: Write) -> dict[str, str]:
    stamps = {
        "sys_created_on": write.stamp,
        "sys_created_by": write.actor.user_name,
        "sys_updated_on": write.stamp,
        "sys_updated_by": write.actor.user_name,
        "sys_mod_count": "0",
    }
    return {name: value for name, value in stamps.items() if name in table.fields}


def _updated(table: Table, before: Mapping[str, str], write: Write) -> dict[str, str]:
    if "sys_mod_count" not in table.fields:
        return {}
    return {
        "sys_updated_on": write.stamp,
        "sys_updated_by": write.actor.user_name,
        "sys_mod_count": str(int(before["sys_mod_count"] or 0) + 1),
    }
