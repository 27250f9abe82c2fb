"""Desks, what goes to them, and what comes from them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Event
from typing import Any, Literal, Protocol, TypeAlias

from bridge.domain.delivery import Delivery, Receipt
from bridge.domain.engagement import Engagement
from bridge.domain.facts import MessageKind, ReportKind
from bridge.domain.ids import DeliveryId, DeskName, EngagementId, Reference, SysId
from bridge.ports.authenticity import Authenticity
from bridge.ports.servicenow import CheckResult

Json: TypeAlias = Any


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
class Note:
    """What somebody wrote into the case: user name, instant, words."""

    author: str
    at: datetime
    text: str


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
    #: by what the desk's own system names its record, as far as that is known
    desk_record: str = ""
    #: message identities of earlier mails of this engagement, oldest first
    thread: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    #: what was written in the case before, oldest first, and how many earlier entries are left out
    notes: tuple[Note, ...] = ()
    notes_left_out: int = 0


@dataclass(frozen=True, slots=True)
class Frozen:
    """The bytes that go out, the same over all attempts."""

    content: bytes
    message_id: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadAttachment:
    """A file found in an item."""

    name: str
    content_type: str
    size: int
    sha256: str
    #: why it is no file that somebody sent: `signature`, `container` (its contents are listed beside it), `ours`,
    #: `ornament` (a small picture within the text); empty for a file
    incidental: str = ""
    #: why its bytes did not come with the item; empty if they did
    missing: str = ""


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
    #: mail, link or portal
    channel: str = "mail"
    desk_reference: str = ""
    #: by what the desk's own system names its record, where people can see it, and the status it gives there; a
    #: status that is the last known one, or older, reports nothing
    desk_record: str = ""
    desk_link: str = ""
    desk_status: str = ""
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
    #: Message-IDs of others that belong to the same engagement: what a provider made of ours, what is answered
    also_known: tuple[str, ...] = ()
    #: handed on by a mailing list, as it is to everybody on it
    from_list: bool = False
    #: bounce: the message that failed, its recipients, and whether for good
    bounced_message_id: str = ""
    bounced_recipients: tuple[str, ...] = ()
    permanent: bool = False


class Correspondence(Protocol):
    """What a reader must know about what was sent, and to whom."""

    def by_message_id(self, message_id: str) -> EngagementId | None:
        """The engagement in which a mail of ours had this Message-ID."""
        ...

    def by_reference(self, reference: Reference) -> EngagementId | None:
        """The engagement of a reference of ours."""
        ...

    def by_desk_reference(self, desk: DeskName, reference: str) -> EngagementId | None:
        """The engagement for which a desk uses this reference of its own."""
        ...

    def by_desk_record(self, desk: DeskName, record: str) -> EngagementId | None:
        """The newest engagement for which a desk's system has this record."""
        ...

    def engagement(self, engagement: EngagementId) -> Engagement | None:
        """An engagement as it stands."""
        ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What can be done with a desk by its method of contact."""

    #: whether `find` can answer: mail cannot be asked
    find: bool = False
    #: whether the desk's system has a record that can be read back: its status, what is said there, its files
    read_back: bool = False
    #: whether the desk's system tells us by itself that something has changed
    hooks: bool = False


class DeskConnector(Protocol):
    """One method of contact with one desk.

    A message is opened and sent in two steps: `freeze` renders it without asking anybody, and its bytes are stored
    before `send` hands them over. What a desk says is collected (`collector`), stored, and read by `receive`.
    """

    capabilities: Capabilities

    def freeze(self, message: OutboundMessage, at: datetime) -> Frozen:
        """Render a message into the bytes that all attempts share."""
        ...

    def send(self, frozen: Frozen, attempt: int) -> Receipt:
        """Hand the bytes over; raises `TryLater`, `FarSideError` or `OutcomeUnknown`.

        An attempt after the first comes only when the far side can no longer be working on an earlier one. Whoever can
        `find` looks before each step whether it was done then. The receipt of an opening message names the desk's
        record (`far_id`) and, in its detail, `reference` and `link`, where the desk's system has them.
        """
        ...

    def find(self, delivery: Delivery) -> Receipt | None:
        """Ask whether the desk has a delivery; None if it certainly has not at this moment."""
        ...

    def collector(self) -> Collector | None:
        """What collects from this desk alone; None where its answers come in otherwise, as into a common mailbox."""
        ...

    def receive(self, raw: bytes, received_at: datetime, known: Correspondence) -> Reading:
        """Read one inbound item; never raises on its contents."""
        ...

    def check(self) -> Iterator[CheckResult]:
        """Prove that the desk can be reached."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


PORTAL_SOURCE = "portal:"
"""Before a desk's name: where an item that its connector collected, and will read, came from."""

HOOK_SOURCE = "hook:"
"""Before a desk's name: a call of its system to our webhook."""


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

    @property
    def name(self) -> str:
        """As which it is named to people, and as the source of its items."""
        ...

    def collect(self, keep: Callable[[RawItem], bool]) -> int:
        """Hand each new item to `keep`, which commits it, and only then mark it as read; how many there were."""
        ...

    def overlooked(self, received: Collection[str], since: datetime) -> Iterator[RawItem]:
        """Items since an instant that lie behind what was collected and are none of those that were `received`.

        Nothing is kept or marked. Raises `TryLater`.
        """
        ...


class Watch(Protocol):
    """Something that notices at once when there is something to collect."""

    def watch(self, arrived: Callable[[], object], stopping: Event) -> None:
        """Call `arrived` whenever there may be something new, until stopped; ends before where it cannot be noticed."""
        ...


class Reader(Protocol):
    """Reads what arrives in a mailbox that all desks share."""

    def receive(
        self, raw: bytes, received_at: datetime, known: Correspondence, found: Authenticity | None = None
    ) -> Reading:
        """Which engagement an item belongs to and what it says; never raises on its contents.

        `found` is what a `Verifier` found out about it before.
        """
        ...

    def file_content(self, raw: bytes, file: ReadAttachment) -> bytes | None:
        """The bytes of a file that `receive` found in an item; None if they are not there."""
        ...


class Scanner(Protocol):
    """Knows harmful files."""

    def scan(self, raw: bytes) -> str:
        """The name of what is found in a mail or one of its parts; empty if nothing is.

        Raises `ScannerAway` while nothing can be scanned, `FarSideError` for a mail that cannot be.
        """
        ...


class Alerts(Protocol):
    """Where alarms go."""

    def send(self, payload: Mapping[str, Json]) -> Receipt:
        """Deliver an alarm by every configured way; raises like `DeskConnector.send`."""
        ...
