"""Durable state as the core sees it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bridge.domain.agreement import Agreement, Desk
from bridge.domain.case import Case
from bridge.domain.delivery import Claim, Delivery, DeliveryKind, DeliveryStatus, Receipt
from bridge.domain.engagement import Engagement
from bridge.domain.ids import DeliveryId, DeskName, EngagementId, SysId
from bridge.ports.desks import Correspondence, Frozen, RawItem
from bridge.ports.records import CaseRecord, Cursor, InboxItem, InboxState, Landed, ToldEvent, TrailEvent, Waiting
from bridge.ports.restored import Restored
from bridge.ports.servicenow import Stamp


class Transaction(Correspondence, Protocol):
    """One short transaction. Nothing in it waits for the outside world."""

    def now(self) -> datetime:
        """The database's clock."""
        ...

    # cursors and landing
    def cursor(self, stream: str) -> Cursor | None: ...
    def save_cursor(self, stream: str, cursor: Cursor) -> None: ...
    def land(self, revisions: Sequence[Case], *, decided: bool = False) -> int:
        """Store revisions not stored before (by sys_id, sys_updated_on, sys_mod_count, content hash); how many."""
        ...

    def not_landed(self, stamps: Sequence[Stamp]) -> tuple[SysId, ...]:
        """The records of those revisions that were never landed, in the order given."""
        ...

    def undecided(self, limit: int, *, after: int = 0) -> tuple[Landed, ...]:
        """Revisions to decide upon, in order of landing, without those of parked cases."""
        ...

    def landed_before(self, landed: Landed) -> Case | None:
        """The revision of the same record that landed last before this one."""
        ...

    def mark_decided(self, ids: Sequence[int]) -> None: ...

    # cases
    def case(self, sys_id: SysId) -> CaseRecord | None: ...
    def case_by_number(self, number: str) -> CaseRecord | None: ...
    def cases(self, sys_ids: Sequence[SysId]) -> Mapping[SysId, CaseRecord]: ...
    def engaged_cases(self) -> tuple[CaseRecord, ...]:
        """Cases with an engagement that is open, or that the hold still waits for."""
        ...

    def relatives(self, case: Case) -> tuple[SysId, ...]:
        """The family of a case: the records it points at, and those known to point at it."""
        ...

    def pointed_at(self, sys_ids: Sequence[SysId]) -> frozenset[SysId]:
        """Those of some records that others are known to point at."""
        ...

    def add_case(self, record: CaseRecord) -> None:
        """Raises `StaleCase` if somebody else added it in between."""
        ...

    def save_case(self, record: CaseRecord) -> CaseRecord:
        """Compare-and-set on `record.version`; returns the record with the next version; raises `StaleCase`."""
        ...

    # engagements
    def engagements(self, case: SysId) -> tuple[Engagement, ...]:
        """All rounds of all desks in a case, oldest first, each with its open message's standing."""
        ...

    def open_engagements(self) -> tuple[Engagement, ...]: ...
    def save_engagement(self, engagement: Engagement) -> None:
        """Insert or update; a second open round of one desk in one case violates a constraint (`StaleCase`)."""
        ...

    def followed(self, desk: DeskName, since: datetime) -> tuple[Engagement, ...]:
        """A desk's engagements of which its own system has a record, open ones and those that ended since then."""
        ...

    def due_engagements(self, now: datetime) -> tuple[Engagement, ...]:
        """Open engagements whose `next_chase_at` has passed, that wait for `quiet`, or that cannot be reached."""
        ...

    # outbox
    def enqueue(self, delivery: Delivery) -> None:
        """Add a delivery; the same identity a second time changes nothing."""
        ...

    def delivery(self, delivery: DeliveryId) -> Delivery | None: ...
    def deliveries(
        self, *, case: SysId | None = None, engagement: EngagementId | None = None, pending: bool = False
    ) -> tuple[Delivery, ...]: ...
    def unfinished_since(self, before: datetime) -> frozenset[DeliveryId]:
        """Deliveries decided before an instant that are not finished."""
        ...

    def unattempted(self, kind: DeliveryKind, most: int) -> tuple[Delivery, ...]:
        """Deliveries of a kind that are due or held and were never attempted, the longest due first."""
        ...

    def cancel_unattempted(self, engagement: EngagementId) -> tuple[DeliveryId, ...]: ...
    def sent_message_ids(self, engagement: EngagementId) -> tuple[str, ...]: ...
    def finish(
        self,
        claim: Claim,
        status: DeliveryStatus,
        *,
        receipt: Receipt | None = None,
        error: str = "",
        retry_at: datetime | None = None,
    ) -> None:
        """Write the end of an attempt or settlement, give the claim back; raises `StaleWorker` under an old fence."""
        ...

    def release(self, claim: Claim, retry_at: datetime | None) -> None:
        """Give a claim back without an attempt."""
        ...

    def prove_delivered(self, delivery: DeliveryId) -> None:
        """The far side's own words show that a delivery arrived: settled as done, whoever holds it."""
        ...

    def intend(self, claim: Claim, frozen: Frozen | None, settle_within: timedelta) -> Claim:
        """Write down that an attempt begins now (attempt number, frozen bytes at the first); raises `StaleWorker`.

        In the transaction that decided on the attempt. "Absent" may not be concluded before now + `settle_within`.
        """
        ...

    def reached_since(self, recipients: Collection[str], since: datetime) -> Mapping[str, int]:
        """How many attempts may have reached each recipient since then; those that certainly did not do not count."""
        ...

    def unknown_attempts(self, delivery: DeliveryId) -> int:
        """How many attempts at a delivery have an end that nobody knows."""
        ...

    def ended_so(self, delivery: DeliveryId, error: str) -> int:
        """How many attempts at a delivery have ended with this error."""
        ...

    def is_due(self, recipient: str) -> bool: ...
    def one_at_a_time(self, recipient: str) -> None:
        """Until this transaction ends no other gets past the same line."""
        ...

    def set_delivery(self, delivery: DeliveryId, status: DeliveryStatus, *, error: str = "") -> None:
        """An operator's decision: retry (pending), skip (done) or cancel."""
        ...

    # inbox
    def receive(self, item: RawItem) -> int | None:
        """Store an item; its number, or None if it was there already."""
        ...

    def received(self, source: str, identities: Sequence[str]) -> frozenset[str]:
        """Those of some items of a source that came here, whatever became of them."""
        ...

    def received_since(self, source: str, since: datetime) -> frozenset[str]:
        """The identities of a source's items that arrived there at or after an instant."""
        ...

    def unapplied(self, limit: int, *, but: Collection[int] = ()) -> tuple[InboxItem, ...]:
        """New items without those of parked cases: as stored, or as they came while a restored store catches up.

        Fewer than `limit` where they are large: together they have some MB, and a larger one comes alone.
        """
        ...

    def is_unread(self, case: SysId) -> bool:
        """Whether something that is known to be about a case is not settled: new, or in quarantine."""
        ...

    def items_of(self, case: SysId, *, after: int) -> tuple[InboxItem, ...]:
        """A case's items with a higher number, whatever became of them."""
        ...

    def inbox_item(self, item: int) -> InboxItem | None: ...
    def item_state(self, item: int) -> InboxState | None:
        """What has become of an item; None if there is none."""
        ...

    def identities(self, case: SysId, source: str) -> frozenset[str]:
        """What has come for a case from one source, settled or not."""
        ...

    def quarantined(self) -> tuple[InboxItem, ...]: ...
    def settle_item(
        self,
        item: int,
        state: InboxState,
        reason: str,
        *,
        case: SysId | None = None,
        engagement: EngagementId | None = None,
    ) -> None: ...
    def know_mail(self, message_id: str, engagement: EngagementId, item: int | None = None) -> None:
        """Remember a Message-ID that others made, and the first item that came under it; what is known stays."""
        ...

    def first_item(self, message_id: str) -> int | None:
        """The first item that came under a Message-ID, as far as it was matched to an engagement."""
        ...

    def bind_journal(self, entry: SysId, delivery: DeliveryId) -> bool:
        """Bind a journal entry of ours to its delivery, uniquely both ways; False if either is bound elsewhere."""
        ...

    def bound_to(self, entry: SysId) -> DeliveryId | None:
        """The delivery that wrote a journal entry, as far as it is known."""
        ...

    def bound_entries(self, case: SysId) -> Mapping[SysId, DeliveryId]:
        """Journal entries of ours in a case, and which delivery wrote each."""
        ...

    # trail
    def record(self, event: TrailEvent) -> int: ...
    def count_events(self, case: SysId, kind: str, who: str, since: datetime) -> int:
        """How often something of a kind happened to a case through somebody since then."""
        ...

    def story(self, case: SysId) -> tuple[ToldEvent, ...]: ...

    # controls
    def control(self, name: str) -> str | None:
        """A switch such as `pause/desk/x`; None when it is not set."""
        ...

    def set_control(self, name: str, value: str | None, by: str) -> None: ...
    def controls(self) -> Mapping[str, str]: ...

    def waiting(self, after: timedelta, silent_after: timedelta) -> tuple[Waiting, ...]:
        """What has waited longer than `after` for a person, or longer than `silent_after` for a desk or a far side."""
        ...

    # after a backup was restored
    def restored(self) -> Restored | None:
        """How far a restored store has caught up with the life that it forgot; None for one never restored."""
        ...

    def last_known(self) -> datetime:
        """The last instant of which the store knows anything."""
        ...

    def newest_item(self) -> int:
        """The highest number in the inbox; 0 for an empty one."""
        ...

    def doubt_everything(self, restored: Restored) -> int:
        """Make everything undelivered unknown, whoever holds it; how many. Dead letters wait for a person."""
        ...


