"""What desks answer: a mail is read by the connector, and what it says becomes facts about its engagement."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.delivery import Delivery
from bridge.domain.engagement import Engagement
from bridge.domain.errors import StoreError
from bridge.domain.facts import Bounced, Fact, MessageKind, Report
from bridge.ports import InboxItem, InboxState, Reading, TrailEvent, Transaction
from bridge.sync.alarm import raise_alert
from bridge.sync.casework import Casework, Cause
from bridge.sync.deciding import settled_already, until_settled
from bridge.sync.roster import Roster
from bridge.sync.surroundings import Surroundings

_FINAL = {"file": InboxState.FILED, "drop": InboxState.DROPPED, "quarantine": InboxState.QUARANTINED}


def apply_reply(around: Surroundings, _: Roster, item: InboxItem) -> InboxState:
    """Read one inbound item of a desk and apply it."""
    return until_settled(around, lambda tx: _apply_once(tx, around, item))


def _apply_once(tx: Transaction, around: Surroundings, item: InboxItem) -> InboxState:
    if (state := settled_already(tx, item)) is not None:
        return state
    reading = around.reader.receive(item.raw, item.received_at, tx)
    engagement = tx.engagement(reading.engagement) if reading.engagement else None
    if reading.verdict != "apply" or engagement is None:
        return _set_aside(tx, around, item, reading, engagement)
    return take_reading(tx, around, item, reading, engagement, f"desk:{engagement.desk}")


def take_reading(
    tx: Transaction, around: Surroundings, item: InboxItem, reading: Reading, engagement: Engagement, who: str
) -> InboxState:
    """Apply what an item says to an engagement, by the reader's verdict or by a person's decision."""
    record = tx.case(engagement.case)
    if record is None:
        raise StoreError(f"the case of {engagement.reference} is not in the store", remedy="restore the backup whole")
    work = Casework(tx, around, record, Cause(who, _cause(item, reading)))
    work.event(
        "item_received",
        {
            "item": item.id,
            "kind": reading.kind,
            "matched_by": reading.matched_by,
            "report": reading.report or "",
            "reasons": list(reading.reasons),
            "message_id": reading.message_id,
        },
        {"sender": reading.sender, "text": reading.text},
    )
    fact = _fact(tx, around, reading, engagement, item.received_at)
    if fact is None:
        tx.settle_item(
            item.id, InboxState.FILED, "; ".join(reading.reasons), case=engagement.case, engagement=engagement.id
        )
        work.close()
        return InboxState.FILED
    decision = work.apply(engagement, fact)
    state = InboxState.QUARANTINED if work.quarantined else InboxState.APPLIED
    tx.settle_item(item.id, state, work.quarantined or decision.reason, case=engagement.case, engagement=engagement.id)
    work.close()
    return state


def _fact(
    tx: Transaction, around: Surroundings, reading: Reading, engagement: Engagement, received_at: datetime
) -> Fact | None:
    if reading.kind == "bounce":
        return _bounce(tx, around, reading, engagement)
    if reading.report is None:
        return None
    return Report(
        kind=reading.report,
        at=reading.at or received_at,
        text=reading.text,
        desk_reference=reading.desk_reference,
        automatic=reading.automatic or reading.kind == "automatic",
        ordered=reading.ordered,
        until=reading.until,
        direction=reading.direction,
        suggests=reading.suggests,
    )


def _bounce(tx: Transaction, around: Surroundings, reading: Reading, engagement: Engagement) -> Bounced:
    """Which message failed, for whom, and whether anybody of the agreed recipients is left."""
    failed = {address.lower() for address in reading.bounced_recipients}
    refused = failed | {address.lower() for address in engagement.refused_by} if reading.permanent else failed
    bounced = next(
        (
            delivery
            for delivery in tx.deliveries(engagement=engagement.id)
            if delivery.message_id and delivery.message_id == reading.bounced_message_id
        ),
        None,
    )
    kind = MessageKind(bounced.payload["kind"]) if bounced else MessageKind.OPEN
    left = any(address not in refused for address in _required(around, engagement, bounced)) if failed else False
    return Bounced(kind, tuple(sorted(failed)), reading.permanent, some_left=left)


def _required(around: Surroundings, engagement: Engagement, bounced: Delivery | None) -> set[str]:
    """Whom the desk's contacts name among those the message went to; all, once other contacts are in force."""
    contacts = {address.lower() for address in around.desks.by_name[engagement.desk].latest.email.to}
    addressed = {address.lower() for address in bounced.recipients} if bounced else set()
    return contacts & addressed or addressed or contacts


def _set_aside(
    tx: Transaction, around: Surroundings, item: InboxItem, reading: Reading, engagement: Engagement | None
) -> InboxState:
    """File, drop or quarantine; nothing is lost and each decision has its reason."""
    state = _FINAL.get(reading.verdict, InboxState.QUARANTINED)
    why = "; ".join(reading.reasons) or "it belongs to no engagement that is known"
    case = engagement.case if engagement else None
    tx.settle_item(item.id, state, why, case=case, engagement=engagement.id if engagement else None)
    tx.record(
        TrailEvent(
            f"item_{state.value}",
            f"desk:{reading.desk}" if reading.desk else "unknown",
            case,
            engagement.case_number if engagement else "",
            engagement.id if engagement else None,
            engagement.round if engagement else None,
            engagement.desk if engagement else "",
            _cause(item, reading),
            engagement.agreement_version if engagement else None,
            {"item": item.id, "kind": reading.kind, "reasons": list(reading.reasons)},
            {"sender": reading.sender},
        )
    )
    if state is InboxState.QUARANTINED:
        raise_alert(
            tx,
            around.instance,
            "quarantined",
            f"item {item.id} ({item.source}): {why}",
            case=case,
            cause=f"inbox:{item.id}",
        )
    return state


def _cause(item: InboxItem, reading: Reading) -> str:
    return f"{item.source}:{item.id}" + (f" {reading.message_id}" if reading.message_id else "")
