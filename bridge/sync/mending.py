"""What is done about a difference: it goes the way that everything takes, or a person is told, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.case import Case
from bridge.domain.delivery import Claim, Delivery, DeliveryKind, DeliveryStatus, Receipt
from bridge.domain.ids import DeliveryId
from bridge.mapping.difference import Difference, Kind, Remedy
from bridge.mapping.entries import attachment_item, journal_item
from bridge.ports import AttachmentEntry, JournalEntry, RawItem, TrailEvent, Transaction
from bridge.sync.alarm import alert_id, raise_alert
from bridge.sync.arriving import not_yet_here
from bridge.sync.deciding import until_settled
from bridge.sync.gone import look_for
from bridge.sync.messages import MessagePerformer
from bridge.sync.surroundings import Surroundings
from bridge.sync.writes import WritePerformer

Evidence = Case | JournalEntry | AttachmentEntry | RawItem | None


_ASKED_AGAIN = frozenset({Kind.WRITE_ARRIVED, Kind.MESSAGE_ARRIVED})
"""The far side is asked once more before anything is settled."""


class Status(StrEnum):
    """What became of a difference."""

    MENDED = "mended"
    #: it would be mended; nothing was changed in this run
    MENDABLE = "mendable"
    #: it remains, for a person
    PERSON = "person"
    #: nobody need do anything
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Found:
    """A difference, and what became of it."""

    difference: Difference
    status: Status
    #: whether this run is the first to tell of it
    new: bool


class Mender:
    """Deals with differences one by one; without `mend` it only says what it would do."""

    def __init__(self, around: Surroundings, who: str, *, mend: bool) -> None:
        self._around = around
        self._who = who
        self._mend = mend

    def take(self, difference: Difference, evidence: Evidence) -> Found | None:
        """Deal with one; `evidence` is what ServiceNow or the mailbox shows that the bridge has not.

        None if there is nothing to deal with any more: the service was faster.
        """
        match difference.remedy:
            case Remedy.NOTE:
                return Found(difference, Status.NOTED, new=False)
            case Remedy.ALERT:
                return Found(difference, Status.PERSON, new=self._tell(difference))
            case Remedy.PERSON:
                return Found(difference, Status.PERSON, new=self._bring_in(difference, evidence))
            case Remedy.MEND:
                return self._mended(difference, evidence)

    def _mended(self, difference: Difference, evidence: Evidence) -> Found | None:
        if not self._mend:
            return Found(difference, Status.MENDABLE, new=True)
        changed = self._settled(difference) if difference.kind in _ASKED_AGAIN else self._bring_in(difference, evidence)
        return Found(difference, Status.MENDED, new=True) if changed else None

    def _bring_in(self, difference: Difference, evidence: Evidence) -> bool:
        """Put what never came where it should be; whether it was not there."""
        if difference.kind is Kind.CASE_GONE:
            return self._ask_why_gone(difference)
        if not self._mend or evidence is None:
            return False
        with self._around.store.transaction() as tx:
            changed = _put(tx, difference, evidence)
            if changed:
                self._record(tx, "difference_mended", difference)
        return changed

    def _ask_why_gone(self, difference: Difference) -> bool:
        """The audit tells deleted from hidden; who must know is told as at any other time."""
        if not self._mend or difference.case is None:
            return False
        with self._around.store.reading() as tx:
            record = tx.case(difference.case)
        return record is not None and look_for(self._around, [record]) > 0

    def _settled(self, difference: Difference) -> bool:
        """Ask once more how an attempt ended, and settle it."""
        with self._around.store.reading() as tx:
            delivery = tx.delivery(DeliveryId(difference.about))
            now = tx.now()
        if delivery is None or delivery.status is not DeliveryStatus.UNKNOWN:
            return False
        performer = _performer(self._around, delivery)
        claim = Claim(delivery, self._who, delivery.fence, now, delivery.attempts, settling=True)
        receipt = performer.ask(claim)
        return receipt is not None and until_settled(
            self._around, lambda tx: self._settle(tx, difference, claim, receipt, performer.done)
        )

    def _settle(
        self,
        tx: Transaction,
        difference: Difference,
        claim: Claim,
        receipt: Receipt,
        done: Callable[[Transaction, Claim, Receipt], None],
    ) -> bool:
        now = tx.delivery(claim.delivery.id)
        if now is None or now.status is not DeliveryStatus.UNKNOWN:
            return False
        tx.prove_delivered(claim.delivery.id)
        done(tx, claim, receipt)
        self._record(tx, "difference_mended", difference)
        return True

    def _tell(self, difference: Difference) -> bool:
        """An alarm, once for each difference."""
        cause = f"reconcile:{difference.kind.value} {difference.about}"
        code = difference.kind.value
        if not self._mend:
            with self._around.store.reading() as tx:
                return tx.delivery(alert_id(self._around.instance, code, cause, difference.case)) is None
        text = ": ".join(filter(None, (difference.number, difference.seen, difference.todo)))
        with self._around.store.transaction() as tx:
            new = raise_alert(
                tx, self._around.instance, code, text, case=difference.case, number=difference.number, cause=cause
            )
            if new:
                self._record(tx, "difference_found", difference)
        return new

    def _record(self, tx: Transaction, kind: str, difference: Difference) -> None:
        tx.record(
            TrailEvent(
                kind,
                self._who,
                difference.case,
                difference.number,
                desk=difference.desk,
                cause="reconcile",
                facts={"difference": difference.kind.value, "about": difference.about},
                personal={"seen": difference.seen},
            )
        )


def _performer(around: Surroundings, delivery: Delivery) -> WritePerformer | MessagePerformer:
    return WritePerformer(around) if delivery.kind is DeliveryKind.WRITE else MessagePerformer(around)


def _put(tx: Transaction, difference: Difference, evidence: Case | JournalEntry | AttachmentEntry | RawItem) -> bool:
    match evidence:
        case Case():
            return difference.kind is Kind.MISSED_REVISION and tx.land([evidence]) > 0
        case JournalEntry():
            return any(tx.receive(journal_item(entry)) is not None for entry in not_yet_here(tx, [evidence]))
        case AttachmentEntry():
            return tx.receive(attachment_item(evidence)) is not None
        case RawItem():
            return tx.receive(evidence) is not None
