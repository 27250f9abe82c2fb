"""Messages to desks: composed and frozen at the first intent, sent by the desk's connector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bridge.domain.agreement import Agreement
from bridge.domain.case import Case
from bridge.domain.delivery import Claim, Delivery, DeliveryStatus, Receipt
from bridge.domain.engagement import Engagement
from bridge.domain.errors import FarSideError, StoreError
from bridge.domain.facts import Bounced, Delivered, DeliveryFailed, Fact, MessageKind, NeverArrived, Report, ReportKind
from bridge.domain.ids import DeskName
from bridge.mapping.message import compose
from bridge.mapping.sharing import NOTHING_SO_FAR, WrittenSoFar
from bridge.ports import AttachmentEntry, DeskConnector, File, Frozen, OutboundMessage, Transaction
from bridge.sync.casework import Casework, Cause
from bridge.sync.deciding import until_settled
from bridge.sync.files import added_files, by_people, named_in, shared_files, yet_to_go
from bridge.sync.lookahead import Lookahead
from bridge.sync.openings import OPENING_WRITTEN, Known, Opening, opening
from bridge.sync.outcomes import CannotAsk, Prepared
from bridge.sync.pacing import has_room
from bridge.sync.queued import standing
from bridge.sync.surroundings import Surroundings
from bridge.sync.telling import engagement_event

log = structlog.get_logger()

#: a file whose bytes are not what its row says is asked for so often before a message goes without it
_TRIES_OF_A_FILE = 3
NOT_ATTACHED = "It could not be attached"


class MessagePerformer:
    """Delivers messages to desks."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._lookahead = Lookahead(around)

    def prepare(self, claim: Claim) -> Prepared | None:
        """Render the message unless it is frozen already; a chase that is no longer owed is cancelled."""
        delivery = claim.delivery
        with self._around.store.transaction() as tx:
            engagement = _engagement(tx, delivery)
            record = tx.case(engagement.case)
            thread = tx.sent_message_ids(engagement.id)
            rounds = [one.id for one in tx.engagements(engagement.case) if one.desk == engagement.desk]
            begins = is_opening(delivery) and delivery.frozen is None
            known = Known(tx.story(engagement.case), rounds, but_openings_of=engagement.id) if begins else None
            later = yet_to_go(tx, engagement.id) if begins else frozenset()
            now = tx.now()
            if delivery.valid_if and delivery.payload["owed_under"] != standing(engagement):
                tx.finish(claim, DeliveryStatus.CANCELLED, error="no longer owed")
                return None
        if delivery.frozen is not None:
            self._refuse_another_method(delivery)
            return Prepared(Frozen(delivery.frozen, delivery.message_id, delivery.recipients))
        if record is None or record.shadow is None:
            raise StoreError(
                f"the case of {engagement.reference} is not in the store", remedy="restore the backup whole"
            )
        agreement = self._around.desks.agreement(engagement)
        files: tuple[File, ...] = ()
        begun: Opening | None = None
        if known is not None:
            papers = self._lookahead.of(engagement.case, files=agreement.share.attachments.max_bytes > 0)
            begun = opening(papers, agreement.share, self._around.integration_user, known)
            files = self._files(engagement, by_people(papers.files or (), self._around.integration_user, later))
        elif named_in(delivery):
            files, delivery = self._added(engagement, delivery)
        message = composed(
            delivery,
            record.shadow,
            engagement,
            agreement,
            now,
            thread=thread,
            files=files,
            so_far=begun.so_far if begun else NOTHING_SO_FAR,
        )
        return Prepared(self._connector(delivery).freeze(message, now), opening=begun)

    def intend(self, claim: Claim, prepared: Prepared, settle_within: timedelta) -> Claim | None:
        """Write the attempt and, the first time, the bytes down.

        Not if they have become out of date meanwhile, or others have sent the desk what it may get in an hour.
        """
        return until_settled(self._around, lambda tx: self._intend_once(tx, claim, prepared, settle_within))

    def _intend_once(self, tx: Transaction, claim: Claim, prepared: Prepared, settle_within: timedelta) -> Claim | None:
        engagement = _engagement(tx, claim.delivery)
        record = tx.case(engagement.case)
        current = prepared.opening is None or not prepared.opening.misses(tx, engagement)
        if not current or not has_room(tx, self._around, claim.delivery.recipient):
            tx.release(claim, claim.due)
            return None
        if prepared.opening is not None and record is not None:
            cause = f"delivery:{claim.delivery.id}"
            tx.record(engagement_event(engagement, OPENING_WRITTEN, prepared.opening.facts(), cause=cause))
            # The version moves with it: an entry is decided upon before the opening, or after it, never beside it.
            tx.save_case(record)
        return tx.intend(claim, prepared.frozen, settle_within)

    def perform(self, claim: Claim, frozen: Frozen) -> Receipt:
        """Hand the bytes to the desk's connector."""
        return self._connector(claim.delivery).send(frozen, claim.attempt)

    def ask(self, claim: Claim) -> Receipt | None:
        """Ask the desk's portal; mail cannot be asked."""
        connector = self._connector(claim.delivery)
        if is_of_another_method(self._around, claim.delivery):
            raise CannotAsk("it was rendered for another method of contact")
        if not connector.capabilities.find:
            raise CannotAsk("mail cannot be asked")
        return connector.find(claim.delivery)

    def _refuse_another_method(self, delivery: Delivery) -> None:
        if is_of_another_method(self._around, delivery):
            raise FarSideError(
                "the desk's method of contact was changed after this message was rendered",
                desk=delivery.recipient,
                remedy="cancel it, and tell the desk again with #desk in the case",
            )

    def done(self, tx: Transaction, claim: Claim, receipt: Receipt) -> None:
        """The message is there: recorded, and the engagement learns of it."""
        kind, ordinal = _what(claim.delivery)
        refused = tuple(receipt.detail.get("refused", ()))
        facts: list[Fact] = [Delivered(kind, ordinal)]
        if kind is MessageKind.OPEN and receipt.far_id and self._connector(claim.delivery).capabilities.read_back:
            facts.append(_taken(receipt, tx.now()))
        if refused:
            facts.append(Bounced(kind, refused, permanent=True, some_left=True))
        told = {"message_id": claim.delivery.message_id}
        self._take(tx, claim, facts, "message_delivered", told, receipt.detail.get("files_refused"))

    def absent(self, tx: Transaction, claim: Claim) -> None:
        """The portal does not have it: it is sent again."""
        self._take(tx, claim, [NeverArrived(_what(claim.delivery)[0])], "message_absent", {})

    def failed(self, tx: Transaction, claim: Claim, error: str) -> None:
        """A dead letter: the lane is blocked and people are told."""
        self._take(tx, claim, [DeliveryFailed(_what(claim.delivery)[0], error)], "message_failed", {"error": error})

    def _take(
        self,
        tx: Transaction,
        claim: Claim,
        facts: Sequence[Fact],
        kind: str,
        told: dict[str, str],
        files_refused: Mapping[str, str] | None = None,
    ) -> None:
        delivery = claim.delivery
        engagement = _engagement(tx, delivery)
        record = tx.case(engagement.case)
        if record is None:
            raise StoreError(
                f"the case of {engagement.reference} is not in the store", remedy="restore the backup whole"
            )
        work = Casework(tx, self._around, record, Cause("bridge", f"delivery:{delivery.id}"))
        details = {"message": delivery.payload["kind"], "attempt": claim.attempt, "fence": claim.fence, **told}
        tx.record(engagement_event(engagement, kind, details, cause=f"delivery:{delivery.id}"))
        for fact in facts:
            current = next(other for other in work.engagements if other.id == engagement.id)
            work.apply(current, fact)
        if files_refused:
            _tell_of_refused(work, engagement, files_refused)
        work.close()

    def _added(self, engagement: Engagement, delivery: Delivery) -> tuple[tuple[File, ...], Delivery]:
        """The files of an update, and what is said in the place of one that cannot go."""
        entries = added_files(self._around.source, engagement.case, delivery)
        files = self._files(engagement, entries)
        if len(files) == len(named_in(delivery)):
            return files, delivery
        why = NOT_ATTACHED if entries else f"{NOT_ATTACHED}: it is not in the case any more"
        return files, replace(delivery, payload={**delivery.payload, "text": f"{delivery.payload['text']}\n\n{why}."})

    def _files(self, engagement: Engagement, entries: Sequence[AttachmentEntry]) -> tuple[File, ...]:
        return shared_files(
            self._around.source,
            entries,
            self._around.desks.agreement(engagement).share.attachments,
            lambda entry, why: self._tell_of_file("file_left_out", engagement, entry, why),
            lambda entry, why: self._unread(engagement, entry, why),
        )

    def _unread(self, engagement: Engagement, entry: AttachmentEntry, why: str) -> bool:
        """A file could not be read whole: seen in the case's story each time, until the message goes without it."""
        self._tell_of_file("file_unread", engagement, entry, why)
        with self._around.store.reading() as tx:
            events = [told.event for told in tx.story(engagement.case)]
        mine = (event for event in events if (event.kind, event.engagement) == ("file_unread", engagement.id))
        return sum(event.cause == f"attachment:{entry.sys_id}" for event in mine) >= _TRIES_OF_A_FILE

    def _tell_of_file(self, kind: str, engagement: Engagement, entry: AttachmentEntry, why: str) -> None:
        with self._around.store.transaction() as tx:
            facts = {"size": entry.size, "why": why}
            personal = {"file_name": entry.file_name}
            tx.record(engagement_event(engagement, kind, facts, personal, cause=f"attachment:{entry.sys_id}"))

    def _connector(self, delivery: Delivery) -> DeskConnector:
        return self._around.connectors[DeskName(delivery.recipient)]


