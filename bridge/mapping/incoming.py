"""Files that desks send: which of them are put into the case, and where their bytes are."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bridge.domain.agreement import AttachmentRule
from bridge.ports import ReadAttachment

_UNSAFE = re.compile(r"[\x00-\x1f\x7f<>:\"|?*\u2028\u2029]+")
_LONGEST_NAME = 150
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")


@dataclass(frozen=True, slots=True)
class Judged:
    """A file of an item, and why it is not taken in; empty if it is."""

    #: its place among the item's files, from 0
    number: int
    file: ReadAttachment
    why: str = ""

    @property
    def described(self) -> str:
        """The file for a list that people read."""
        size = f" ({_size(self.file.size)})" if self.file.size else ""
        return f"- {self.file.name}{size}: {self.why}"


def judged(files: Sequence[ReadAttachment], rule: AttachmentRule) -> Iterator[Judged]:
    """What becomes of each file that somebody sent, under the agreed rule; incidental parts are none."""
    left = rule.max_bytes
    for number, file in enumerate(files):
        if file.incidental:
            continue
        why = _why_not(file, rule, left)
        if not why:
            left -= file.size
        yield Judged(number, file, why)


def _why_not(file: ReadAttachment, rule: AttachmentRule, left: int) -> str:
    if not rule.max_bytes:
        return "no files are agreed"
    if not rule.allows(file.name):
        return "files of its type are not agreed"
    if file.missing:
        return file.missing
    if file.size > left:
        return f"more than the agreed {_size(rule.max_bytes)}"
    return "" if file.size else "it is empty"


def file_name(name: str) -> str:
    """A name as ServiceNow may keep it: no path, nothing that file systems treat as special, not too long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return _UNSAFE.sub("_", last).strip(". ")[-_LONGEST_NAME:] or "file"


def content_type(told: str) -> str:
    """A content type that may stand in a header field."""
    plain = told.partition(";")[0].strip().lower()
    return plain if _CONTENT_TYPE.fullmatch(plain) else "application/octet-stream"


def portal_file(raw: bytes) -> bytes | None:
    """The bytes of the file that a portal's item brings: base64, at `file.content` of the JSON; None if it has none."""
    try:
        return base64.b64decode(json.loads(raw)["file"]["content"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None


def _size(amount: int) -> str:
    for unit, least in (("MB", 1_000_000), ("kB", 1_000)):
        if amount >= least:
            return f"{amount / least:.3g} {unit}"
    return f"{amount} B"
