"""Why a record can no longer be read. The platform tells deleted, hidden and reclassified apart, in three places."""

from __future__ import annotations

from bridge.connectors.snow.query import equals, joined, record_id, table_name
from bridge.connectors.snow.reading import Reader
from bridge.domain.errors import FarSideError
from bridge.domain.facts import Gone
from bridge.domain.ids import SysId

_ROOT = "task"


def why_gone(reader: Reader, table: str, sys_id: SysId) -> tuple[Gone, str]:
    """The reason, and what was seen that says so. Without proof of anything else a record counts as hidden."""
    deleted, audited = _deletion(reader, table, sys_id)
    if deleted:
        return Gone.DELETED, audited
    now_in = _class_now(reader, sys_id)
    if now_in and now_in != table:
        return Gone.RECLASSIFIED, f"{_ROOT} shows the record in class {now_in}"
    count = reader.one_row(table, equals("sys_id", record_id(sys_id))).total
    if count:
        return Gone.HIDDEN, f"{table} counts the record and does not show it; {audited}"
    return Gone.HIDDEN, f"{table} neither counts nor shows the record; {audited}"


def _deletion(reader: Reader, table: str, sys_id: SysId) -> tuple[bool, str]:
    """Whether an audit proves a deletion, and what the audits say.

    `sys_audit_delete` holds deletions of audited tables; `sys_audit` also those of tables whose rows it follows.
    """
    about = joined(equals("tablename", table_name(table)), equals("documentkey", record_id(sys_id)))
    marked = joined(about, equals("fieldname", "DELETED") + "^ORnewvalue=DELETED")
    said = []
    for audit, query, who in (("sys_audit", marked, "user"), ("sys_audit_delete", about, "sys_created_by")):
        try:
            rows = reader.one_row(audit, query, (who, "tablename", "documentkey")).result
        except FarSideError:
            said.append(f"{audit} cannot be read by the integration user")
            continue
        if rows and _value(rows[0], "documentkey") == sys_id:
            return True, f"{audit}: deleted by {_value(rows[0], who)} at {_value(rows[0], 'sys_created_on')}"
        said.append(f"{audit} holds no deletion")
    return False, "; ".join(said)


def _class_now(reader: Reader, sys_id: SysId) -> str:
    """The class that a record has now, wherever it moved among the tables that extend task."""
    try:
        rows = reader.one_row(_ROOT, equals("sys_id", record_id(sys_id))).result
    except FarSideError:
        return ""
    return _value(rows[0], "sys_class_name") if rows else ""


def _value(row: dict[str, dict[str, str]], name: str) -> str:
    return (row.get(name) or {}).get("value") or ""
