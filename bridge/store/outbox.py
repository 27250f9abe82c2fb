"""Deliveries: adding, reading and cancelling them, and what an operator decides about them."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bridge.domain.delivery import Delivery, DeliveryKind, DeliveryStatus
from bridge.domain.errors import UsageError
from bridge.domain.ids import DeliveryId, EngagementId, SysId
from bridge.store.engagements import NOT_SETTLED, UNSETTLED
from bridge.store.prepared import Found, Prepared
from bridge.store.restoring import Restoring
from bridge.store.tables import attempt, outbox
from bridge.store.work import inserting

#: Nobody holds the row any more; an outcome written under an older fence is refused.
TAKEN_AWAY = {"worker": None, "lease_until": None, "fence": outbox.c.fence + 1}


def _adding(dialect: str) -> sqlite.Insert | postgresql.Insert:
    return inserting(dialect, outbox).on_conflict_do_nothing(index_elements=["id"])


_BY_ID = Prepared(select(outbox).where(outbox.c.id == bindparam("delivery")))
_ADD = Prepared(_adding)
_ADD_DOUBTED = Prepared(lambda dialect: _adding(dialect).returning(outbox.c.id, outbox.c.attempts, outbox.c.fence))


@cache
def _deliveries(*columns: str, pending: bool) -> Prepared:
    """Deliveries by the values of some columns. There are few such statements, and building one costs as much as it."""
    conditions = [outbox.c[name] == bindparam(name) for name in columns]
    if pending:
        conditions.append(outbox.c.finished_at.is_(None))
    return Prepared(select(outbox).where(*conditions).order_by(outbox.c.seq))


class Outbox(Restoring):
    """The outbox as decisions and operators see it; how workers see it is in `claims`."""

    def enqueue(self, delivery: Delivery) -> None:
        now = self.now()
        message_kind = delivery.payload.get("kind", "") if delivery.kind is DeliveryKind.MESSAGE else ""
        # An earlier life of a restored store may have decided the same, and done it.
        doubted = self._catching_up() if delivery.status is DeliveryStatus.PENDING else None
        status = DeliveryStatus.UNKNOWN if doubted else delivery.status
        values = {
            "id": delivery.id,
            "kind": delivery.kind.value,
            "recipient": delivery.recipient,
            "lane": delivery.lane,
            "payload": delivery.payload,
            "message_kind": str(message_kind),
            "case_id": delivery.case,
            "engagement": delivery.engagement,
            "valid_if": delivery.valid_if,
            "created_at": now,
            "status": status.value,
            "attempts": 1 if doubted else 0,
            **schedule(status, delivery.next_attempt_at or now, now),
        }
        if doubted is None:
            self._put(_ADD, values)
        else:
            self._doubt(self._rows(_ADD_DOUBTED, values), doubted)

    def delivery(self, delivery: DeliveryId) -> Delivery | None:
        row = self._row(_BY_ID, {"delivery": delivery})
        return row and to_delivery(row)

    def deliveries(
        self, *, case: SysId | None = None, engagement: EngagementId | None = None, pending: bool = False
    ) -> tuple[Delivery, ...]:
        wanted = {"case_id": case, "engagement": engagement}
        given = {name: value for name, value in wanted.items() if value is not None}
        rows = self._rows(_deliveries(*given, pending=pending), given)
        return tuple(to_delivery(row) for row in rows)

    def unattempted(self, kind: DeliveryKind, most: int) -> tuple[Delivery, ...]:
        due = (outbox.c.next_attempt_at <= self.now(), outbox.c.kind == kind.value, outbox.c.attempts == 0)
        first = select(outbox).where(*due).order_by(outbox.c.next_attempt_at, outbox.c.seq).limit(most)
        return tuple(map(to_delivery, self._execute(first)))

    def unfinished_since(self, before: datetime) -> frozenset[DeliveryId]:
        statement = select(outbox.c.id).where(outbox.c.finished_at.is_(None), outbox.c.created_at < before)
        return frozenset(DeliveryId(one) for one in self._execute(statement).scalars())

    def cancel_unattempted(self, engagement: EngagementId) -> tuple[DeliveryId, ...]:
        """Cancel what the desk has certainly not seen: dead letters, and also what a worker is about to begin."""
        now = self.now()
        statement = (
            update(outbox)
            .where(
                outbox.c.engagement == engagement,
                outbox.c.kind == DeliveryKind.MESSAGE.value,
                outbox.c.status.in_([DeliveryStatus.PENDING.value, DeliveryStatus.DEAD.value]),
                ~UNSETTLED,
            )
            .values(status=DeliveryStatus.CANCELLED.value, **schedule(DeliveryStatus.CANCELLED, now, now), **TAKEN_AWAY)
            .returning(outbox.c.seq, outbox.c.id)
        )
        return tuple(DeliveryId(row.id) for row in sorted(self._execute(statement)))

    def sent_message_ids(self, engagement: EngagementId) -> tuple[str, ...]:
        statement = select(outbox.c.message_id).where(
            outbox.c.engagement == engagement,
            outbox.c.kind == DeliveryKind.MESSAGE.value,
            outbox.c.status == DeliveryStatus.DONE.value,
            outbox.c.message_id != "",
        )
        return tuple(self._execute(statement.order_by(outbox.c.seq)).scalars())

    def unknown_attempts(self, delivery: DeliveryId) -> int:
        return self._attempts(delivery, NOT_SETTLED)

    def ended_so(self, delivery: DeliveryId, error: str) -> int:
        return self._attempts(delivery, attempt.c.error == error)

    def _attempts(self, delivery: DeliveryId, condition: ColumnElement[bool]) -> int:
        counted = select(func.count()).select_from(attempt).where(attempt.c.delivery == delivery, condition)
        count: int = self._execute(counted).scalar_one()
        return count

    def prove_delivered(self, delivery: DeliveryId) -> None:
        """Whoever holds it loses it; a delivery that is over stays as it is."""
        now = self.now()
        changes = {"status": DeliveryStatus.DONE.value, **schedule(DeliveryStatus.DONE, now, now), **TAKEN_AWAY}
        unfinished = (outbox.c.id == delivery, outbox.c.finished_at.is_(None))
        if self._changes(update(outbox).where(*unfinished).values(changes)):
            self._settle_attempts(delivery, DeliveryStatus.DONE, "", now)

    def set_delivery(self, delivery: DeliveryId, status: DeliveryStatus, *, error: str = "") -> None:
        """Whoever holds it loses it.

        Raises:
            UsageError: there is no such delivery, or it is over: the lane has gone on, it cannot come back.
        """
        now = self.now()
        changes = {"status": status.value, **schedule(status, now, now), **TAKEN_AWAY}
        if error:
            changes["last_error"] = error
        unfinished = (outbox.c.id == delivery, outbox.c.finished_at.is_(None))
        if not self._changes(update(outbox).where(*unfinished).values(changes)):
            raise UsageError(f"delivery {delivery} is over, or there is none", remedy="see cpsd-bridge outbox list")
        self._settle_attempts(delivery, status, error, now)

    def _settle_attempts(self, delivery: DeliveryId, status: DeliveryStatus, error: str, now: datetime) -> None:
        """Give every attempt without a certain end the end that is known now; none is, if the status is unknown."""
        outcome = DeliveryStatus.UNKNOWN if status is DeliveryStatus.PENDING else status
        unsettled = (attempt.c.delivery == delivery, NOT_SETTLED)
        self._execute(update(attempt).where(*unsettled).values(outcome=outcome.value, error=error, ended_at=now))


def schedule(status: DeliveryStatus, due: datetime, now: datetime) -> dict[str, datetime | None]:
    """The columns that say where a row in this status stands (see `tables.outbox`)."""
    goes_on = not status.is_final and status is not DeliveryStatus.DEAD
    return {"next_attempt_at": due if goes_on else None, "finished_at": now if status.is_final else None}


def to_delivery(row: Found) -> Delivery:
    """A row of the outbox as the domain knows it."""
    return Delivery(
        id=DeliveryId(row.id),
        kind=DeliveryKind(row.kind),
        recipient=row.recipient,
        lane=row.lane,
        payload=row.payload,
        case=row.case_id,
        engagement=row.engagement,
        valid_if=row.valid_if,
        status=DeliveryStatus(row.status),
        attempts=row.attempts,
        frozen=row.frozen,
        message_id=row.message_id,
        recipients=tuple(row.recipients or ()),
        next_attempt_at=row.next_attempt_at,
        last_error=row.last_error,
        fence=row.fence,
    )
