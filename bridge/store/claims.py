"""Claims: how workers take deliveries, begin attempts, and write down how they ended.

A claim is one compare-and-set UPDATE on the row's fence. On PostgreSQL the candidate is read `FOR UPDATE SKIP LOCKED`,
so that workers do not queue for the same row; what makes a second worker on a lane impossible is the unique index
`outbox_one_worker_per_lane`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from bridge.domain.delivery import Claim, Delivery, DeliveryStatus, Receipt
from bridge.domain.errors import StaleCase, StaleWorker
from bridge.ports import Frozen, TrailEvent
from bridge.store.engagements import NOT_SETTLED
from bridge.store.failures import breaks
from bridge.store.outbox import Outbox, schedule, to_delivery
from bridge.store.tables import attempt, outbox

LEASE_ENDED = "the lease ended before the outcome was written"


def _lane_is_free() -> ColumnElement[bool]:
    """Nothing earlier in the lane is unfinished, and no worker is on it."""
    earlier, held = outbox.alias("earlier"), outbox.alias("held")
    blocked = select(1).where(
        earlier.c.lane == outbox.c.lane, earlier.c.finished_at.is_(None), earlier.c.seq < outbox.c.seq
    )
    taken = select(1).where(
        held.c.lane == outbox.c.lane,
        held.c.worker.is_not(None),
        # Nothing new, since only rows without a worker are asked; but with it PostgreSQL looks the lane up in the index
        # instead of hashing every held row, for which it would read the whole table until its statistics are fresh.
        held.c.seq != outbox.c.seq,
    )
    return and_(~blocked.correlate(outbox).exists(), ~taken.correlate(outbox).exists())


def _candidates() -> Select[Any]:
    """The first due rows: heads of free lanes, and rows whose worker's lease has ended."""
    orphaned = and_(outbox.c.worker.is_not(None), outbox.c.lease_until <= bindparam("now"))
    return (
        select(outbox)
        .where(
            outbox.c.next_attempt_at <= bindparam("now"),
            or_(orphaned, and_(outbox.c.worker.is_(None), _lane_is_free())),
        )
        .order_by(outbox.c.next_attempt_at, outbox.c.seq)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, of=outbox)
    )


_CANDIDATE = _candidates()
_CANDIDATE_BUT = _CANDIDATE.where(outbox.c.recipient.not_in(bindparam("excluded", expanding=True)))
_CANDIDATES_OF = _CANDIDATE.where(outbox.c.recipient == bindparam("recipient"))


