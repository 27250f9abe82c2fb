"""After a backup was restored: find out what an earlier life did, before anything is done again.

What was decided after the backup is forgotten and is decided again. Nothing is decided before everything up to the
restore has been read; then in the order in which it came, so that identities, which are derived, come out the same.
What is written into ServiceNow is looked for there first, by its reference or, where the order came out otherwise, by
its words. Mails cannot be asked for: they go again under the same Message-ID, marked as possible repeats.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from bridge.domain.delivery import Claim
from bridge.domain.ids import DeliveryId, SysId, delivery_id, reference
from bridge.mapping.entries import JOURNAL_SOURCE, journal_of
from bridge.mapping.marks import mark_in, normalised, unsigned
from bridge.ports import RESTORED, CaseRecord, Cursor, JournalEntry, Restored, TrailEvent, Transaction
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()


def begin(around: Surroundings, by: str) -> int:
    """Put a restored store back into service; how many deliveries became unknown.

    Asked for again before it has caught up, it remembers the first time's last instant. Raises what
    `CaseSource.server_time` raises: then nothing has changed.
    """
    read_to = around.source.server_time()
    with around.store.transaction() as tx:
        now, before = tx.now(), tx.restored()
        restored = Restored(
            since=before.since if before and not before.caught_up else tx.last_known(),
            at=now,
            read_to=read_to,
            settle_after=now + around.timing.settle_within,
            inbox=before.inbox if before and not before.caught_up else tx.newest_item(),
        )
        doubted = tx.doubt_everything(restored)
        tx.set_control(RESTORED, restored.as_text(), by)
        tx.record(TrailEvent("restored", by, cause="command", facts={"since": restored.since, "unknown": doubted}))
    log.warning("store_restored", since=restored.since.isoformat(), unknown=doubted)
    return doubted


def catching_up(tx: Transaction) -> Restored | None:
    """What a restored store has to catch up with; None when it has, or never had to."""
    restored = tx.restored()
    return None if restored is None or restored.caught_up else restored


def may_decide(around: Surroundings) -> bool:
    """Whether everything up to the restore has been read; what came first must be decided first."""
    with around.store.reading() as tx:
        restored = catching_up(tx)
        if restored is None:
            return True
        streams = [one for source in around.sources for one in (source.cases, source.journals, source.attachments)]
        unread = [stream.name for stream in streams if not _is_read(tx.cursor(stream.name), restored)]
    if unread or not restored.collected:
        log.info("reading_again_after_restore", unread=unread, collected=restored.collected)
        return False
    return True


def _is_read(cursor: Cursor | None, restored: Restored) -> bool:
    return cursor is not None and cursor.watermark >= restored.read_to


def note_collected(around: Surroundings, name: str, began: datetime) -> None:
    """Remember that a far side was read whole since the restore, by whichever replica; then, that all of them were."""
    with around.store.reading() as tx:
        restored = catching_up(tx)
    if restored is None or restored.collected or began < restored.at:
        return
    with around.store.transaction() as tx:
        tx.set_control(_collected(name), began.isoformat(), "bridge")
        read = {one.name: tx.control(_collected(one.name)) for one in around.collectors}
        if all(at and datetime.fromisoformat(at) >= restored.at for at in read.values()):
            tx.set_control(RESTORED, replace(restored, collected=True).as_text(), "bridge")
            for one in read:
                tx.set_control(_collected(one), None, "bridge")


def _collected(name: str) -> str:
    """The control that tells when the last whole pass over a far side began, while a restored store catches up."""
    return f"collected/{name}"


def note_caught_up(around: Surroundings) -> None:
    """End the catching up once all that was there is decided, and nothing of the earlier life can follow any more."""
    with around.store.reading() as tx:
        restored = catching_up(tx)
        if restored is None or tx.now() < restored.settle_after:
            return
        waiting = [item.received_at for item in tx.unapplied(1)] + [landed.seen_at for landed in tx.undecided(1)]
        if any(at <= restored.settle_after for at in waiting):
            return
    with around.store.transaction() as tx:
        tx.set_control(RESTORED, replace(restored, caught_up=True).as_text(), "bridge")
    log.warning("caught_up_after_restore", since=restored.since.isoformat())


@dataclass(frozen=True, slots=True)
class KnownCases(Container[SysId]):
    """The cases that the bridge deals with: their revisions wait for what arrived about them."""

    around: Surroundings

    def __contains__(self, case: object) -> bool:
        with self.around.store.reading() as tx:
            return isinstance(case, str) and tx.case(SysId(case)) is not None


def with_free_ordinal(tx: Transaction, around: Surroundings, record: CaseRecord, text: str) -> CaseRecord:
    """The record with the next ordinal under which the earlier life wrote nothing else than this text.

    One identity never carries two contents, also where the earlier life decided in another order.
    """
    restored = catching_up(tx)
    if restored is None:
        return record
    entries = _written_by_us(tx, around, record.sys_id, restored)
    said = {mark: normalised(unsigned(entry.text)) for entry in entries if (mark := mark_in(entry.text))}
    ordinal, words = record.next_ordinal, normalised(text)
    while said.get(reference(_write_id(around, record, ordinal)), words) != words:
        ordinal += 1
    return replace(record, next_ordinal=ordinal)


def _write_id(around: Surroundings, record: CaseRecord, ordinal: int) -> DeliveryId:
    return delivery_id(around.instance, record.sys_id, record.table, 0, ordinal)


def _written_by_us(tx: Transaction, around: Surroundings, case: SysId, restored: Restored) -> list[JournalEntry]:
    items = (item for item in tx.items_of(case, after=restored.inbox) if item.source == JOURNAL_SOURCE)
    return [entry for entry in map(journal_of, (item.raw for item in items)) if entry.author == around.integration_user]


def said_before(around: Surroundings, claim: Claim, entries: Sequence[JournalEntry]) -> JournalEntry | None:
    """The entry by which the earlier life wrote the words of a delivery under another reference."""
    delivery = claim.delivery
    words, element = normalised(unsigned(delivery.payload["text"])), delivery.payload["element"]
    with around.store.reading() as tx:
        restored = tx.restored()
        if restored is None or claim.started_at is None or claim.started_at > restored.since:
            return None
        known = {reference(other.id) for other in tx.deliveries(case=delivery.case)}
        for entry in entries:
            same = (entry.case, entry.element) == (delivery.case, element) and normalised(unsigned(entry.text)) == words
            if same and mark_in(entry.text) not in known and tx.bound_to(entry.sys_id) is None:
                return entry
    return None


def of_an_earlier_life(tx: Transaction, written_on: datetime) -> bool:
    """Whether an entry of ours may be one that the store has forgotten."""
    restored = tx.restored()
    return restored is not None and written_on <= restored.settle_after
