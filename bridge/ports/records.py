"""What the store holds, as the core sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bridge.domain.case import Case
from bridge.domain.ids import EngagementId, SysId
from bridge.ports.desks import Json
from bridge.ports.servicenow import Window


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
    #: the case's time stamp when its first desk was engaged: what people note from then on concerns the bridge
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


class WaitingFor(StrEnum):
    """Why something does not go on by itself."""

    QUARANTINED = "quarantined"
    PARKED = "parked"
    DEAD = "dead"
    PAUSED = "paused"
    #: arrived and not applied, landed and not decided upon: a far side cannot be asked, or engaging is paused
    UNAPPLIED = "unapplied"
    UNDECIDED = "undecided"
    #: neither done nor given up
    UNDELIVERED = "undelivered"
    #: an open engagement whose desk says nothing
    SILENT = "silent"
    #: declined, and neither a successor nor a decision
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much of a kind waits, and since when the longest."""

    kind: WaitingFor
    count: int
    since: datetime


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
