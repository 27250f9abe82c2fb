"""Files that come to an engaged case go on to the desks that may see them, each once and in order with what is said.

A file that an opening message knew of went with it, or was left out of it; one that comes before the opening message is
written goes with that. What our own user stored came from a desk, and goes to none.
"""

from __future__ import annotations

from bridge.domain.engagement import Engagement, Standing, State
from bridge.domain.facts import FilesAdded
from bridge.mapping.entries import attachment_of
from bridge.ports import AttachmentEntry, InboxItem, InboxState, TrailEvent, Transaction
from bridge.sync.casework import Casework, Cause
from bridge.sync.deciding import settled_already, until_settled
from bridge.sync.openings import Known
from bridge.sync.roster import Roster
from bridge.sync.surroundings import Surroundings
from bridge.sync.telling import engagement_event


def apply_attachment(around: Surroundings, _: Roster, item: InboxItem) -> InboxState:
    """Record a file that came to an engaged case, and decide for each desk whether it gets it."""
    entry = attachment_of(item.raw)
    return until_settled(around, lambda tx: _apply_once(tx, around, item, entry))


def _apply_once(tx: Transaction, around: Surroundings, item: InboxItem, entry: AttachmentEntry) -> InboxState:
    if (state := settled_already(tx, item)) is not None:
        return state
    record = tx.case(entry.case)
    tx.record(
        TrailEvent(
            "file_seen",
            f"servicenow:{entry.author}",
            entry.case,
            record.number if record else "",
            cause=_cause(entry),
            facts={"size": entry.size, "sha256": entry.sha256, "content_type": entry.content_type},
            personal={"file_name": entry.file_name},
        )
    )
    why = _why_for_nobody(around, entry)
    if record is None or why:
        tx.settle_item(item.id, InboxState.FILED, why or "recorded", case=entry.case)
        return InboxState.FILED
    work = Casework(tx, around, record, Cause(f"servicenow:{entry.author}", _cause(entry)))
    sent = _send(work, entry)
    state = InboxState.APPLIED if sent else InboxState.FILED
    tx.settle_item(item.id, state, f"goes to {sent} desk(s)" if sent else "recorded", case=entry.case)
    work.close()
    return state


def _why_for_nobody(around: Surroundings, entry: AttachmentEntry) -> str:
    if entry.author == around.integration_user:
        return "our own file"
    return "from before go-live" if around.go_live is not None and entry.created_on < around.go_live else ""


def _send(work: Casework, entry: AttachmentEntry) -> int:
    """Tell the desks that may see the file and whose opening message did not know of it; how many there are."""
    readers = [one for one in work.open() if work.agreement(one).share.attachments.max_bytes]
    story = work.tx.story(work.record.sys_id) if readers else ()
    sent = 0
    for engagement in readers:
        known = Known(story, [engagement.id])
        # As with comments: one that arrived and that no event tells of was settled by a report, a person or a portal.
        unwritten = engagement.id not in known.opened and engagement.standing is not Standing.SENT
        if unwritten or engagement.state is State.INCOMPLETE or known.has_file(entry):
            continue
        if why := _why_not(work, engagement, entry):
            _leave_out(work, engagement, entry, why)
            continue
        text = f"A file was added: {entry.file_name} by {entry.author}"
        work.apply(engagement, FilesAdded((entry.sys_id,), text, entry.author))
        sent += 1
    return sent


def _why_not(work: Casework, engagement: Engagement, entry: AttachmentEntry) -> str:
    rule = work.agreement(engagement).share.attachments
    within = rule.allows(entry.file_name) and entry.size <= rule.max_bytes
    return "" if within else "not within the agreed types and size"


def _leave_out(work: Casework, engagement: Engagement, entry: AttachmentEntry, why: str) -> None:
    facts, personal = {"size": entry.size, "why": why}, {"file_name": entry.file_name}
    work.tx.record(engagement_event(engagement, "file_left_out", facts, personal, cause=_cause(entry)))


def _cause(entry: AttachmentEntry) -> str:
    return f"attachment:{entry.sys_id}"
