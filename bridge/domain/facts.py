"""Facts: what the bridge learns from a desk, from ServiceNow, from its own deliveries and from the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from bridge.domain.ids import DeskName


class ReportKind(StrEnum):
    """What a desk tells us. TMF621 calls these status changes and notes of a trouble ticket."""

    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    PROGRESS = "progress"
    QUESTION = "question"
    WORKAROUND = "workaround"
    RESOLVED = "resolved"
    DECLINED = "declined"
    COMMENT = "comment"


GRAVE = frozenset({ReportKind.RESOLVED, ReportKind.DECLINED, ReportKind.WORKAROUND})
"""Reports that a person decides upon wherever there is a doubt: a false one is the worst error there is."""


class MessageKind(StrEnum):
    """What we tell a desk."""

    OPEN = "open"
    UPDATE = "update"
    TEXT = "text"
    CHASE = "chase"
    ESCALATION = "escalation"
    ACCEPT = "accept"
    REJECT = "reject"
    WITHDRAW = "withdraw"


class Gone(StrEnum):
    """Why a case is not where it was: different facts, told apart where the platform allows it."""

    DELETED = "deleted"
    HIDDEN = "hidden"
    RECLASSIFIED = "reclassified"
    MERGED = "merged"
    #: it can be read, and no source finds it any more
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a desk, by mail, link, portal, or written down by us after a telephone call."""

    kind: ReportKind
    #: when the desk said it: the portal's own time, or the earlier of Date and receive time
    at: datetime
    text: str = ""
    #: the desk's reference as learned from this report
    desk_reference: str = ""
    #: made by a machine: an acknowledgement or a remark of one is no more than `received`; a status counts as agreed
    automatic: bool = False
    #: False when the time cannot be ordered against earlier reports (no date, clock of another system)
    ordered: bool = True
    #: progress: the date until which the desk waits
    until: datetime | None = None
    #: declined: the desk that the direction names
    direction: DeskName | None = None
    #: mail, telephone, link or portal
    channel: str = "mail"
    #: what a person's free text reads like; shown to the resolver, never applied
    suggests: ReportKind | None = None
    #: by what a portal names its record of the case, and where people can see it
    desk_record: str = ""
    desk_link: str = ""


@dataclass(frozen=True, slots=True)
class Engage:
    """`#engage @desk`, or a route that says auto."""

    by: str
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Tell:
    """`#desk @desk: text`, a shared comment, or a shared work note."""

    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """`#confirm @desk`, or a resolver's resolution that counts as one."""

    by: str
    #: resolve (by resolving the case) or command
    how: str = "command"


@dataclass(frozen=True, slots=True)
class Reject:
    """`#reject @desk: reason`."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """`#withdraw @desk: reason`."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Override:
    """`#override @desk: reason`: send although the contents are incomplete."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The contents that the agreement needs are all there now."""


@dataclass(frozen=True, slots=True)
class FieldsChanged:
    """Fields named by `update_on` changed: (field, before, after), as people see them."""

    changes: tuple[tuple[str, str, str], ...]
    by: str = ""


@dataclass(frozen=True, slots=True)
class FilesAdded:
    """Somebody put files into the case that the desk may see."""

    #: their sys_ids
    files: tuple[str, ...]
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class CaseResolvedEarly:
    """The case was resolved or closed while the hold says that it must stay open."""

    by: str
    closed: bool = False


@dataclass(frozen=True, slots=True)
class CaseReopened:
    """The case was put back to work after a resolution was reported or confirmed."""

    by: str


@dataclass(frozen=True, slots=True)
class CaseCancelled:
    """The case was cancelled in ServiceNow."""

    by: str


@dataclass(frozen=True, slots=True)
class CaseGone:
    """The case can no longer be read as it was."""

    why: Gone
    seen: str = ""


@dataclass(frozen=True, slots=True)
class RaiserAnswered:
    """Who raised the case accepted the resolution, or did not."""

    by: str
    accepted: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message to the desk reached it, as far as the far side can tell."""

    message: MessageKind
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class NeverArrived:
    """An attempt with an unknown end was settled: the far side does not have the message."""

    message: MessageKind


@dataclass(frozen=True, slots=True)
class DeliveryFailed:
    """A message became a dead letter."""

    message: MessageKind
    why: str


@dataclass(frozen=True, slots=True)
class Bounced:
    """Recipients of a message refused it."""

    message: MessageKind
    recipients: tuple[str, ...]
    permanent: bool = True
    #: whether any required recipient is left who did not refuse
    some_left: bool = False


@dataclass(frozen=True, slots=True)
class AddressCorrected:
    """The desk's contacts changed after a bounce."""


@dataclass(frozen=True, slots=True)
class QuietOver:
    """The time without objection ended; `pulled_to` is how far ServiceNow has been read."""

    pulled_to: datetime
    unread_notes: bool


@dataclass(frozen=True, slots=True)
class ChaseDue:
    """The agreed time to respond passed without an acknowledgement, or the date of a wait passed."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same item arrived again."""


Fact: TypeAlias = (
    Report
    | Engage
    | Tell
    | Confirm
    | Reject
    | Withdraw
    | Override
    | Completed
    | FieldsChanged
    | FilesAdded
    | CaseResolvedEarly
    | CaseReopened
    | CaseCancelled
    | CaseGone
    | RaiserAnswered
    | Delivered
    | NeverArrived
    | DeliveryFailed
    | Bounced
    | AddressCorrected
    | QuietOver
    | ChaseDue
    | Duplicate
)
