"""Files that a desk sends with what it says: decided upon here, stored at the case by `storing`.

A file is put into a case once, however often a desk sends it: its delivery is named by the hash of its bytes. One that
was refused, or cancelled by a person, is tried again when the desk sends it again. The bytes stay where they arrived
and are taken from there when the file is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from bridge.domain.delivery import Delivery, DeliveryStatus
from bridge.domain.engagement import Engagement
from bridge.mapping.incoming import Judged, judged, portal_file
from bridge.ports import PORTAL_SOURCE, InboxItem, MailKind, ReadAttachment, Reading, ToldEvent
from bridge.sync.casework import Casework
from bridge.sync.queued import file_row
from bridge.sync.surroundings import Surroundings
from bridge.sync.telling import engagement_event

#: what was told about a mail, or by a machine by itself, comes with no files that somebody sent
_WITHOUT: frozenset[MailKind] = frozenset({"automatic", "bounce", "receipt", "own"})


def take_in(work: Casework, item: InboxItem, reading: Reading, engagement: Engagement) -> None:
    """Decide on the files of an item that was applied; those that are not taken in are named in one work note.

    Each once: the banner in a desk's signature comes with every mail.
    """
    if reading.kind in _WITHOUT:
        return
    found = list(judged(reading.attachments, work.agreement(engagement).accepted_files))
    story = work.tx.story(work.record.sys_id) if found else ()
    known, named = _hashes(story, "file_seen"), _hashes(story, "file_not_taken_in")
    for one in found:
        if one.why:
            _tell(work, engagement, "file_not_taken_in", item, one, {"why": one.why, "sha256": one.file.sha256})
        else:
            _take(work, engagement, item, one, known)
    if left := [one.described for one in found if one.why and one.file.sha256.lower() not in named]:
        work.say("files_left", {"desk": engagement.desk, "files": "\n".join(left)})


def _take(work: Casework, engagement: Engagement, item: InboxItem, one: Judged, known: frozenset[str]) -> None:
    sha256 = one.file.sha256.lower() or _hash(work.around, item, one.file)
    row = None if sha256 in known else _due(work, engagement, item, one, sha256)
    if row is None:
        _tell(work, engagement, "file_there_already", item, one, {"sha256": sha256})
        return
    work.tx.enqueue(row)
    _tell(work, engagement, "file_taken_in", item, one, {"delivery": row.id, "sha256": sha256})


def _due(work: Casework, engagement: Engagement, item: InboxItem, one: Judged, sha256: str) -> Delivery | None:
    """The delivery of a file; None if an earlier one has stored it, or may.

    One that was given up, or cancelled by a person, is over, and the file that is sent again is due again.
    """
    again = 0
    while True:
        row = file_row(work.around.instance, work.record, engagement, item.id, one, sha256, again=again)
        earlier = work.tx.delivery(row.id)
        if earlier is None:
            return row
        if earlier.status is DeliveryStatus.DEAD:
            work.tx.set_delivery(row.id, DeliveryStatus.CANCELLED, error="the desk has sent the file again")
        elif earlier.status is not DeliveryStatus.CANCELLED:
            return None
        again += 1


def _hashes(story: Iterable[ToldEvent], kind: str) -> frozenset[str]:
    """Hashes of the files of some events: those in the case since a desk was engaged, or those that were not taken."""
    facts = (told.event.facts for told in story if told.event.kind == kind)
    return frozenset(str(one["sha256"]).lower() for one in facts) - {""}


def _hash(around: Surroundings, item: InboxItem, file: ReadAttachment) -> str:
    return hashlib.sha256(content_of(around, item, file) or b"").hexdigest()


def content_of(around: Surroundings, item: InboxItem, file: ReadAttachment) -> bytes | None:
    """The bytes of a file of an item, read where the item was stored; None if they are not there."""
    if item.source.startswith(PORTAL_SOURCE):
        return portal_file(item.raw)
    return around.reader.file_content(item.raw, file)


def _tell(
    work: Casework, engagement: Engagement, kind: str, item: InboxItem, one: Judged, facts: dict[str, str]
) -> None:
    about = {"item": item.id, "number": one.number, "size": one.file.size}
    told = {"file_name": one.file.name}
    cause = work.cause
    work.tx.record(engagement_event(engagement, kind, {**about, **facts}, told, cause=cause.what, who=cause.who))
