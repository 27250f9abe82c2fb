"""Attachments: an error page is never taken for a file, and a file counts as stored only if all of it was."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from bridge.connectors.snow.answers import distrust
from bridge.connectors.snow.query import record_id, table_name
from bridge.connectors.snow.reading import Reader
from bridge.domain.delivery import Receipt
from bridge.domain.errors import UntrustedAnswer, UsageError
from bridge.domain.ids import SysId
from bridge.ports import AttachmentEntry

FILE_PATH = "/api/now/attachment/file"


def download(reader: Reader, attachment: AttachmentEntry, limit: int) -> bytes:
    """A file's bytes, checked against the length and sha256 that its row tells."""
    if attachment.size > limit:
        raise UsageError(
            f"attachment {attachment.sys_id} has {attachment.size} bytes", remedy=f"at most {limit} are taken"
        )
    path = f"/api/now/attachment/{record_id(attachment.sys_id)}/file"
    return reader.repeat(lambda: _checked(attachment, *reader.session.download(path, limit=attachment.size)))


def attach(reader: Reader, table: str, sys_id: SysId, name: str, content_type: str, content: bytes) -> Receipt:
    """Store a file at a record with one POST, never repeated here."""
    answer = reader.session.ask(
        "POST",
        FILE_PATH,
        params={"table_name": table_name(table), "table_sys_id": record_id(sys_id), "file_name": name},
        content=content,
        headers={"Content-Type": content_type},
    )
    stored = answer.result
    if not isinstance(stored, dict) or str(stored.get("size_bytes")) != str(len(content)):
        raise distrust("POST", f"{len(content)} bytes were sent, and the answer does not say that all were stored")
    return Receipt(far_id=str(stored.get("sys_id", "")), detail={"sha256": hashlib.sha256(content).hexdigest()})


def _checked(attachment: AttachmentEntry, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The bytes, if they are the file: right length, right hash, and no web page where none was stored."""
    about = f"attachment {attachment.sys_id}"
    if len(body) != attachment.size:
        raise UntrustedAnswer(f"{about}: {len(body)} bytes came, {attachment.size} were stored")
    if attachment.sha256 and hashlib.sha256(body).hexdigest() != attachment.sha256.lower():
        raise UntrustedAnswer(f"{about}: the bytes have another hash than what was stored")
    if "html" in headers.get("Content-Type", "") and "html" not in attachment.content_type:
        raise UntrustedAnswer(f"{about}: a web page came, {attachment.content_type} was stored")
    return body
