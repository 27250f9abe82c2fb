"""Dispatch: what was decided is done at the far side, one attempt at a time, each written down before and after.

An attempt without a certain end is unknown, never failed, and settled by asking. Nobody sleeps while holding a lease.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bridge.domain.agreement import Mode
from bridge.domain.case import Case
from bridge.domain.delivery import SERVICENOW, Claim, DeliveryKind, DeliveryStatus, Receipt
from bridge.domain.errors import BridgeError, FarSideError, OutcomeUnknown, StaleWorker, TryLater, UntrustedAnswer
from bridge.ports import Frozen, Transaction
from bridge.sync.alarm import raise_alert
from bridge.sync.breaker import Breakers
from bridge.sync.deciding import until_settled
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()

PAUSED_ALL = "pause/all"


def paused_desk(desk: str) -> str:
    """The switch that holds back everything to one desk."""
    return f"pause/desk/{desk}"


def held_back(around: Surroundings, controls: Mapping[str, str]) -> frozenset[str]:
    """Recipients to whom nothing goes now: paused ones, and desks that are not live."""
    desks = around.desks.by_name.values()
    if PAUSED_ALL in controls:
        return frozenset({desk.name for desk in desks} | {SERVICENOW})
    return frozenset(desk.name for desk in desks if desk.mode is Mode.OBSERVE or paused_desk(desk.name) in controls)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an attempt needs: the bytes, and for a write the record as it was read just before."""

    frozen: Frozen
    fresh: Case | None = None


class Performer(Protocol):
    """How one kind of delivery is prepared, done, asked for, and what its end means."""

    def prepare(self, claim: Claim) -> Prepared | None:
        """Before the intent: reads, checks, rendering. None if the delivery was settled here (cancelled)."""
        ...

    def intend(self, claim: Claim, prepared: Prepared) -> Claim | None:
        """Decide once more and write the intent down, in one transaction; None if the delivery was settled here."""
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


