"""Elexon's ServiceNow as the core sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from bridge.domain.case import Case
from bridge.domain.delivery import Receipt
from bridge.domain.errors import BridgeError
from bridge.domain.facts import Gone
from bridge.domain.ids import SysId


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
class Stamp:
    """Which revision of a record there is, and nothing of what it says."""

    sys_id: SysId
    updated_on: datetime
    mod_count: int


@dataclass(frozen=True, slots=True)
class Stamps:
    """One trusted answer about a range of sys_ids, in their order."""

    rows: tuple[Stamp, ...]
    #: as of a `Page`
    total: int | None


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
class RecordWrite:
    """A change of one record: column -> value."""

    table: str
    sys_id: SysId
    body: Mapping[str, str]


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

    def stamps(self, stream: Stream, window: Window, limit: int) -> Stamps:
        """Which revisions a window holds, the first `limit` ordered by sys_id: three columns, so pages may be large."""
        ...

    def read(self, table: str, sys_id: SysId) -> Case | None:
        """One record as it is now; None if it is not there or not shown to us."""
        ...

    def read_many(self, table: str, sys_ids: Sequence[SysId]) -> tuple[Case, ...]:
        """The records that exist and are shown to us, whatever the filter says, any number of identifiers."""
        ...

    def matching(self, stream: Stream, sys_ids: Sequence[SysId]) -> frozenset[SysId]:
        """Those of some records that a stream's own filter finds."""
        ...

    def children(self, table: str, sys_id: SysId) -> tuple[Case, ...]:
        """The records whose parent is this one."""
        ...

    def why_gone(self, table: str, sys_id: SysId) -> tuple[Gone, str]:
        """Why a record cannot be read: deleted (seen in `sys_audit`), hidden, reclassified; and what was seen."""
        ...

    def authors(
        self, table: str, sys_ids: Sequence[SysId], fields: Sequence[str], since: datetime
    ) -> Mapping[tuple[SysId, str, str], str]:
        """Who gave fields of records their values, by `sys_audit`: (record, field, value) -> user name.

        Since an instant, and of several the last one. Empty where the audit may not be read.
        """
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

    def write_many(self, writes: Sequence[RecordWrite], within: timedelta) -> tuple[Receipt | BridgeError, ...]:
        """PATCHes of different records; what became of each, in their order, with the same meaning as `write` has.

        No call begins later than `within` from now; what was not sent by then has `TryLater`.
        Raises `UsageError` when a record comes twice: the order of parts within a call is the platform's.
        """
        ...

    def attach(self, table: str, sys_id: SysId, name: str, content_type: str, content: bytes) -> Receipt:
        """Store a file at a record."""
        ...

    def members(self, group: str) -> frozenset[str]:
        """The user names of a group's members."""
        ...

    def at_low_priority(self) -> CaseSource:
        """The same source for work that may wait (sweep, backfill).

        Its calls raise `CallBudgetSpent` once its share of the hour's calls has been used by whatever work.
        """
        ...

    def check(self, streams: Sequence[Stream], fields: Mapping[str, Sequence[str]]) -> Iterator[CheckResult]:
        """Prove address, login, permissions, time zone, fields and clocks before the first pull."""
        ...
