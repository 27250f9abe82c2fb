"""Rows of `sys_journal_field` and `sys_attachment` as entries, and entries as they are kept in the inbox."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from bridge.domain.case import Case, format_time, parse_time
from bridge.domain.ids import SysId
from bridge.ports import AttachmentEntry, JournalEntry, RawItem

JOURNAL_SOURCE = "servicenow:journal"
ATTACHMENT_SOURCE = "servicenow:attachment"
#: of the 32 of a derived sys_id, those that tell the entry; two are left to count
_DIGITS = 30


def journal_entry(row: Case) -> JournalEntry:
    """A row of `sys_journal_field`. The platform stores line ends as it got them; here they are LF."""
    told = row.values
    return JournalEntry(
        sys_id=row.sys_id,
        case=SysId(told["element_id"]),
        table=told["name"],
        element=told["element"],
        text=told["value"].replace("\r\n", "\n").replace("\r", "\n"),
        author=told["sys_created_by"],
        created_on=parse_time(told["sys_created_on"]),
    )


def derived_identity(entry: JournalEntry, ordinal: int = 0) -> SysId:
    """A sys_id for an entry whose own cannot be read: by record, field, second and words.

    `ordinal` tells apart what is the same in all of them.
    """
    told = (entry.case, entry.element, format_time(entry.created_on), entry.text.strip())
    digest = hashlib.sha256("\0".join(told).encode("utf-8", "surrogatepass")).hexdigest()
    return SysId(f"{digest[:_DIGITS]}{ordinal:02x}")


def is_derived(entry: JournalEntry) -> bool:
    """Whether an entry's sys_id is none of ServiceNow's."""
    return entry.sys_id[:_DIGITS] == derived_identity(entry)[:_DIGITS]


def attachment_entry(row: Case) -> AttachmentEntry:
    """A row of `sys_attachment`."""
    told = row.values
    return AttachmentEntry(
        sys_id=row.sys_id,
        case=SysId(told["table_sys_id"]),
        table=told["table_name"],
        file_name=told["file_name"],
        content_type=told["content_type"],
        size=int(told["size_bytes"] or 0),
        sha256=told.get("hash", ""),
        author=told["sys_created_by"],
        created_on=parse_time(told["sys_created_on"]),
    )


def journal_item(entry: JournalEntry) -> RawItem:
    """An entry as it is put into the inbox: once, whichever way it was read."""
    told = {
        "sys_id": entry.sys_id,
        "case": entry.case,
        "table": entry.table,
        "element": entry.element,
        "text": entry.text,
        "author": entry.author,
        "created_on": format_time(entry.created_on),
    }
    return RawItem(JOURNAL_SOURCE, entry.sys_id, _bytes(told), entry.created_on, entry.case)


def attachment_item(entry: AttachmentEntry) -> RawItem:
    """An attachment's metadata as they are put into the inbox."""
    told = {
        "sys_id": entry.sys_id,
        "case": entry.case,
        "table": entry.table,
        "file_name": entry.file_name,
        "content_type": entry.content_type,
        "size": entry.size,
        "sha256": entry.sha256,
        "author": entry.author,
        "created_on": format_time(entry.created_on),
    }
    return RawItem(ATTACHMENT_SOURCE, entry.sys_id, _bytes(told), entry.created_on, entry.case)


def journal_of(raw: bytes) -> JournalEntry:
    """The entry that `journal_item` put into the inbox."""
    told = json.loads(raw)
    return JournalEntry(**{**told, "created_on": parse_time(told["created_on"])})


def attachment_of(raw: bytes) -> AttachmentEntry:
    """The metadata that `attachment_item` put into the inbox."""
    told = json.loads(raw)
    return AttachmentEntry(**{**told, "created_on": parse_time(told["created_on"])})


def _bytes(told: Mapping[str, object]) -> bytes:
    return json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