def composed(
    delivery: Delivery,
    case: Case,
    engagement: Engagement,
    agreement: Agreement,
    now: datetime,
    *,
    thread: Sequence[str] = (),
    files: Sequence[File] = (),
    so_far: WrittenSoFar = NOTHING_SO_FAR,
) -> OutboundMessage:
    """The message of a delivery that was decided, about the case as it stands now."""
    return compose(
        MessageKind(delivery.payload["kind"]),
        case,
        engagement,
        agreement,
        now,
        text=delivery.payload["text"],
        changes=[tuple(change) for change in delivery.payload["changes"]],
        thread=thread,
        files=files,
        so_far=so_far,
        id=delivery.id,
        ordinal=delivery.payload["ordinal"],
    )


def _tell_of_refused(work: Casework, engagement: Engagement, files: Mapping[str, str]) -> None:
    """A message is there, and its desk's system would not have some of its files: people read which, and its words."""
    for name, why in files.items():
        facts = {"why": why}
        work.tx.record(engagement_event(engagement, "file_left_out", facts, {"file_name": name}, cause=work.cause.what))
    listed = "\n".join(f"- {name}: {why}" for name, why in files.items())
    work.say("files_refused", {"desk": engagement.desk, "files": listed})


def is_of_another_method(around: Surroundings, delivery: Delivery) -> bool:
    """Whether a message was rendered as a mail, which has recipients, for what is a portal now, or the reverse."""
    by_mail = around.desks.by_name[DeskName(delivery.recipient)].latest.email is not None
    return delivery.frozen is not None and bool(delivery.recipients) != by_mail


def is_opening(delivery: Delivery) -> bool:
    """The opening message: with it go the case's files, and what was written in it so far."""
    return bool(delivery.payload["kind"] == MessageKind.OPEN.value)


def _taken(receipt: Receipt, now: datetime) -> Report:
    """The desk's own system has made a record of the case, and nobody there has seen it yet."""
    link = str(receipt.detail.get("link", ""))
    return Report(
        ReportKind.RECEIVED,
        now,
        desk_reference=str(receipt.detail.get("reference", "")) or receipt.far_id,
        automatic=True,
        channel="portal",
        desk_record=receipt.far_id,
        desk_link=link,
    )


def _what(delivery: Delivery) -> tuple[MessageKind, int]:
    return MessageKind(delivery.payload["kind"]), int(delivery.payload["ordinal"])


def _engagement(tx: Transaction, delivery: Delivery) -> Engagement:
    found = tx.engagement(delivery.engagement) if delivery.engagement else None
    if found is None:
        raise StoreError(f"delivery {delivery.id} belongs to no engagement", remedy="restore the backup whole")
    return found
