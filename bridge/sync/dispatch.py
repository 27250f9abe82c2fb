"""Dispatch: what was decided is done at the far side, each attempt written down before and after.

Writes to ServiceNow that are due together go together: their records are read in one call and changed in another, each
with a verdict, an intent and an outcome of its own. Everything else goes one at a time. Nobody sleeps while holding a
lease.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import structlog

from bridge.domain.agreement import Mode
from bridge.domain.delivery import SERVICENOW, Claim, DeliveryKind, Receipt
from bridge.domain.errors import (
    BridgeError,
    FarSideError,
    OutcomeUnknown,
    StaleWorker,
    StoreError,
    TryLater,
    UntrustedAnswer,
)
from bridge.ports import Frozen
from bridge.sync.breaker import Breakers
from bridge.sync.outcomes import CannotAsk, DispatchReport, Outcomes, Performer, Prepared
from bridge.sync.pacing import at_their_cap
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()
T = TypeVar("T")

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


class BatchPerformer(Performer, Protocol):
    """One that can deal with many deliveries in few calls; each has an outcome of its own."""

    #: deliveries that may go together
    most: int

    def prepare_all(self, claims: Sequence[Claim]) -> Sequence[Prepared | Exception]:
        """`prepare` of each, or what it would have raised."""
        ...

    def perform_all(self, attempts: Sequence[tuple[Claim, Frozen]]) -> Sequence[Receipt | Exception]:
        """`perform` of each, or what it would have raised; over within `Timing.batch_timeout`."""
        ...

    def ask_all(self, claims: Sequence[Claim]) -> Sequence[Receipt | Exception | None]:
        """`ask` of each, or what it would have raised."""
        ...


def _outcome(call: Callable[[], T]) -> T | Exception:
    """What a call answers or raises: both are written down."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - a defect of ours is an end, too, and an attempt must have one
        return error


