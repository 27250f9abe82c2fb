"""The files of a case that may go to a desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bridge.domain.agreement import AttachmentRule
from bridge.domain.errors import BridgeError, UntrustedAnswer
from bridge.ports import AttachmentEntry, CaseSource, File


def _never(_entry: AttachmentEntry, _why: str) -> bool:
    return False


def shared_files(
    source: CaseSource,
    entries: Sequence[AttachmentEntry],
    rule: AttachmentRule,
    left_out: Callable[[AttachmentEntry, str], None],
    unread: Callable[[AttachmentEntry, str], bool] = _never,
) -> tuple[File, ...]:
    """The files of a case that the agreement lets go, as far as they fit; `left_out` is told of every other, and why.

    What came instead of a file (a page of errors, half of it, other bytes) is never taken for it: `unread` is told, and
    says whether to go on without the file. If not, and wherever asking again may help, the error is raised.
    """
    files: list[File] = []
    left = rule.max_bytes
    for entry in entries:
        if not rule.allows(entry.file_name) or entry.size > left:
            left_out(entry, "not within the agreed types and size")
            continue
        try:
            content = source.download(entry, left)
        except BridgeError as error:
            if error.retryable and not (isinstance(error, UntrustedAnswer) and unread(entry, error.message)):
                raise
            left_out(entry, error.message)
            continue
        files.append(File(entry.file_name, entry.content_type, content))
        left -= len(content)
    return tuple(files)
