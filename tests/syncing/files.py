"""The files of a ServiceNow in memory."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.domain.case import Case, format_time
from bridge.domain.delivery import Receipt
from bridge.domain.errors import BridgeError
from bridge.domain.ids import SysId
from bridge.ports import AttachmentEntry, Stream


@dataclass(frozen=True)
class Stored:
    """A file at a record."""

    entry: AttachmentEntry
    content: bytes

    @property
    def row(self) -> Case:
        entry = self.entry
        told = {
            "table_sys_id": entry.case,
            "table_name": entry.table,
            "file_name": entry.file_name,
            "content_type": entry.content_type,
            "size_bytes": str(entry.size),
            "hash": entry.sha256,
            "sys_created_by": entry.author,
            "sys_created_on": format_time(entry.created_on),
        }
        return Case("sys_attachment", entry.sys_id, {"sys_id": entry.sys_id, **told})


class FakeFiles:
    """The part of `FakeServiceNow` that keeps files."""

    files: list[Stored]
    tables: dict[SysId, str]
    #: whether the platform tells the hash of a file
    hashes: bool
    #: what is raised instead of a file's bytes, in order
    download_faults: list[BridgeError]
    now: Callable[[], datetime]
    commit_late_writes: Callable[[], None]
    _meets_fault: Callable[..., Any]

    def add_file(self, case: SysId, name: str, content: bytes, by: str, content_type: str = "application/pdf") -> SysId:
        """Somebody puts a file into a case."""
        sys_id = SysId(f"{0xF0000 + len(self.files):032x}")
        told = hashlib.sha256(content).hexdigest() if self.hashes else ""
        at = self.now().replace(microsecond=0)
        entry = AttachmentEntry(sys_id, case, self.tables[case], name, content_type, len(content), told, by, at)
        self.files.append(Stored(entry, content))
        return sys_id

    def stored(self, case: SysId, by: str) -> list[tuple[str, bytes]]:
        """Names and contents of somebody's files in a case, oldest first."""
        return [
            (one.entry.file_name, one.content)
            for one in self.files
            if one.entry.case == case and one.entry.author == by
        ]

    def attachments(self, cases: Sequence[SysId], since: datetime) -> tuple[AttachmentEntry, ...]:
        self.commit_late_writes()
        entries = (one.entry for one in self.files if one.entry.case in cases)
        return tuple(entry for entry in entries if entry.created_on >= since)

    def download(self, attachment: AttachmentEntry, limit: int) -> bytes:
        if self.download_faults:
            raise self.download_faults.pop(0)
        content = next(one.content for one in self.files if one.entry.sys_id == attachment.sys_id)
        assert len(content) <= limit
        return content

    def attach(self, table: str, sys_id: SysId, name: str, content_type: str, content: bytes) -> Receipt:
        assert self.tables[sys_id] == table

        def commit() -> SysId:
            return self.add_file(sys_id, name, content, "cpsd.bridge", content_type)

        self._meets_fault({"file_name": name}, commit)
        return Receipt(commit())

    def file_rows(self, stream: Stream) -> list[Case]:
        return [one.row for one in self.files if f"table_name={one.entry.table}" in stream.query]
