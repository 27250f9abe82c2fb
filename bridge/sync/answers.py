"""What a desk answers by link becomes a report, as if it had written a mail: in order, counted, and never by itself."""

from __future__ import annotations

from bridge.domain.errors import StoreError
from bridge.domain.ids import DeskName
from bridge.mapping.answers import Answer, answer_of
from bridge.ports import InboxItem, InboxState, Reading, Transaction
from bridge.sync.deciding import settled_already, until_settled
from bridge.sync.replies import broken_off, is_storm, take_reading
from bridge.sync.roster import Roster
from bridge.sync.surroundings import Surroundings


def apply_answer(around: Surroundings, _: Roster, item: InboxItem) -> InboxState:
    """Apply one answer by link."""
    return until_settled(around, lambda tx: _apply_once(tx, around, item))


def _apply_once(tx: Transaction, around: Surroundings, item: InboxItem) -> InboxState:
    if (state := settled_already(tx, item)) is not None:
        return state
    answer = answer_of(item.raw)
    engagement = tx.engagement(answer.engagement)
    if engagement is None:
        raise StoreError(f"item {item.id} answers no engagement", remedy="restore the backup whole")
    reading = _reading(answer, item, engagement.desk)
    if is_storm(tx, engagement):
        return broken_off(tx, around, item, reading, engagement)
    return take_reading(tx, around, item, reading, engagement, f"desk:{engagement.desk}")


def _reading(answer: Answer, item: InboxItem, desk: DeskName) -> Reading:
    return Reading(
        kind="report",
        verdict="apply",
        reasons=("signed_link",),
        engagement=answer.engagement,
        matched_by="link",
        report=answer.report,
        desk_reference=answer.reference,
        text=answer.text,
        authenticated=True,
        desk=desk,
        at=item.received_at,
        channel="link",
    )
