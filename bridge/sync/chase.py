"""Chase: what time brings - silence that confirms, answers that are owed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from bridge.domain.agreement import Agreement, Confirmation
from bridge.domain.engagement import Engagement, Standing, State
from bridge.domain.errors import BridgeError
from bridge.domain.facts import AddressCorrected, ChaseDue, Fact, MessageKind, QuietOver
from bridge.domain.hours import NeverOpenError
from bridge.domain.hours import due as due_after
from bridge.ports import Transaction
from bridge.sync.casework import Casework, Cause
from bridge.sync.deciding import park, until_settled
from bridge.sync.kin import shown
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()


@dataclass
class ChaseReport:
    """What one pass did."""

    chased: int = 0
    confirmed: int = 0


def chase(around: Surroundings) -> ChaseReport:
    """Decide on every engagement for which an agreed time has passed; one that cannot be decided parks its case."""
    report = ChaseReport()
    with around.store.transaction() as tx:
        due = tx.due_engagements(tx.now())
    for engagement in due:
        try:
            fact = until_settled(around, partial(_decide, around, engagement))
        except BridgeError as error:
            if error.retryable:
                raise
            _park(around, engagement, error)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one case, the others go on
            _park(around, engagement, error)
        else:
            report.chased += isinstance(fact, ChaseDue)
            report.confirmed += isinstance(fact, QuietOver)
    return report


def _park(around: Surroundings, engagement: Engagement, error: Exception) -> None:
    log.error("case_parked", case=engagement.case_number, error=type(error).__name__, exc_info=error)
    with around.store.transaction() as tx:
        record = tx.case(engagement.case)
    if record is not None:
        park(around, shown(record), f"{type(error).__name__} when an agreed time had passed for {engagement.desk}")


def _decide(around: Surroundings, due: Engagement, tx: Transaction) -> Fact | None:
    record = tx.case(due.case)
    engagement = tx.engagement(due.id)
    if record is None or record.parked or engagement is None or not engagement.is_open:
        return None
    fact = owed(tx, around, engagement)
    if fact is None:
        return None
    work = Casework(tx, around, record, Cause("clock", f"clock:{tx.now().isoformat(timespec='seconds')}"))
    current = next(other for other in work.engagements if other.id == engagement.id)
    work.apply(current, fact)
    work.close()
    return fact


def owed(tx: Transaction, around: Surroundings, engagement: Engagement) -> Fact | None:
    """What the passing of time means for an engagement; None if nothing. Only reads."""
    agreement = around.desks.agreement(engagement)
    now = tx.now()
    if engagement.undeliverable and _address_corrected(tx, around, engagement):
        return AddressCorrected()
    if engagement.state is State.RESOLUTION_REPORTED and agreement.confirmation is Confirmation.QUIET:
        return _quiet(tx, around, engagement, agreement)
    if engagement.next_chase_at is not None and engagement.next_chase_at <= now:
        return ChaseDue()
    return None


def _address_corrected(tx: Transaction, around: Surroundings, engagement: Engagement) -> bool:
    """Whether the agreement in force names somebody to whom the open message has not been addressed.

    Where it may have arrived all the same, what to do is an operator's decision.
    """
    if engagement.standing not in {Standing.FAILED, Standing.SENT}:
        return False
    opens = [
        one for one in tx.deliveries(engagement=engagement.id) if one.payload.get("kind") == MessageKind.OPEN.value
    ]
    addressed = {address.lower() for one in opens for address in one.recipients}
    email = around.desks.by_name[engagement.desk].latest.email
    contacts = {address.lower() for address in email.to} if email else set()
    return bool(addressed) and not contacts <= addressed


def _quiet(tx: Transaction, around: Surroundings, engagement: Engagement, agreement: Agreement) -> QuietOver | None:
    """Silence counts only up to a pull that is younger than the deadline."""
    if engagement.reported_at is None or engagement.question_open:
        return None
    try:
        deadline = due_after(engagement.reported_at, agreement.quiet_time, agreement.hours)
    except NeverOpenError:
        return None
    pulled_to = _pulled_to(tx, around)
    if pulled_to is None or pulled_to < deadline:
        return None
    return None if tx.is_unread(engagement.case) else QuietOver(pulled_to, unread_notes=False)


def _pulled_to(tx: Transaction, around: Surroundings) -> datetime | None:
    """How far every stream has been read; None before the first complete pull."""
    reached = [tx.cursor(stream.name) for source in around.sources for stream in (source.cases, source.journals)]
    marks = [cursor.watermark for cursor in reached if cursor is not None]
    return min(marks) if marks and len(marks) == len(reached) else None
