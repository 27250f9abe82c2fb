"""What the core needs from the outside world, as Protocols, and the values that cross those borders.

`connectors`, `store` and `trail` implement these; `sync` uses them; nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, Protocol, TypeAlias

from bridge.domain.agreement import Agreement, Desk
from bridge.domain.case import Case
from bridge.domain.delivery import Claim, Delivery, DeliveryStatus, Receipt
from bridge.domain.engagement import Engagement
from bridge.domain.facts import Gone, MessageKind, ReportKind
from bridge.domain.ids import DeliveryId, DeskName, EngagementId, Reference, SysId

Json: TypeAlias = Any


class Clock(Protocol):
    """The only source of the present time."""

    def now(self) -> datetime:
        """The present, an aware UTC datetime."""
        ...


class Random(Protocol):
    """The only source of chance (jitter, salts, worker names)."""

    def uniform(self, low: float, high: float) -> float:
        """A float between the two."""
        ...

    def token(self, size: int) -> bytes:
        """`size` unpredictable bytes."""
        ...


# ── ServiceNow ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of time stamps [lo, hi) in UTC, or within one second a range of sys_ids [low_id, high_id)."""

    lo: datetime
    hi: datetime
    low_id: str = ""
    high_id: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One trusted answer to a ranged query, ordered by (time stamp, sys_id)."""

    rows: tuple[Case, ...]
    #: `X-Total-Count`: how many rows match before ACLs hide some; None where the instance gives none
    total: int | None
    #: ServiceNow's clock at the answer, from the `Date` header
    server_time: datetime


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A row of `sys_journal_field`: a work note or a customer-visible comment."""

    sys_id: SysId
    case: SysId
    table: str
    #: `work_notes` or `comments`
    element: str
    text: str
    author: str
    created_on: datetime


@dataclass(frozen=True, slots=True)
class AttachmentEntry:
    """A row of `sys_attachment`."""

    sys_id: SysId
    case: SysId
    table: str
    file_name: str
    content_type: str
    size: int
    #: sha256, hexadecimal, empty where the platform gives none
    sha256: str
    author: str
    created_on: datetime


@dataclass(frozen=True, slots=True)
class Stream:
    """What is read by windows of time: a table, the columns wanted, the time column, and a filter of its own."""

    name: str
    table: str
    query: str = ""
    fields: tuple[str, ...] = ()
    time_field: str = "sys_updated_on"


class CheckStatus(StrEnum):
    """How one check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of `cpsd-bridge check`."""

    name: str
    status: CheckStatus
    detail: str = ""
    remedy: str = ""


class CaseSource(Protocol):
    """Elexon's ServiceNow.

    Reads raise `UntrustedAnswer`, `TryLater`, `NotPermitted`; a write raises `TryLater` or `FarSideError` when it was
    certainly not carried out, and `OutcomeUnknown` whenever that is not certain.
    """

    def server_time(self) -> datetime:
        """ServiceNow's clock."""
        ...

    def page(self, stream: Stream, window: Window, limit: int) -> Page:
        """The first `limit` rows of a window, ordered by (time field, sys_id)."""
        ...

    def read(self, table: str, sys_id: SysId) -> Case | None:
        """One record as it is now; None if it is not there or not shown to us."""
        ...

    def read_many(self, table: str, sys_ids: Sequence[SysId]) -> tuple[Case, ...]:
        """The records that exist and are shown to us, whatever the filter says, any number of identifiers."""
        ...

    def children(self, table: str, sys_id: SysId) -> tuple[Case, ...]:
        """The records whose parent is this one."""
        ...

    def why_gone(self, table: str, sys_id: SysId) -> tuple[Gone, str]:
        """Why a record cannot be read: deleted (seen in `sys_audit`), hidden, reclassified; and what was seen."""
        ...

    def journals(self, cases: Sequence[SysId], since: datetime) -> tuple[JournalEntry, ...]:
        """Entries of these cases created at or after an instant, oldest first."""
        ...

    def attachments(self, cases: Sequence[SysId], since: datetime) -> tuple[AttachmentEntry, ...]:
        """Files of these cases stored at or after an instant, oldest first."""
        ...

    def download(self, attachment: AttachmentEntry, limit: int) -> bytes:
        """A file's bytes, size and hash checked; raises `UntrustedAnswer` for anything that is not the file."""
        ...

    def write(self, table: str, sys_id: SysId, body: Mapping[str, str]) -> Receipt:
        """One PATCH."""
        ...

    def attach(self, table: str, sys_id: SysId, name: str, content_type: str, content: bytes) -> Receipt:
        """Store a file at a record."""
        ...

    def members(self, group: str) -> frozenset[str]:
        """The user names of a group's members."""
        ...

    def check(self, streams: Sequence[Stream], fields: Mapping[str, Sequence[str]]) -> Iterator[CheckResult]:
        """Prove address, login, permissions, time zone, fields and clocks before the first pull."""
        ...


