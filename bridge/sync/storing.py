"""Files of desks on their way into the case: one POST each, and never a second one without asking.

The Attachment API has no idempotency key. What has no certain end is looked for among the case's files: ours is by our
user and has the bytes that were sent, by hash; where the platform keeps none, it is read. No two of our deliveries to
a case that are not given up have the same bytes, so nothing else need tell them apart.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from bridge.domain.delivery import Claim, Delivery, DeliveryStatus, Receipt
from bridge.domain.engagement import Engagement
from bridge.domain.errors import FarSideError, ScannerAway, StoreError
from bridge.domain.ids import EngagementId, SysId
from bridge.ports import AttachmentEntry, Frozen, ReadAttachment, Transaction
from bridge.sync.apply import tell_of_scanner
from bridge.sync.casework import Casework, Cause
from bridge.sync.deciding import until_settled
from bridge.sync.intake import content_of
from bridge.sync.outcomes import Prepared
from bridge.sync.surroundings import EVER, Surroundings
from bridge.sync.telling import engagement_event

#: a file may be what makes the far side break off, so it is not sent to it for ever
_MOST_ATTEMPTS = 5


class FilePerformer:
    """Stores files at cases in ServiceNow."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def prepare(self, claim: Claim) -> Prepared | None:
        """The bytes, as they arrived. Raises `FarSideError` for those that must not or cannot be stored."""
        payload = claim.delivery.payload
        with self._around.store.reading() as tx:
            item = tx.inbox_item(payload["item"])
        content = content_of(self._around, item, _described(claim.delivery)) if item else None
        if content is None or hashlib.sha256(content).hexdigest() != payload["sha256"]:
            raise FarSideError(
                f"item {payload['item']} does not hold the bytes of this file any more",
                remedy="ask the desk for it, and cancel this delivery",
            )
        try:
            found = self._around.scanner.scan(content) if self._around.scanner else ""
        except ScannerAway as error:
            self._wait(claim, error)
            return None
        if found:
            raise FarSideError(
                f"the scanner found {found}", remedy="cancel this delivery, or retry it if that is wrong"
            )
        return Prepared(Frozen(content, "", ()))

    def _wait(self, claim: Claim, error: ScannerAway) -> None:
        """That the scanner is away is no fault of ServiceNow's, and does not count against it."""
        tell_of_scanner(self._around, error)
        with self._around.store.transaction() as tx:
            tx.release(claim, tx.now() + self._around.timing.breaker_pause)

    def intend(self, claim: Claim, prepared: Prepared, settle_within: timedelta) -> Claim | None:
        """Write the attempt down, without the bytes: the inbox has them."""
        del prepared
        return until_settled(self._around, lambda tx: tx.intend(claim, None, settle_within))

    def perform(self, claim: Claim, frozen: Frozen) -> Receipt:
        """The POST."""
        payload = claim.delivery.payload
        return self._around.source.attach(
            payload["table"], _case(claim.delivery), payload["name"], payload["content_type"], frozen.content
        )

    def ask(self, claim: Claim) -> Receipt | None:
        """Look for it among the files of the case."""
        stored = self._around.source.attachments([_case(claim.delivery)], EVER)
        found = (entry for entry in stored if self._is_ours(entry, claim.delivery))
        return next((Receipt(entry.sys_id) for entry in found), None)

    def _is_ours(self, entry: AttachmentEntry, delivery: Delivery) -> bool:
        payload = delivery.payload
        if entry.author != self._around.integration_user or entry.size != payload["size"]:
            return False
        told = entry.sha256.lower()
        if not told:
            told = hashlib.sha256(self._around.source.download(entry, entry.size)).hexdigest()
        return bool(told == payload["sha256"])

    def done(self, tx: Transaction, claim: Claim, receipt: Receipt) -> None:
        """It is there."""
        facts = {"attachment": receipt.far_id, "attempt": claim.attempt, "fence": claim.fence}
        _record(tx, "file_stored", claim.delivery, facts)

    def absent(self, tx: Transaction, claim: Claim) -> None:
        """ServiceNow never stored it: it is sent again, unless that came to nothing too often."""
        _record(tx, "file_absent", claim.delivery, {"attempt": claim.attempt})
        if claim.attempt >= _MOST_ATTEMPTS:
            why = f"not stored by any of {claim.attempt} attempts, and no answer said why"
            tx.set_delivery(claim.delivery.id, DeliveryStatus.DEAD, error=why)
            self.failed(tx, claim, why)

    def failed(self, tx: Transaction, claim: Claim, error: str) -> None:
        """It is not stored: people are told, and those who work on the case read which file it is."""
        delivery = claim.delivery
        _record(tx, "file_refused", delivery, {"error": error})
        record = tx.case(_case(delivery))
        if record is None:
            raise StoreError(
                f"the case of delivery {delivery.id} is not in the store", remedy="restore the backup whole"
            )
        work = Casework(tx, self._around, record, Cause("bridge", _cause(delivery)))
        work.alert("file_refused", f"{record.number}: a file from {delivery.payload['desk']} was not stored: {error}")
        name = delivery.payload["name"]
        work.say("file_refused", {"desk": delivery.payload["desk"], "name": name, "reason": error})
        work.close()


def _described(delivery: Delivery) -> ReadAttachment:
    payload = delivery.payload
    return ReadAttachment(payload["name"], payload["content_type"], payload["size"], payload["sha256"])


def _record(tx: Transaction, kind: str, delivery: Delivery, facts: dict[str, object]) -> None:
    payload = delivery.payload
    about = {"delivery": delivery.id, "item": payload["item"], "size": payload["size"], "sha256": payload["sha256"]}
    personal = {"file_name": payload["name"]}
    tx.record(engagement_event(_engagement(tx, delivery), kind, {**about, **facts}, personal, cause=_cause(delivery)))


def _engagement(tx: Transaction, delivery: Delivery) -> Engagement:
    found = tx.engagement(EngagementId(delivery.payload["engagement"]))
    if found is None:
        raise StoreError(f"delivery {delivery.id} belongs to no engagement", remedy="restore the backup whole")
    return found


def _case(delivery: Delivery) -> SysId:
    if delivery.case is None:
        raise StoreError(f"delivery {delivery.id} belongs to no case", remedy="restore the backup whole")
    return delivery.case


def _cause(delivery: Delivery) -> str:
    return f"delivery:{delivery.id}"
