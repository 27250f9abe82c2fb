"""What is put into the outbox: rows with a derived identity, as they are decided and before they are rendered."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.domain.delivery import (
    SERVICENOW,
    Delivery,
    DeliveryKind,
    case_lane,
    chase_lane,
    engagement_lane,
    file_lane,
)
from bridge.domain.effects import Send
from bridge.domain.engagement import Engagement
from bridge.domain.facts import MessageKind
from bridge.domain.ids import delivery_id
from bridge.mapping.incoming import Judged, content_type, file_name
from bridge.mapping.marks import signed_text
from bridge.ports import CaseRecord

_URGENT = frozenset({MessageKind.CHASE, MessageKind.ESCALATION})


def write_row(
    instance: str, record: CaseRecord, *, fields: Mapping[str, str], element: str, text: str, purpose: str
) -> Delivery:
    """One PATCH of a case; its journal entry ends with the delivery's reference."""
    identity = delivery_id(instance, record.sys_id, record.table, 0, record.next_ordinal)
    payload = {
        "fields": dict(fields),
        "element": element,
        "text": signed_text(text, identity),
        "purpose": purpose,
        "table": record.table,
    }
    return Delivery(identity, DeliveryKind.WRITE, SERVICENOW, case_lane(record.sys_id), payload, case=record.sys_id)


def message_row(instance: str, engagement: Engagement, effect: Send) -> Delivery:
    """One message to a desk. A chase remembers what it was owed under, to be asked again when it is claimed."""
    ordinal, urgent = engagement.next_ordinal, effect.message in _URGENT
    payload = {
        "kind": effect.message.value,
        "text": effect.text,
        "changes": [list(change) for change in effect.changes],
        "ordinal": ordinal,
        **({"files": list(effect.files)} if effect.files else {}),
        **({"owed_under": standing(engagement)} if urgent else {}),
    }
    return Delivery(
        delivery_id(instance, engagement.case, engagement.desk, engagement.round, ordinal),
        DeliveryKind.MESSAGE,
        engagement.desk,
        chase_lane(engagement.id) if urgent else engagement_lane(engagement.id),
        payload,
        case=engagement.case,
        engagement=engagement.id,
        valid_if="still_owed" if urgent else "",
    )


def file_row(
    instance: str, record: CaseRecord, engagement: Engagement, item: int, one: Judged, sha256: str, *, again: int = 0
) -> Delivery:
    """A file of an inbox item on its way into the case, named by its bytes, which stay where they arrived.

    `again` counts those of the same bytes that came to nothing.
    """
    identity = delivery_id(instance, record.sys_id, f"file/{sha256}", 0, again)
    payload = {
        "item": item,
        "number": one.number,
        "name": file_name(one.file.name),
        "content_type": content_type(one.file.content_type),
        "size": one.file.size,
        "sha256": sha256,
        "table": record.table,
        "engagement": engagement.id,
        "desk": engagement.desk,
    }
    return Delivery(identity, DeliveryKind.FILE, SERVICENOW, file_lane(identity), payload, case=record.sys_id)


def decided_send(delivery: Delivery) -> Send:
    """What was decided, read off a row that `message_row` made."""
    payload = delivery.payload
    changes = tuple((name, old, new) for name, old, new in payload["changes"])
    return Send(MessageKind(payload["kind"]), payload["text"], changes, tuple(payload.get("files", ())))


def standing(engagement: Engagement) -> list[str]:
    """What any word of the desk's changes, and any later chase: when it spoke, took it, and is to be asked again."""
    instants = (engagement.last_report_at, engagement.acknowledged_at, engagement.next_chase_at)
    return [engagement.state.value, *(at.isoformat() if at else "" for at in instants)]
