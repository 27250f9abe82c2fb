"""How attempts end: each end is written down in one transaction, with what follows from it.

An attempt without a certain end is unknown, never failed. A failure that says nothing certain about the recipient is
counted against it; so many in a row and it is left alone for a while.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bridge.domain.case import Case
from bridge.domain.delivery import Claim, DeliveryKind, DeliveryStatus, Receipt
from bridge.domain.errors import BridgeError, FarSideError, NotBegun, OutcomeUnknown, TryLater
from bridge.ports import Frozen, Transaction
from bridge.sync.alarm import raise_alert
from bridge.sync.breaker import Breakers
from bridge.sync.deciding import until_settled
from bridge.sync.openings import Opening
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()

_ABSENT = "the far side does not have it"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an attempt needs: the bytes, and what they rest on."""

    frozen: Frozen
    #: for a write: the record as it was read just before
    fresh: Case | None = None
    #: for an opening message: what it tells of the case's journal
    opening: Opening | None = None


class Performer(Protocol):
    """How one kind of delivery is prepared, done, asked for, and what its end means."""

    def prepare(self, claim: Claim) -> Prepared | None:
        """Before the intent: reads, checks, rendering. None if the delivery was settled here (cancelled)."""
        ...

    def intend(self, claim: Claim, prepared: Prepared, settle_within: timedelta) -> Claim | None:
        """Decide once more and write the intent down, in one transaction; None if the delivery was settled here.

        The far side may carry the attempt out until `settle_within` from now.
        """
        ...

    def perform(self, claim: Claim, frozen: Frozen) -> Receipt:
        """The I/O."""
        ...

    def ask(self, claim: Claim) -> Receipt | None:
        """Whether an earlier attempt was carried out after all; raises `CannotAsk` where nobody can tell."""
        ...

    def done(self, tx: Transaction, claim: Claim, receipt: Receipt) -> None:
        """What follows from a delivery's success, in the transaction that settles it."""
        ...

    def absent(self, tx: Transaction, claim: Claim) -> None:
        """What follows when an earlier attempt turns out not to have been carried out."""
        ...

    def failed(self, tx: Transaction, claim: Claim, error: str) -> None:
        """What follows when it has become a dead letter."""
        ...


class CannotAsk(BridgeError):
    """The far side cannot be asked whether it has a delivery (mail): it is sent again and marked as a repeat."""

    code = "cannot_ask"


@dataclass
class DispatchReport:
    """What one pass did."""

    done: int = 0
    failed: int = 0
    waiting: int = 0
    stale: int = 0


