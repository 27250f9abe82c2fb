"""Journal fields: written through the record, kept in `sys_journal_field`, shown as one text, newest entry first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

from bridge.sandbox.servicenow.clock import to_local
from bridge.sandbox.servicenow.database import Database, Row
from bridge.sandbox.servicenow.displays import Displays
from bridge.sandbox.servicenow.schema import Table

#: How each journal is named in the header line of an entry.
_NAMES: Mapping[str, str] = {"comments": "Additional comments", "work_notes": "Work notes"}
#: Records of every class can be read through it, with the journals that they have.
_ROOT = "task"
#: Record identifiers per statement, below SQLite's limit of bound values.
_CHUNK = 500


class JournalReader:
    """Reads the journals of a page of records in the form that display values show."""

    def __init__(self, database: Database, displays: Displays, where: ZoneInfo) -> None:
        self._database = database
        self._displays = displays
        self._zone = where

    def texts(self, table: Table, field: str, records: Sequence[str]) -> dict[str, str]:
        """The text of one journal field for each of the records that has any."""
        elements = ("comments", "work_notes") if field == "comments_and_work_notes" else (field,)
        texts: dict[str, list[str]] = defaultdict(list)
        names: dict[str, str] = {}
        for sys_id, element, value, created_on, author in self._entries(table, elements, records):
            name = names.setdefault(author, self._displays.user_name(author))
            when = to_local(created_on, self._zone)
            kind = _NAMES.get(element, table.fields[element].label)
            texts[sys_id].append(f"{when} - {name} ({kind})\n{value}\n\n")
        return {sys_id: "".join(entries) for sys_id, entries in texts.items()}

    def _entries(self, table: Table, elements: tuple[str, ...], records: Sequence[str]) -> Iterable[Row]:
        for start in range(0, len(records), _CHUNK):
            chunk = records[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            kinds = ", ".join("?" * len(elements))
            sql = " ".join(
                (
                    "SELECT element_id, element, value, sys_created_on, sys_created_by FROM sys_journal_field",
                    f"WHERE element_id IN ({marks}) AND element IN ({kinds})",
                    "" if table.name == _ROOT else "AND name = ?",
                    "ORDER BY sys_created_on DESC, rowid DESC",
                )
            )
            yield from self._database.rows(sql, (*chunk, *elements, *(() if table.name == _ROOT else (table.name,))))
