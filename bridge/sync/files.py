"""The files of a case that may go to a desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bridge.domain.agreement import AttachmentRule
from bridge.domain.errors import BridgeError, UntrustedAnswer
from bridge.domain.ids import SysId
from bridge.ports import AttachmentEntry, CaseSource, File

_EVER = datetime(2000, 1, 1, tzinfo=UTC)


def shared_files(
    source: CaseSource, case: SysId, rule: AttachmentRule, left_out: Callable[[AttachmentEntry, str], None]
) -> tuple[File, ...]:
    """The case's files that the agreement lets go, as far as they fit; `left_out` is told of every other, and why.

    Raises `UntrustedAnswer` where a file could not be read whole, and what listing the files raises.
    """
    if rule.max_bytes <= 0:
        return ()
    files: list[File] = []
    left = rule.max_bytes
    for entry in source.attachments([case], _EVER):
        if not _may_go(entry, rule.types) or entry.size > left:
            left_out(entry, "not within the agreed types and size")
            continue
        try:
            content = source.download(entry, left)
        except UntrustedAnswer:
            raise
        except BridgeError as error:
            left_out(entry, error.message)
            continue
        files.append(File(entry.file_name, entry.content_type, content))
        left -= len(content)
    return tuple(files)


def _may_go(entry: AttachmentEntry, types: Sequence[str]) -> bool:
    ending = entry.file_name.rpartition(".")[2].lower()
    return bool(entry.file_name) and ending in types