class Dispatcher:
    """Works the outbox off until nothing is due."""

    def __init__(
        self,
        around: Surroundings,
        performers: Mapping[DeliveryKind, Performer],
        batches: Mapping[DeliveryKind, BatchPerformer],
    ) -> None:
        """`performers` do one delivery at a time; of the kinds in `batches` many may go together."""
        self._around = around
        self._performers = {**performers, **batches}
        self._batches = batches
        self._breakers = Breakers(around.timing.breaker_after, around.timing.breaker_pause)
        self._outcomes = Outcomes(around, self._breakers)

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
        store, worker, lease = self._around.store, self._around.worker + slot, self._around.timing.lease
        while not stop():
            with store.reading() as tx:
                excluded = held_back(self._around, tx.controls()) | self._breakers.open(tx.now())
            claim = store.claim(worker, lease, excluded=excluded | at_their_cap(self._around))
            if claim is None:
                return
            batch = self._batches.get(claim.delivery.kind)
            others = store.claim_more(worker, lease, claim.delivery.recipient, batch.most - 1) if batch else ()
            if batch and others:
                self._work_together([claim, *others], batch, report)
            else:
                self._work(claim, report)

    # ── one at a time ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self, claim: Claim, report: DispatchReport) -> None:
        with self._guarded(claim, report):
            if claim.settling:
                self._settle(claim, report)
            else:
                self._attempt(claim, report)

    @contextmanager
    def _guarded(self, claim: Claim, report: DispatchReport) -> Iterator[None]:
        """What goes wrong here stays with this delivery, unless the store cannot be used at all."""
        try:
            yield
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
        performer, timing = self._performers[claim.delivery.kind], self._around.timing
        prepared = _outcome(lambda: performer.prepare(claim))
        if isinstance(prepared, Exception):
            self._not_prepared(claim, performer, prepared, report, blame=True)
            return
        intended = performer.intend(claim, prepared, timing.settle_within) if prepared else None
        if prepared is None or intended is None:
            return
        if not self._has_time(intended, timing.client_timeout):
            self._too_late(intended, report)
            return
        frozen = prepared.frozen
        outcome = _outcome(lambda: performer.perform(intended, frozen))
        self._outcomes.ended(intended, performer, outcome, report, blame=True)

    def _not_prepared(
        self, claim: Claim, performer: Performer, error: Exception, report: DispatchReport, *, blame: bool
    ) -> None:
        """Nothing was attempted: later again, or, where the same would happen again, a matter for a person."""
        match error:
            case TryLater() | UntrustedAnswer():
                after = error.retry_after if isinstance(error, TryLater) else None
                self._outcomes.give_back(claim, report, after, blame=blame)
            case StaleWorker():
                raise error
            case BridgeError():
                if error.retryable:
                    raise error
                self._outcomes.dead(claim, performer, report, str(error))
            case _:
                log.error("delivery_cannot_be_prepared", delivery=claim.delivery.id, exc_info=error)
                self._outcomes.dead(claim, performer, report, f"{type(error).__name__} while it was prepared")

    def _has_time(self, claim: Claim, needed: timedelta) -> bool:
        return self._now() + needed < claim.lease_until

    def _too_late(self, intended: Claim, report: DispatchReport) -> None:
        """Slowness of our own, which says nothing about the recipient."""
        self._outcomes.postpone(intended, report, "the lease would end before the attempt could")

    def _now(self) -> datetime:
        with self._around.store.reading() as tx:
            return tx.now()

    def _settle(self, claim: Claim, report: DispatchReport) -> None:
        """Ask how an attempt ended."""
        performer, asked_at = self._performers[claim.delivery.kind], self._now()
        answer: Receipt | Exception | None
        try:
            answer = performer.ask(claim)
        except CannotAsk:
            # The earlier attempt stays unknown: whatever the desk says meanwhile proves that it arrived.
            with self._around.store.reading() as tx:
                unknown = tx.unknown_attempts(claim.delivery.id)
            # Each of them may have arrived: so many copies are enough.
            if unknown < self._around.timing.most_repeats:
                self._attempt(claim, report)
            else:
                self._outcomes.dead(claim, performer, report, f"given up after {unknown} attempts of unknown end")
            return
        except Exception as error:  # noqa: BLE001 - a defect of ours, too, must not keep the lane waiting in silence
            answer = error
        self._answered(claim, performer, answer, asked_at, report, blame=True)

    def _answered(
        self,
        claim: Claim,
        performer: Performer,
        answer: Receipt | Exception | None,
        asked_at: datetime,
        report: DispatchReport,
        *,
        blame: bool,
    ) -> None:
        """Absent is believed only if it was asked for when the far side could no longer carry it out."""
        match answer:
            case Receipt():
                self._outcomes.done(claim, performer, answer, report)
            case None if claim.settle_after is not None and asked_at < claim.settle_after:
                self._outcomes.ask_again(claim, claim.settle_after, report)
            case None:
                self._outcomes.absent(claim, performer, report)
            case TryLater() | UntrustedAnswer() | OutcomeUnknown():
                self._outcomes.unknown(claim, report, answer.message, blame=blame)
            case FarSideError():
                self._outcomes.cannot_settle(claim, str(answer))
                self._outcomes.unknown(claim, report, str(answer), blame=blame)
            case StoreError() | StaleWorker():
                raise answer
            case _:
                log.error("cannot_settle", delivery=claim.delivery.id, exc_info=answer)
                self._outcomes.cannot_settle(claim, f"{type(answer).__name__} while it was asked for")
                self._outcomes.unknown(claim, report, type(answer).__name__, blame=blame)

    # ── together ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _work_together(self, claims: Sequence[Claim], performer: BatchPerformer, report: DispatchReport) -> None:
        fresh = [claim for claim in claims if not claim.settling]
        if fresh:
            self._attempt_all(fresh, performer, report)
        if settling := [claim for claim in claims if claim.settling]:
            self._settle_all(settling, performer, report)

    def _attempt_all(self, claims: Sequence[Claim], performer: BatchPerformer, report: DispatchReport) -> None:
        attempts = self._intend_all(claims, performer, report)
        if not attempts:
            return
        told, blame = _outcome(lambda: performer.perform_all(attempts)), True
        outcomes = [told] * len(attempts) if isinstance(told, Exception) else told
        for (claim, _), outcome in zip(attempts, outcomes, strict=True):
            with self._guarded(claim, report):
                self._outcomes.ended(claim, performer, outcome, report, blame=blame)
            # One call went wrong, however many deliveries it held.
            blame = blame and isinstance(outcome, Receipt)

    def _intend_all(
        self, claims: Sequence[Claim], performer: BatchPerformer, report: DispatchReport
    ) -> list[tuple[Claim, Frozen]]:
        """Each is decided upon and written down by itself; those that may be attempted now.

        What was read ages meanwhile: whatever is not decided upon in time is given back, to be read again.
        """
        timing, blame = self._around.timing, True
        intended: list[tuple[Claim, Frozen]] = []
        until = self._now() + timing.margin
        found = _outcome(lambda: performer.prepare_all(claims))
        if isinstance(found, Exception):
            # One of them is poison: each by itself, it stops none of the others.
            for claim in claims:
                self._work(claim, report)
            return []
        for claim, prepared in zip(claims, found, strict=True):
            with self._guarded(claim, report):
                if intended and self._now() >= until:
                    self._around.store.release(claim)
                elif isinstance(prepared, Exception):
                    self._not_prepared(claim, performer, prepared, report, blame=blame)
                    blame = False
                elif one := performer.intend(claim, prepared, timing.batch_settle_within):
                    intended.append((one, prepared.frozen))
        if all(self._has_time(claim, timing.batch_timeout) for claim, _ in intended):
            return intended
        for claim, _ in intended:
            with self._guarded(claim, report):
                self._too_late(claim, report)
        return []

    def _settle_all(self, claims: Sequence[Claim], performer: BatchPerformer, report: DispatchReport) -> None:
        asked_at, blame = self._now(), True
        found = _outcome(lambda: performer.ask_all(claims))
        if isinstance(found, Exception):
            for claim in claims:
                self._work(claim, report)
            return
        for claim, answer in zip(claims, found, strict=True):
            with self._guarded(claim, report):
                self._answered(claim, performer, answer, asked_at, report, blame=blame)
            blame = blame and not isinstance(answer, Exception)