class Outcomes:
    """Writes down how attempts ended."""

    def __init__(self, around: Surroundings, breakers: Breakers) -> None:
        self._around = around
        self._breakers = breakers

    def ended(
        self, claim: Claim, performer: Performer, outcome: Receipt | Exception, report: DispatchReport, *, blame: bool
    ) -> None:
        """The end of an attempt as its I/O told it. Without `blame` its failure was counted already."""
        match outcome:
            case Receipt():
                self.done(claim, performer, outcome, report)
            case NotBegun():
                self.postpone(claim, report, outcome.message, outcome.retry_after)
            case TryLater():
                self.later(claim, performer, report, outcome, blame=blame)
            case OutcomeUnknown():
                self.unknown(claim, report, outcome.message, blame=blame)
            case FarSideError():
                self.dead(claim, performer, report, str(outcome))
            case _:
                log.error("attempt_failed", delivery=claim.delivery.id, exc_info=outcome)
                self.unknown(claim, report, f"{type(outcome).__name__} in the attempt", blame=blame)

    def done(self, claim: Claim, performer: Performer, receipt: Receipt, report: DispatchReport) -> None:
        """The far side has it."""

        def settle(tx: Transaction) -> None:
            tx.finish(claim, DeliveryStatus.DONE, receipt=receipt)
            performer.done(tx, claim, receipt)

        until_settled(self._around, settle)
        self._breakers.worked(claim.delivery.recipient)
        report.done += 1
        log.info("delivered", delivery=claim.delivery.id, recipient=claim.delivery.recipient, attempt=claim.attempt)

    def dead(self, claim: Claim, performer: Performer, report: DispatchReport, error: str) -> None:
        """It is given up: a dead letter that waits for a person."""

        def settle(tx: Transaction) -> None:
            tx.finish(claim, DeliveryStatus.DEAD, error=error)
            performer.failed(tx, claim, error)

        until_settled(self._around, settle)
        report.failed += 1
        log.error("dead_letter", delivery=claim.delivery.id, recipient=claim.delivery.recipient, error=error)

    def absent(self, claim: Claim, performer: Performer, report: DispatchReport) -> None:
        """The far side does not have it and can no longer get it from an earlier attempt: it is due again, later.

        Not for ever: what breaks the far side each time is a person's matter, and so is a message that it may have
        taken time and again without showing it.
        """
        with self._around.store.reading() as tx:
            times = tx.ended_so(claim.delivery.id, _ABSENT) + 1
        if times >= self._most_absences(claim):
            self.dead(claim, performer, report, f"given up: not there after {times} attempts of unknown end")
            return

        def settle(tx: Transaction) -> None:
            tx.finish(claim, DeliveryStatus.PENDING, error=_ABSENT, retry_at=self._retry_at(claim, tx.now()))
            performer.absent(tx, claim)

        until_settled(self._around, settle)

    def _most_absences(self, claim: Claim) -> float:
        timing = self._around.timing
        match claim.delivery.kind:
            case DeliveryKind.MESSAGE:
                return timing.most_repeats
            case DeliveryKind.FILE:
                # Whoever stores files has a limit of its own.
                return math.inf
            case _:
                return timing.most_attempts

    def later(
        self, claim: Claim, performer: Performer, report: DispatchReport, error: TryLater, *, blame: bool = True
    ) -> None:
        """It was certainly not carried out, for a passing reason."""
        if blame:
            self.trouble(claim)
        if claim.attempt >= self._around.timing.most_attempts:
            self.dead(claim, performer, report, f"given up after {claim.attempt}: {error.message}")
        else:
            self.postpone(claim, report, error.message, error.retry_after)

    def postpone(self, claim: Claim, report: DispatchReport, why: str, after: float | None = None) -> None:
        """It was certainly not carried out, and is due again later."""
        with self._around.store.transaction() as tx:
            tx.finish(claim, DeliveryStatus.PENDING, error=why, retry_at=self._retry_at(claim, tx.now(), after))
        report.waiting += 1

    def unknown(self, claim: Claim, report: DispatchReport, why: str, *, blame: bool = True) -> None:
        """Nobody knows whether it was carried out: the far side is asked later."""
        if blame:
            self.trouble(claim)
        with self._around.store.transaction() as tx:
            tx.finish(claim, DeliveryStatus.UNKNOWN, error=why, retry_at=self._retry_at(claim, tx.now()))
        report.waiting += 1

    def ask_again(self, claim: Claim, at: datetime, report: DispatchReport) -> None:
        """The far side does not have it, but may still carry it out: it is asked again then."""
        with self._around.store.transaction() as tx:
            tx.finish(claim, DeliveryStatus.UNKNOWN, retry_at=at)
        report.waiting += 1

    def give_back(self, claim: Claim, report: DispatchReport, after: float | None, *, blame: bool = True) -> None:
        """Nothing was attempted, for a passing reason: somebody takes it later."""
        if blame:
            self.trouble(claim)
        with self._around.store.transaction() as tx:
            tx.release(claim, self._retry_at(claim, tx.now(), after))
        report.waiting += 1

    def cannot_settle(self, claim: Claim, why: str) -> None:
        """The far side refuses to tell: without a person the lane would wait for ever, in silence."""
        delivery = claim.delivery
        with self._around.store.transaction() as tx:
            raise_alert(
                tx,
                self._around.instance,
                "cannot_settle",
                f"it cannot be found out whether delivery {delivery.id} was carried out: {why}",
                case=delivery.case,
                cause=f"delivery:{delivery.id}",
            )

    def trouble(self, claim: Claim) -> None:
        """Count a passing failure; the one that opens the recipient's breaker raises an alarm."""
        recipient = claim.delivery.recipient
        with self._around.store.transaction() as tx:
            if self._breakers.failed(recipient, now := tx.now()):
                pause = self._around.timing.breaker_pause
                text = f"{recipient} cannot be reached; nothing more is tried for {pause}"
                raise_alert(tx, self._around.instance, "unreachable", text, cause=f"{recipient}/{now.isoformat()}")
                log.error("breaker_opened", recipient=recipient, seconds=pause.total_seconds())

    def _retry_at(self, claim: Claim, now: datetime, after: float | None = None) -> datetime:
        """Doubled at each attempt up to the cap, with jitter; never before the far side asked for."""
        timing = self._around.timing
        wait = min(timing.retry_cap, timing.retry_base * float(2 ** min(claim.attempt, 20)))
        jittered: timedelta = wait * self._around.random.uniform(0.5, 1.0)
        return now + max(jittered, timedelta(seconds=after or 0))
