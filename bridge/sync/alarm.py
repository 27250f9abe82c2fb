"""Alarms: decided with everything else, delivered by the outbox."""

from __future__ import annotations

from bridge.domain.delivery import ALERTS, Delivery, DeliveryKind, alert_lane
from bridge.domain.ids import SysId, delivery_id
from bridge.ports import TrailEvent, Transaction

_NO_CASE = SysId("bridge")


def raise_alert(
    tx: Transaction,
    instance: str,
    code: str,
    text: str,
    *,
    case: SysId | None = None,
    number: str = "",
    cause: str = "",
) -> None:
    """Queue an alarm; the same alarm for the same cause is one alarm."""
    identity = delivery_id(instance, case or _NO_CASE, f"{ALERTS}/{code}/{cause}", 0, 0)
    if tx.delivery(identity) is not None:
        return
    payload = {"code": code, "text": text, "case": number, "at": tx.now().isoformat()}
    tx.enqueue(Delivery(identity, DeliveryKind.ALERT, ALERTS, alert_lane(identity), payload, case=case))
    tx.record(TrailEvent("alert", "bridge", case, number, cause=cause, facts={"code": code, "text": text}))
