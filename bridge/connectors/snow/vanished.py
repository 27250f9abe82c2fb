"""Why a record can no longer be read. The platform tells deleted, hidden and reclassified apart, in three places."""

from __future__ import annotations

from bridge.connectors.snow.query import equals, joined, record_id, table_name
from bridge.connectors.snow.reading import Reader
from bridge.domain.errors import FarSideError
from bridge.domain.facts import Gone
from bridge.domain.ids import SysId

_ROOT = "task"
_UNREADABLE = "sys_audit cannot be read by the integration user"


def why_gone(reader: Reader, table: str, sys_id: SysId) -> tuple[Gone, str]:
    """The reason, and what was seen that says so. Without proof of anything else a record counts as hidden."""
    audited = _deletion(reader, table, sys_id)
    if audited.startswith("sys_audit:"):
        return Gone.DELETED, audited
    now_in = _class_now(reader, sys_id)
    if now_in and now_in != table:
        return Gone.RECLASSIFIED, f"{_ROOT} shows the record in class {now_in}"
    count = reader.one_row(table, equals("sys_id", record_id(sys_id))).total
    if count:
        return Gone.HIDDEN, f"{table} counts the record and does not show it; {audited}"
    return Gone.HIDDEN, f"{table} neither counts nor shows the record; {audited}"


def _deletion(reader: Reader, table: str, sys_id: SysId) -> str:
    """What `sys_audit` says about a deletion."""
    query = joined(
        equals("tablename", table_name(table)),
        equals("documentkey", record_id(sys_id)),
        equals("fieldname", "DELETED") + "^ORnewvalue=DELETED",
    )
    try:
        rows = reader.one_row("sys_audit", query, ("user", "fieldname", "newvalue")).result
    except FarSideError:
        return _UNREADABLE
    if not rows:
        return "sys_audit holds no deletion"
    row = rows[0]
    return f"sys_audit: deleted by {_value(row, 'user')} at {_value(row, 'sys_created_on')}"


def _class_now(reader: Reader, sys_id: SysId) -> str:
    """The class that a record has now, wherever it moved among the tables that extend task."""
    try:
        rows = reader.one_row(_ROOT, equals("sys_id", record_id(sys_id))).result
    except FarSideError:
        return ""
    return _value(rows[0], "sys_class_name") if rows else ""


def _value(row: dict[str, dict[str, str]], name: str) -> str:
    return (row.get(name) or {}).get("value") or ""
