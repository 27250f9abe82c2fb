"""One desk's involvement in one case, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.domain.ids import DeskName, EngagementId, Reference, SysId


class State(StrEnum):
    """What we know about the work. Whether our messages arrived is another matter: see `Delivery`."""

    INCOMPLETE = "incomplete"
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "in_progress"
    AWAITING_INFORMATION = "awaiting_information"
    RESOLUTION_REPORTED = "resolution_reported"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"

    @property
    def is_over(self) -> bool:
        """Whether this round has ended; a new one may open."""
        return self in OVER


OVER = frozenset({State.CONFIRMED, State.DECLINED, State.WITHDRAWN})


class Standing(StrEnum):
    """Where the open message stands, derived from the outbox."""

    NONE = "none"
    PENDING = "pending"
    UNKNOWN = "unknown"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Engagement:
    """One round. Times are aware UTC datetimes."""

    id: EngagementId
    reference: Reference
    case: SysId
    case_number: str
    desk: DeskName
    round: int
    agreement_version: int
    opened_at: datetime
    state: State = State.OPEN
    #: whether the hold waits for this engagement
    required: bool = True
    lead: bool = False
    desk_reference: str = ""
    #: by what the desk's own system names its record of the case, where people can see it, and what it says there
    desk_record: str = ""
    desk_link: str = ""
    desk_status: str = ""
    #: when the desk's system says that this status was given, or was seen
    desk_status_at: datetime | None = None
    received_at: datetime | None = None
    acknowledged_at: datetime | None = None
    workaround_at: datetime | None = None
    waiting_until: datetime | None = None
    reported_at: datetime | None = None
    resolution: str = ""
    #: delivery identity of the work note that told the resolver of the reported resolution
    resolution_note: str = ""
    #: when ServiceNow took that note (its clock), and the record's sys_mod_count just after
    resolution_note_on: datetime | None = None
    resolution_note_mod: int = 0
    ended_at: datetime | None = None
    #: time of the newest report that said how the work stands; later ones are ordered by it
    last_report_at: datetime | None = None
    undeliverable: bool = False
    #: recipients that refused our messages for good
    refused_by: tuple[str, ...] = ()
    #: a `#desk` text that the desk has not answered suspends `quiet`
    question_open: bool = False
    #: ordinal of the message that answers the desk's question; its delivery ends the wait
    answer_ordinal: int = 0
    withdraw_wanted: str = ""
    #: declined: the desk that the direction names, and what ended the wait for it
    direction: DeskName | None = None
    successor: EngagementId | None = None
    decline_accepted_by: str = ""
    chases: int = 0
    next_chase_at: datetime | None = None
    #: ordinal of the next message of this round
    next_ordinal: int = 1
    #: the open message's standing, filled in by the store when the engagement is read, never written
    standing: Standing = Standing.NONE

    @property
    def is_open(self) -> bool:
        """Whether the round goes on."""
        return not self.state.is_over
