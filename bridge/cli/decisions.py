"""What follows from an operator's decision on a delivery: the row, the engagement's fact, and the trail, together."""

from __future__ import annotations

from collections.abc import Callable

from bridge.app import Application
from bridge.cli.session import Session, change
from bridge.domain.delivery import Delivery, DeliveryKind, DeliveryStatus
from bridge.domain.facts import Delivered, Fact, MessageKind, NeverArrived
from bridge.ports import CaseRecord, Transaction
from bridge.sync.casework import Casework, Cause

Find = Callable[[Transaction], Delivery]


def settle(
    session: Session, application: Application, word: str, find: Find, status: DeliveryStatus, reason: str
) -> Delivery:
    """Carry the decision out in one transaction.

    A message that is skipped counts as delivered for its engagement, one that is cancelled as never arrived: what
    waits for it, such as a withdrawal, goes on. Raises what `find` raises.
    """

    def once(tx: Transaction) -> Delivery:
        delivery = find(tx)
        record = tx.case(delivery.case) if delivery.case else None
        arguments = {"delivery": delivery.id, "was": delivery.status.value}
        desk = delivery.recipient if delivery.kind is DeliveryKind.MESSAGE else ""
        session.record(tx, f"outbox {word}", arguments, reason=reason, case=record, desk=desk)
        tx.set_delivery(delivery.id, status, error=f"{word} by an operator")
        if record is not None:
            _tell_engagement(tx, session, application, delivery, record, status)
        return delivery

    return change(application.store, once)


def _tell_engagement(
    tx: Transaction,
    session: Session,
    application: Application,
    delivery: Delivery,
    record: CaseRecord,
    status: DeliveryStatus,
) -> None:
    fact = _fact(delivery, status)
    if fact is None:
        return
    work = Casework(tx, application.around, record, Cause(session.who, f"delivery:{delivery.id}"))
    engagement = next((one for one in work.engagements if one.id == delivery.engagement), None)
    if engagement is not None:
        work.apply(engagement, fact)
        work.close()


def _fact(delivery: Delivery, status: DeliveryStatus) -> Fact | None:
    if delivery.kind is not DeliveryKind.MESSAGE or not status.is_final:
        return None
    kind = MessageKind(delivery.payload["kind"])
    if status is DeliveryStatus.DONE:
        return Delivered(kind, int(delivery.payload["ordinal"]))
    return NeverArrived(kind)