# ── desks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class File:
    """A file that goes with a message."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled line of a message, such as ("Impact", "Settlement run R1 is delayed")."""

    label: str
    value: str
    #: the key in the machine-readable part
    key: str = ""


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A message to a desk, complete and independent of the method (Approach 0.7, 7.1.2)."""

    id: DeliveryId
    kind: MessageKind
    engagement: EngagementId
    reference: Reference
    round: int
    ordinal: int
    case_number: str
    priority: str
    summary: str
    #: one sentence: what the desk is asked to do
    ask: str
    #: by when, in the desk's hours; None where nothing is due
    due: datetime | None
    text: str
    facts: tuple[Fact, ...]
    desk: DeskName
    desk_reference: str
    #: message identities of earlier mails of this engagement, oldest first
    thread: tuple[str, ...] = ()
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class Frozen:
    """The bytes that go out, the same over all attempts."""

    content: bytes
    message_id: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadAttachment:
    """A file found in a mail."""

    name: str
    content_type: str
    size: int
    sha256: str


Verdict: TypeAlias = Literal["apply", "file", "quarantine", "drop"]
MailKind: TypeAlias = Literal["report", "automatic", "bounce", "receipt", "own", "new_case", "review"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How one inbound item was read, and why: the answer of `cpsd-bridge mail read`."""

    kind: MailKind
    verdict: Verdict
    reasons: tuple[str, ...]
    engagement: EngagementId | None = None
    #: message_id, reference, desk_reference, envelope …
    matched_by: str = ""
    conflict: bool = False
    report: ReportKind | None = None
    suggests: ReportKind | None = None
    desk_reference: str = ""
    text: str = ""
    attachments: tuple[ReadAttachment, ...] = ()
    sender: str = ""
    authenticated: bool = False
    desk: DeskName | None = None
    at: datetime | None = None
    ordered: bool = True
    automatic: bool = False
    until: datetime | None = None
    direction: DeskName | None = None
    message_id: str = ""
    #: bounce: the message that failed, its recipients, and whether for good
    bounced_message_id: str = ""
    bounced_recipients: tuple[str, ...] = ()
    permanent: bool = False


class Correspondence(Protocol):
    """What a reader of mail must know about what was sent, and to whom."""

    def by_message_id(self, message_id: str) -> EngagementId | None:
        """The engagement in which a mail of ours had this Message-ID."""
        ...

    def by_reference(self, reference: Reference) -> EngagementId | None:
        """The engagement of a reference of ours."""
        ...

    def by_desk_reference(self, desk: DeskName, reference: str) -> EngagementId | None:
        """The engagement for which a desk uses this reference of its own."""
        ...

    def engagement(self, engagement: EngagementId) -> Engagement | None:
        """An engagement as it stands."""
        ...


class DeskConnector(Protocol):
    """One method of contact with one desk."""

    #: whether `find` can answer: mail cannot be asked
    can_find: bool

    def freeze(self, message: OutboundMessage, at: datetime) -> Frozen:
        """Render a message into the bytes that all attempts share."""
        ...

    def send(self, frozen: Frozen, attempt: int) -> Receipt:
        """Hand the bytes over; raises `TryLater`, `FarSideError` or `OutcomeUnknown`."""
        ...

    def find(self, delivery: Delivery) -> Receipt | None:
        """Ask whether the desk has a delivery; None if it certainly has not at this moment."""
        ...

    def receive(self, raw: bytes, received_at: datetime, known: Correspondence) -> Reading:
        """Read one inbound item; never raises on its contents."""
        ...

    def check(self) -> Iterator[CheckResult]:
        """Prove that the desk can be reached."""
        ...


@dataclass(frozen=True, slots=True)
class RawItem:
    """Something that arrived, as it arrived."""

    #: where it came from, such as `mail:INBOX`
    source: str
    #: what makes it the same item again: Message-ID and hash, or the portal's own identity
    identity: str
    raw: bytes
    received_at: datetime
    case: SysId | None = None


class Collector(Protocol):
    """A mailbox or a portal's list of changes."""

    name: str

    def collect(self, keep: Callable[[RawItem], bool]) -> int:
        """Hand each new item to `keep`, which commits it, and only then mark it as read; how many there were."""
        ...


class Reader(Protocol):
    """Reads what arrives in a mailbox that all desks share."""

    def receive(self, raw: bytes, received_at: datetime, known: Correspondence) -> Reading:
        """Which engagement an item belongs to and what it says; never raises on its contents."""
        ...


class Alerts(Protocol):
    """Where alarms go."""

    def send(self, payload: Mapping[str, Json]) -> Receipt:
        """Deliver an alarm by every configured way; raises like `DeskConnector.send`."""
        ...