class Store(Protocol):
    """Durable state: one code path for SQLite and PostgreSQL."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Commits at the end of the block, rolls back on any exception."""
        ...

    def reading(self) -> AbstractContextManager[Transaction]:
        """Sees one state of the store, changes nothing, and waits for no writer."""
        ...

    def claim(self, worker: str, lease: timedelta, *, excluded: Iterable[str] = ()) -> Claim | None:
        """Take the head of a lane that is due, for recipients not excluded; one compare-and-set.

        An attempt whose lease ended becomes unknown here, and the claim is then a settling one.
        """
        ...

    def claim_more(self, worker: str, lease: timedelta, recipient: str, most: int) -> tuple[Claim, ...]:
        """Take the heads of at most so many more lanes that are due for one recipient, in one transaction."""
        ...

    def release(self, claim: Claim, *, retry_at: datetime | None = None) -> None:
        """Give a claim back without an attempt."""
        ...

    def leadership(self, schedule: str) -> AbstractContextManager[bool]:
        """Whether this process ticks a schedule now; of several replicas one does."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Desks:
    """Every configured desk by name."""

    by_name: Mapping[DeskName, Desk]

    def agreement(self, engagement: Engagement) -> Agreement:
        """The agreement version that a round is pinned to; the latest if that version was removed."""
        desk = self.by_name[engagement.desk]
        return desk.version(engagement.agreement_version) or desk.latest