class Dispatcher:
    """Works the outbox off until nothing is due."""

    def __init__(self, around: Surroundings, performers: dict[DeliveryKind, Performer]) -> None:
        self._around = around
        self._performers = performers
        self._breakers = Breakers(around.timing.breaker_after, around.timing.breaker_pause)

    def run(self, *, stop: Callable[[], bool] = lambda: False) -> DispatchReport:
        """Work on everything that is due, several lanes at once."""
        report = DispatchReport()
        workers = self._around.concurrency
        if workers == 1:
            self._drain(report, stop, "")
            return report
        with ThreadPoolExecutor(workers, thread_name_prefix="dispatch") as pool:
            for future in [pool.submit(self._drain, report, stop, f"/{slot}") for slot in range(workers)]:
                future.result()
        return report

    def _drain(self, report: DispatchReport, stop: Callable[[], bool], slot: str) -> None:
        while not stop():
            with self._around.store.reading() as tx:
                excluded = held_back(self._around, tx.controls()) | self._breakers.open(tx.now())
            claim = self._around.store.claim(self._around.worker + slot, self._around.timing.lease, excluded=excluded)
            if claim is None:
                return
            self._work(claim, report)

    def _work(self, claim: Claim, report: DispatchReport) -> None:
        try:
            if claim.settling:
                self._settle(claim, report)
            else:
                self._attempt(claim, report)
        except StaleWorker:
            # The store refused our write and recorded what we may have sent.
            report.stale += 1
            log.warning("stale_worker", delivery=claim.delivery.id)
        except BridgeError as error:
            if error.retryable:
                raise
            log.exception("delivery_failed_here", delivery=claim.delivery.id)
        except Exception:
            # It stays ours until the lease ends and is then settled by asking; the other lanes go on.
            log.exception("delivery_failed_here", delivery=claim.delivery.id)

    def _attempt(self, claim: Claim, report: DispatchReport) -> None:
        performer = self._performers[claim.delivery.kind]
        prepared = self._prepared(performer, claim, report)
        if prepared is None:
            return
        intended = performer.intend(claim, prepared)
        if intended is None:
            return
        if not self._has_time(intended):
            # Slowness of our own, which says nothing about the recipient.
            self._postpone(intended, report, "the lease would end before the attempt could")
            return
        try:
            receipt = performer.perform(intended, prepared.frozen)
        except TryLater as error:
            self._later(intended, report, error.message, error.retry_after)
        except OutcomeUnknown as error:
            self._unknown(intended, report, error.message)
        except FarSideError as error:
            self._dead(intended, performer, report, str(error))
        except Exception as error:
            log.exception("attempt_failed", delivery=intended.delivery.id)
            self._unknown(intended, report, f"{type(error).__name__} in the attempt")
        else:
            self._done(intended, performer, receipt, report)

    def _prepared(self, performer: Performer, claim: Claim, report: DispatchReport) -> Prepared | None:
        try:
            return performer.prepare(claim)
        except (TryLater, UntrustedAnswer) as error:
            after = error.retry_after if isinstance(error, TryLater) else None
            self._trouble(claim)
            self._around.store.release(claim, retry_at=self._retry_at(claim, after))
            report.waiting += 1
        except StaleWorker:
            raise
        except BridgeError as error:
            if error.retryable:
                raise
            self._dead(claim, performer, report, str(error))
        except Exception as error:
            # Nothing was attempted, and the same delivery would fail again: it waits for a person, the others go on.
            log.exception("delivery_cannot_be_prepared", delivery=claim.delivery.id)
            self._dead(claim, performer, report, f"{type(error).__name__} while it was prepared")
        return None

    def _has_time(self, claim: Claim) -> bool:
        with self._around.store.reading() as tx:
            return tx.now() + self._around.timing.client_timeout < claim.lease_until

    def _settle(self, claim: Claim, report: DispatchReport) -> None:
        """Ask how an attempt ended. Absent is believed only after the far side can no longer carry it out."""
        performer = self._performers[claim.delivery.kind]
        try:
            with self._around.store.transaction() as tx:
                asked_at = tx.now()
            receipt = performer.ask(claim)
        except CannotAsk:
            # The earlier attempt stays unknown: whatever the desk says meanwhile proves that it arrived.
            if claim.attempt < self._around.timing.most_attempts:
                self._attempt(claim, report)
            else:
                self._dead(claim, performer, report, f"given up after {claim.attempt} attempts of unknown end")
            return
        except (TryLater, UntrustedAnswer, OutcomeUnknown) as error:
            self._unknown(claim, report, error.message)
            return
        except FarSideError as error:
            self._cannot_settle(claim, str(error))
            self._unknown(claim, report, str(error))
            return
        if receipt is not None:
            self._done(claim, performer, receipt, report)
        elif claim.settle_after is not None and asked_at < claim.settle_after:
            with self._around.store.transaction() as tx:
                tx.finish(claim, DeliveryStatus.UNKNOWN, retry_at=claim.settle_after)
            report.waiting += 1
        else:
            until_settled(self._around, lambda tx: self._absent(tx, claim, performer))

    def _cannot_settle(self, claim: Claim, why: str) -> None:
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

    def _absent(self, tx: Transaction, claim: Claim, performer: Performer) -> None:
        tx.finish(claim, DeliveryStatus.PENDING, error="the far side does not have it")
        performer.absent(tx, claim)

    def _done(self, claim: Claim, performer: Performer, receipt: Receipt, report: DispatchReport) -> None:
        def settle(tx: Transaction) -> None:
            tx.finish(claim, DeliveryStatus.DONE, receipt=receipt)
            performer.done(tx, claim, receipt)

        until_settled(self._around, settle)
        self._breakers.worked(claim.delivery.recipient)
        report.done += 1
        log.info("delivered", delivery=claim.delivery.id, recipient=claim.delivery.recipient, attempt=claim.attempt)

    def _dead(self, claim: Claim, performer: Performer, report: DispatchReport, error: str) -> None:
        def settle(tx: Transaction) -> None:
            tx.finish(claim, DeliveryStatus.DEAD, error=error)
            performer.failed(tx, claim, error)

        until_settled(self._around, settle)
        report.failed += 1
        log.error("dead_letter", delivery=claim.delivery.id, recipient=claim.delivery.recipient, error=error)

    def _later(self, claim: Claim, report: DispatchReport, why: str, after: float | None = None) -> None:
        self._trouble(claim)
        if claim.attempt >= self._around.timing.most_attempts:
            self._dead(claim, self._performers[claim.delivery.kind], report, f"given up after {claim.attempt}: {why}")
            return
        self._postpone(claim, report, why, after)

    def _postpone(self, claim: Claim, report: DispatchReport, why: str, after: float | None = None) -> None:
        retry_at = self._retry_at(claim, after)
        with self._around.store.transaction() as tx:
            tx.finish(claim, DeliveryStatus.PENDING, error=why, retry_at=retry_at)
        report.waiting += 1

    def _unknown(self, claim: Claim, report: DispatchReport, why: str) -> None:
        self._trouble(claim)
        retry_at = self._retry_at(claim, None)
        with self._around.store.transaction() as tx:
            tx.finish(claim, DeliveryStatus.UNKNOWN, error=why, retry_at=retry_at)
        report.waiting += 1

    def _trouble(self, claim: Claim) -> None:
        """Count a passing failure; the one that opens the recipient's breaker raises an alarm."""
        recipient = claim.delivery.recipient
        with self._around.store.transaction() as tx:
            if self._breakers.failed(recipient, now := tx.now()):
                pause = self._around.timing.breaker_pause
                text = f"{recipient} cannot be reached; nothing more is tried for {pause}"
                raise_alert(tx, self._around.instance, "unreachable", text, cause=f"{recipient}/{now.isoformat()}")
                log.error("breaker_opened", recipient=recipient, seconds=pause.total_seconds())

    def _retry_at(self, claim: Claim, after: float | None) -> datetime:
        """Doubled at each attempt up to the cap, with jitter; never before the far side asked for."""
        timing = self._around.timing
        wait = min(timing.retry_cap, timing.retry_base * float(2 ** min(claim.attempt, 20)))
        jittered: timedelta = wait * self._around.random.uniform(0.5, 1.0)
        asked = timedelta(seconds=after or 0)
        with self._around.store.transaction() as tx:
            return tx.now() + max(jittered, asked)