# ── store ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a stream has been read: the completed instant W, and the windows still to read up to U, last first."""

    watermark: datetime
    upper: datetime | None = None
    pending: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Landed:
    """A revision that was stored and not yet decided upon."""

    id: int
    case: Case
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """What the bridge keeps about a case it deals with; `version` guards every decision."""

    sys_id: SysId
    table: str
    number: str
    version: int
    #: the last revision that was decided upon
    shadow: Case | None = None
    #: journals are read from here on
    journals_from: datetime | None = None
    #: why the case waits for a person; empty if it does not
    parked: str = ""
    gone: str = ""
    reopens: int = 0
    flagged: str = ""
    #: desks whose engagement was observed or proposed already
    offered: tuple[str, ...] = ()
    #: ordinal of the next write to the case
    next_ordinal: int = 1


class InboxState(StrEnum):
    """What became of something that arrived."""

    NEW = "new"
    APPLIED = "applied"
    FILED = "filed"
    DROPPED = "dropped"
    INERT = "inert"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class InboxItem:
    """Something that arrived: a mail, a journal entry, an attachment's metadata."""

    id: int
    source: str
    identity: str
    raw: bytes
    received_at: datetime
    state: InboxState = InboxState.NEW
    reason: str = ""
    case: SysId | None = None
    engagement: EngagementId | None = None


@dataclass(frozen=True, slots=True)
class TrailEvent:
    """One thing that happened, as the history tells it. The store adds the instant and the software's version."""

    kind: str
    who: str
    case: SysId | None = None
    case_number: str = ""
    engagement: EngagementId | None = None
    round: int | None = None
    desk: str = ""
    #: what brought it about, such as `mail:<id>`, `journal:CS…`, `delivery:…`, `clock`, `command`
    cause: str = ""
    agreement_version: int | None = None
    facts: Mapping[str, Json] = field(default_factory=dict)
    #: personal or free-text values: only salted hashes enter the event, the values a side table that may be erased
    personal: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """A trail event as it is read back; erased personal values are missing from `personal`."""

    id: int
    at: datetime
    software_version: str
    event: TrailEvent
    hashes: Mapping[str, str] = field(default_factory=dict)


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

    def due_engagements(self, now: datetime) -> tuple[Engagement, ...]:
        """Open engagements whose `next_chase_at` has passed, or that wait for `quiet`."""
        ...

    # outbox
    def enqueue(self, delivery: Delivery) -> None:
        """Add a delivery; the same identity a second time changes nothing."""
        ...

    def delivery(self, delivery: DeliveryId) -> Delivery | None: ...
    def deliveries(
        self, *, case: SysId | None = None, engagement: EngagementId | None = None, pending: bool = False
    ) -> tuple[Delivery, ...]: ...
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

    def prove_delivered(self, delivery: DeliveryId) -> None:
        """The far side's own words show that a delivery arrived: settled as done, whoever holds it."""
        ...

    def intend(self, claim: Claim, frozen: Frozen | None, settle_within: timedelta) -> Claim:
        """Write down that an attempt begins now (attempt number, frozen bytes at the first); raises `StaleWorker`.

        In the transaction that decided on the attempt. "Absent" may not be concluded before now + `settle_within`.
        """
        ...

    def set_delivery(self, delivery: DeliveryId, status: DeliveryStatus, *, error: str = "") -> None:
        """An operator's decision: retry (pending), skip (done) or cancel."""
        ...

    # inbox
    def receive(self, item: RawItem) -> int | None:
        """Store an item; its number, or None if it was there already."""
        ...

    def unapplied(self, limit: int) -> tuple[InboxItem, ...]:
        """New items in order of arrival, without those of parked cases."""
        ...

    def inbox_item(self, item: int) -> InboxItem | None: ...
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
    def bind_journal(self, entry: SysId, delivery: DeliveryId) -> bool:
        """Bind a journal entry of ours to its delivery, uniquely both ways; False if either is bound elsewhere."""
        ...

    # trail
    def record(self, event: TrailEvent) -> int: ...
    def story(self, case: SysId) -> tuple[ToldEvent, ...]: ...

    # controls
    def control(self, name: str) -> str | None:
        """A switch such as `pause/desk/x`; None when it is not set."""
        ...

    def set_control(self, name: str, value: str | None, by: str) -> None: ...
    def controls(self) -> Mapping[str, str]: ...


class Store(Protocol):
    """Durable state: one code path for SQLite and PostgreSQL."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Commits at the end of the block, rolls back on any exception."""
        ...

    def claim(self, worker: str, lease: timedelta, *, excluded: Iterable[str] = ()) -> Claim | None:
        """Take the head of a lane that is due, for recipients not excluded; one compare-and-set.

        An attempt whose lease ended becomes unknown here, and the claim is then a settling one.
        """
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
