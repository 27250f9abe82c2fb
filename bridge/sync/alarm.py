"""Alarms: decided with everything else, delivered by the outbox."""

from __future__ import annotations

from bridge.domain.delivery import ALERTS, Delivery, DeliveryKind, alert_lane
from bridge.domain.ids import DeliveryId, SysId, delivery_id
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
) -> bool:
    """Queue an alarm; the same alarm for the same cause is one alarm. Whether it is a new one."""
    identity = alert_id(instance, code, cause, case)
    if tx.delivery(identity) is not None:
        return False
    payload = {"code": code, "text": text, "case": number, "at": tx.now().isoformat()}
    tx.enqueue(Delivery(identity, DeliveryKind.ALERT, ALERTS, alert_lane(identity), payload, case=case))
    tx.record(TrailEvent("alert", "bridge", case, number, cause=cause, facts={"code": code, "text": text}))
    return True


def alert_id(instance: str, code: str, cause: str, case: SysId | None = None) -> DeliveryId:
    """The identity of an alarm: by what raises it, so that it is raised once."""
    return delivery_id(instance, case or _NO_CASE, f"{ALERTS}/{code}/{cause}", 0, 0)