class Claims(Outbox):
    """The outbox as workers see it."""

    #: outcomes that came too late; written in a transaction of their own, because this one is refused
    late: list[TrailEvent]

    def claim(self, worker: str, lease: timedelta, excluded: Iterable[str]) -> Claim | None:
        """See `ports.Store.claim`; None also when another worker was faster."""
        now = self.now()
        avoided = list(excluded)
        statement = _CANDIDATE_BUT if avoided else _CANDIDATE
        values = {"now": now, "most": 1, **({"excluded": avoided} if avoided else {})}
        row = self._execute(statement, values).one_or_none()
        if row is None or not self._take(row, worker, now + lease):
            return None
        return self._claimed(row, worker, now + lease)

    def claim_more(self, worker: str, lease: timedelta, recipient: str, most: int) -> tuple[Claim, ...]:
        """See `ports.Store.claim_more`."""
        now = self.now()
        rows = self._execute(_CANDIDATES_OF, {"now": now, "most": most, "recipient": recipient}).all()
        until = now + lease
        return tuple(self._claimed(row, worker, until) for row in rows if self._take(row, worker, until))

    def _take(self, row: Row[Any], worker: str, until: datetime) -> bool:
        interrupted = row.status == DeliveryStatus.ATTEMPTING.value
        taken = (
            update(outbox)
            .where(outbox.c.seq == row.seq, outbox.c.fence == row.fence)
            .values(
                status=DeliveryStatus.UNKNOWN.value if interrupted else row.status,
                worker=worker,
                lease_until=until,
                # While it is held the row is due when the lease ends: then anybody may take it over.
                next_attempt_at=until,
                fence=row.fence + 1,
            )
        )
        try:
            if not self._changes(taken):
                return False
        except IntegrityError as error:
            if breaks(error, "outbox_one_worker_per_lane", "outbox.lane"):
                raise StaleCase("another worker took the lane at the same instant") from None
            raise
        if interrupted:
            open_attempts = (attempt.c.delivery == row.id, attempt.c.outcome == "")
            ended = {"outcome": DeliveryStatus.UNKNOWN.value, "error": LEASE_ENDED}
            self._execute(update(attempt).where(*open_attempts).values(ended))
        return True

    def _claimed(self, row: Row[Any], worker: str, until: datetime) -> Claim:
        delivery = to_delivery(row)
        settling = delivery.status in {DeliveryStatus.ATTEMPTING, DeliveryStatus.UNKNOWN}
        started_at, settle_after = self._unsettled_span(delivery) if settling else (None, None)
        return Claim(
            delivery=replace(
                delivery,
                status=DeliveryStatus.UNKNOWN if settling else delivery.status,
                fence=row.fence + 1,
                next_attempt_at=until,
            ),
            worker=worker,
            fence=row.fence + 1,
            lease_until=until,
            attempt=delivery.attempts if settling else delivery.attempts + 1,
            settling=settling,
            started_at=started_at,
            settle_after=settle_after,
            due=row.next_attempt_at,
        )

    def intend(self, claim: Claim, frozen: Frozen | None, settle_within: timedelta) -> Claim:
        now = self.now()
        number = claim.delivery.attempts + 1
        delivery = replace(claim.delivery, status=DeliveryStatus.ATTEMPTING, attempts=number)
        changes: dict[str, Any] = {"status": DeliveryStatus.ATTEMPTING.value, "attempts": number}
        if frozen is not None and delivery.frozen is None:
            changes |= {"frozen": frozen.content, "message_id": frozen.message_id, "recipients": frozen.recipients}
            delivery = replace(
                delivery, frozen=frozen.content, message_id=frozen.message_id, recipients=frozen.recipients
            )
        begins = and_(_held(claim), outbox.c.lease_until > now, outbox.c.status != DeliveryStatus.ATTEMPTING.value)
        if not self._changes(update(outbox).where(begins).values(changes)):
            raise self._refused(claim, "intend", "nothing was sent")
        self._begin_attempt(claim, number, now, now + settle_within)
        return replace(
            claim,
            delivery=delivery,
            attempt=number,
            settling=False,
            started_at=now,
            settle_after=now + settle_within,
        )

    def _begin_attempt(self, claim: Claim, number: int, started_at: datetime, settle_after: datetime) -> None:
        values = {
            "delivery": claim.delivery.id,
            "number": number,
            "started_at": started_at,
            "settle_after": settle_after,
            "worker": claim.worker,
            "fence": claim.fence,
        }
        self._execute(self._insert(attempt), values)

    def release(self, claim: Claim, retry_at: datetime | None) -> None:
        """See `ports.Store.release`; an attempt that was begun can only be finished."""
        free = {"worker": None, "lease_until": None, "next_attempt_at": retry_at or self.now()}
        unattempted = and_(_held(claim), outbox.c.status != DeliveryStatus.ATTEMPTING.value)
        if not self._changes(update(outbox).where(unattempted).values(free)):
            raise self._refused(claim, "release", "nothing was sent")

    def finish(
        self,
        claim: Claim,
        status: DeliveryStatus,
        *,
        receipt: Receipt | None = None,
        error: str = "",
        retry_at: datetime | None = None,
    ) -> None:
        if status is DeliveryStatus.ATTEMPTING:
            raise ValueError("an attempt does not end as attempting")
        now = self.now()
        due = retry_at or (self._unsettled_span(claim.delivery)[1] if status is DeliveryStatus.UNKNOWN else None) or now
        changes: dict[str, Any] = {"status": status.value, "last_error": error, "worker": None, "lease_until": None}
        changes |= schedule(status, due, now)
        if receipt is not None:
            changes["receipt"] = {"far_id": receipt.far_id, "detail": receipt.detail}
        if not self._changes(update(outbox).where(_held(claim)).values(changes)):
            raise self._refused(claim, "finish", status.value, receipt=receipt, error=error)
        self._end_attempt(claim, status, error, now)

    def _end_attempt(self, claim: Claim, status: DeliveryStatus, error: str, now: datetime) -> None:
        if not claim.settling:
            this = (attempt.c.delivery == claim.delivery.id, attempt.c.number == claim.attempt)
            self._execute(update(attempt).where(*this).values(outcome=status.value, error=error, ended_at=now))
        elif status not in {DeliveryStatus.UNKNOWN, DeliveryStatus.DEAD}:  # given up is not found out
            unsettled = (attempt.c.delivery == claim.delivery.id, NOT_SETTLED)
            self._execute(update(attempt).where(*unsettled).values(outcome=status.value, error=error, ended_at=now))

    def take_over_orphans(self) -> int:
        """End every lease now; only for whoever knows that no other worker lives. Returns how many there were."""
        now = self.now()
        held = update(outbox).where(outbox.c.worker.is_not(None))
        return self._execute(held.values(lease_until=now, next_attempt_at=now)).rowcount

    def _unsettled_span(self, delivery: Delivery) -> tuple[datetime | None, datetime | None]:
        """When the earliest attempt without a certain end started, and when the last of them may be settled."""
        statement = select(
            func.min(attempt.c.started_at).label("started_at"), func.max(attempt.c.settle_after).label("settle_after")
        ).where(attempt.c.delivery == delivery.id, NOT_SETTLED)
        row = self._execute(statement).one()
        return row.started_at, row.settle_after

    def _refused(
        self, claim: Claim, operation: str, outcome: str, *, receipt: Receipt | None = None, error: str = ""
    ) -> StaleWorker:
        delivery = claim.delivery
        self.late.append(
            TrailEvent(
                kind="late_outcome",
                who=claim.worker,
                case=delivery.case,
                engagement=delivery.engagement,
                desk="" if delivery.recipient == "servicenow" else delivery.recipient,
                cause=f"delivery:{delivery.id}",
                facts={
                    "operation": operation,
                    "outcome": outcome,
                    "attempt": claim.attempt,
                    "fence": claim.fence,
                    "lease_until": claim.lease_until,
                    "far_id": receipt.far_id if receipt else "",
                },
                personal={"error": error},
            )
        )
        return StaleWorker(
            f"the lease on delivery {delivery.id} ended before this worker's {operation}", desk=delivery.recipient
        )


def _held(claim: Claim) -> ColumnElement[bool]:
    """The row is still in the hands of the claim's worker, under the claim's fence."""
    return and_(outbox.c.id == claim.delivery.id, outbox.c.fence == claim.fence, outbox.c.worker == claim.worker)
