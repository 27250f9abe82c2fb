"""What Elexon and a desk agreed bilaterally (Cross Party Service Desk Approach 0.7, section 2, note to (c)(c)).

An agreement is versioned and dated. A round of an engagement is pinned to the version under which it was opened;
contacts alone are always the live ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from bridge.domain.contacts import HookRules
from bridge.domain.facts import ReportKind
from bridge.domain.ids import DeskName


class Mode(StrEnum):
    """How much the bridge does for a desk by itself."""

    OBSERVE = "observe"
    PROPOSE = "propose"
    LIVE = "live"


class Confirmation(StrEnum):
    """Whose word makes an outside resolution count."""

    DESK = "desk"
    ELEXON = "elexon"
    RAISER = "raiser"
    QUIET = "quiet"


class Afterwards(StrEnum):
    """What the bridge does once every required engagement is confirmed."""

    RESOLVE = "resolve"
    RELEASE = "release"


class OnEarlyResolution(StrEnum):
    """What happens when the case is resolved while the hold says it must stay open."""

    REOPEN = "reopen"
    FLAG = "flag"


class OnCaseDeleted(StrEnum):
    """What happens to the engagement when the case was deleted in ServiceNow, as the audit proves."""

    FLAG = "flag"
    WITHDRAW = "withdraw"


class ShareNotes(StrEnum):
    """Which work notes may leave: only those commanded with `#desk`, or all of them."""

    COMMANDS = "commands"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class EmailMethod:
    """Contact by mail. `to` is the agreed mailbox, `from_domains` the domains whose mail speaks for the desk."""

    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    from_domains: tuple[str, ...] = ()
    #: regular expression of the desk's own reference
    reference: str = ""
    #: how many mails the desk gets in any hour at most; None sets no limit
    most_per_hour: int | None = None
    #: whether our mails say that a program wrote them (RFC 3834)
    automatic: bool = True


@dataclass(frozen=True, slots=True)
class PortalMethod:
    """Contact through the interface of the desk's own system."""

    #: which kind of connector: `rest`, `servicenow`, or the name of one that was installed
    kind: str
    #: what that kind of connector was told, in a form of its own
    settings: object = field(repr=False)
    #: regular expression of the desk's own reference
    reference: str = ""
    #: how many messages the desk gets in any hour at most; None sets no limit
    most_per_hour: int | None = None


@dataclass(frozen=True, slots=True)
class AttachmentRule:
    """Which files may go one way: largest size of one message's files together in bytes, and file name endings."""

    max_bytes: int = 0
    types: tuple[str, ...] = ()

    def allows(self, name: str) -> bool:
        """Whether a file of this name may go, as far as its name tells; one without an ending is of no type."""
        stem, _, ending = name.rpartition(".")
        return bool(stem) and ending.lower() in self.types


@dataclass(frozen=True, slots=True)
class Share:
    """What the desk may see besides the contents that every message carries."""

    comments: bool = True
    work_notes: ShareNotes = ShareNotes.COMMANDS
    attachments: AttachmentRule = AttachmentRule()


@dataclass(frozen=True, slots=True)
class Accept:
    """What of the desk's is put into the case besides what it says."""

    #: None: the same as may go to the desk
    attachments: AttachmentRule | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """What one kind of report does in ServiceNow: a work note, a named state, a customer-visible comment."""

    note: bool = True
    #: one of the target names of `TableProfile.targets`; empty leaves the state alone
    state: str = ""
    comment: bool = False


@dataclass(frozen=True, slots=True)
class StatusRule:
    """An agreed pattern in a desk's mails that sets a status, a rule-engine expression over the mail."""

    when: str
    report: ReportKind


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """When the desk works: local wall clock of a calendar with public holidays."""

    #: `england-wales`, `scotland`, `northern-ireland`, or `none` for a desk without public holidays
    calendar: str = "england-wales"
    #: ISO weekday (1 Monday) -> list of (start, end) in minutes after local midnight
    open: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    #: days on which the desk is closed besides public holidays, and public holidays on which it works
    closed: frozenset[date] = frozenset()
    open_on: frozenset[date] = frozenset()
    #: major incidents are taken around the clock
    major_incidents_always: bool = False


@dataclass(frozen=True, slots=True)
class ResponseTime:
    """An agreed time to respond: elapsed time, or a number of business days of the desk."""

    elapsed: timedelta | None = None
    business_days: int = 0


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of an agreement with one desk."""

    desk: DeskName
    version: int
    effective: date
    method: EmailMethod | PortalMethod
    hours: WorkingHours = WorkingHours()
    #: "P1" … "P4" -> agreed response time
    respond_within: Mapping[str, ResponseTime] = field(default_factory=dict)
    share: Share = Share()
    accept: Accept = Accept()
    update_on: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    statuses: tuple[StatusRule, ...] = ()
    push: Mapping[ReportKind, Push] = field(default_factory=dict)
    confirmation: Confirmation = Confirmation.ELEXON
    #: how long a resolution stands without objection before `quiet` confirms it, in the desk's business time
    quiet_time: ResponseTime = ResponseTime(business_days=3)
    afterwards: Afterwards = Afterwards.RESOLVE
    on_early_resolution: OnEarlyResolution = OnEarlyResolution.REOPEN
    on_case_deleted: OnCaseDeleted = OnCaseDeleted.FLAG
    #: resolution code written when the bridge resolves a case of a table
    resolution_codes: Mapping[str, str] = field(default_factory=dict)
    #: time between chases of an engagement that nobody acknowledged; None never chases
    chase_every: timedelta | None = None

    @property
    def contact(self) -> str:
        """The kind of contact, as agreements name it, such as `email` or `rest`."""
        return "email" if isinstance(self.method, EmailMethod) else self.method.kind

    @property
    def accepted_files(self) -> AttachmentRule:
        """Which of the desk's files are put into the case."""
        return self.share.attachments if self.accept.attachments is None else self.accept.attachments

    @property
    def email(self) -> EmailMethod | None:
        """The contact by mail; None for a desk that is reached otherwise."""
        return self.method if isinstance(self.method, EmailMethod) else None


@dataclass(frozen=True, slots=True)
class Desk:
    """A counterpart's service desk or help desk, with every version of its agreement."""

    name: DeskName
    party: str
    mode: Mode
    agreements: tuple[Agreement, ...]
    covers: tuple[str, ...] = ()
    #: the instant before which nothing of this desk is acted upon, UTC; None takes the bridge's own
    go_live: datetime | None = None
    #: how its system proves that a call to our webhook is its own; None where it makes none
    hooks: HookRules | None = None

    def agreement_on(self, day: date) -> Agreement | None:
        """The version in force on a day: the latest that is effective by then."""
        in_force = [version for version in self.agreements if version.effective <= day]
        return max(in_force, key=lambda version: (version.effective, version.version), default=None)

    def version(self, number: int) -> Agreement | None:
        """A version by its number."""
        return next((version for version in self.agreements if version.version == number), None)

    @property
    def latest(self) -> Agreement:
        """The newest version, whose contacts are the live ones."""
        return max(self.agreements, key=lambda version: (version.effective, version.version))
