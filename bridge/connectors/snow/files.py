"""Attachments: an error page is never taken for a file, and a file counts as stored only if all of it was."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from bridge.connectors.snow.answers import ForbiddenOrDone, distrust
from bridge.connectors.snow.columns import ATTACHMENT
from bridge.connectors.snow.query import record_id, table_name
from bridge.connectors.snow.reading import Reader
from bridge.domain.delivery import Receipt
from bridge.domain.errors import BridgeError, NotPermitted, UntrustedAnswer, UsageError
from bridge.domain.ids import SysId
from bridge.mapping.entries import attachment_entry
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
    """Store a file at a record with one POST, never repeated here.

    Raises `NotPermitted` where it was forbidden and is seen not to be there.
    """
    try:
        answer = reader.session.ask(
            "POST",
            FILE_PATH,
            params={"table_name": table_name(table), "table_sys_id": record_id(sys_id), "file_name": name},
            content=content,
            headers={"Content-Type": content_type},
        )
    except ForbiddenOrDone as error:
        return _there_all_the_same(reader, sys_id, name, content, error)
    stored = answer.result
    if not isinstance(stored, dict) or str(stored.get("size_bytes")) != str(len(content)):
        raise distrust("POST", f"{len(content)} bytes were sent, and the answer does not say that all were stored")
    return _receipt(str(stored.get("sys_id", "")), content)


def _there_all_the_same(
    reader: Reader, sys_id: SysId, name: str, content: bytes, forbidden: ForbiddenOrDone
) -> Receipt:
    """The file's receipt, if it was stored before the answer was forbidden.

    The transaction is over, so what is not there now does not come later. What cannot be seen now, or has no hash,
    stays in doubt.
    """
    try:
        rows = reader.of(ATTACHMENT, "table_sys_id", [sys_id])
    except BridgeError:
        raise forbidden from None
    alike = [one for one in map(attachment_entry, rows) if (one.file_name, one.size) == (name, len(content))]
    same = [one for one in alike if one.sha256.lower() == hashlib.sha256(content).hexdigest()]
    if same:
        return _receipt(same[-1].sys_id, content)
    if any(not one.sha256 for one in alike):
        raise forbidden
    raise NotPermitted(forbidden.message, status=403, remedy=forbidden.remedy) from None


def _receipt(stored: str, content: bytes) -> Receipt:
    return Receipt(far_id=stored, detail={"sha256": hashlib.sha256(content).hexdigest()})


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
