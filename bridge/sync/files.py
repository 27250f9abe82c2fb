"""The files of a case that may go to a desk: all with the opening message, later ones each with an update.

What is in the case by our own user came from a desk. It goes to no desk by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from bridge.domain.agreement import AttachmentRule
from bridge.domain.delivery import Delivery
from bridge.domain.errors import BridgeError, UntrustedAnswer
from bridge.domain.ids import EngagementId, SysId
from bridge.ports import AttachmentEntry, CaseSource, File, Transaction
from bridge.sync.surroundings import EVER


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


def by_people(entries: Iterable[AttachmentEntry], ours: str, but: Collection[str] = ()) -> list[AttachmentEntry]:
    """The files that people put into a case, without those of some sys_ids."""
    return [entry for entry in entries if entry.author != ours and entry.sys_id not in but]


def named_in(delivery: Delivery) -> tuple[str, ...]:
    """The sys_ids of the files that a message was decided to carry."""
    return tuple(delivery.payload.get("files", ()))


def yet_to_go(tx: Transaction, engagement: EngagementId) -> frozenset[str]:
    """The files that messages carry which wait for their turn: an opening message that goes again leaves them out."""
    return frozenset(file for one in tx.deliveries(engagement=engagement, pending=True) for file in named_in(one))


def added_files(source: CaseSource, case: SysId, delivery: Delivery) -> list[AttachmentEntry]:
    """Those of the files of an update that are still in the case."""
    named = named_in(delivery)
    return [entry for entry in source.attachments([case], EVER) if entry.sys_id in named] if named else []
