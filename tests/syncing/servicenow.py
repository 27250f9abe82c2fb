"""A ServiceNow in memory: cases with journals and revisions, people who work in it, and answers that go wrong."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bridge.domain.case import Case, Phase, format_time, profile_of
from bridge.domain.delivery import Receipt
from bridge.domain.errors import BridgeError, FarSideError, OutcomeUnknown, TryLater
from bridge.domain.facts import Gone
from bridge.domain.ids import SysId
from bridge.mapping.entries import journal_entry
from bridge.ports import (
    CheckResult,
    Clock,
    JournalEntry,
    Page,
    RecordWrite,
    Stamp,
    Stamps,
    Stream,
    Window,
)
from tests.syncing.files import FakeFiles, Stored

OURS = "cpsd.bridge"
CASE_TABLE = "sn_customerservice_case"
_JOURNALS = ("work_notes", "comments")


class Fault(StrEnum):
    """How a write goes wrong."""

    #: committed, and the answer is lost
    LOST = "lost"
    #: committed some time after the client has given up
    LATE = "late"
    #: never committed, and no answer
    NEVER = "never"
    #: a definite no
    REFUSED = "refused"
    #: come back later
    BUSY = "busy"


@dataclass
class Planned:
    """A fault that waits for a write."""

    fault: Fault
    when: Callable[[Mapping[str, str]], bool]
    left: int
    after: timedelta


@dataclass(frozen=True)
class Write:
    """A committed change: who, which record, what, and the state the record had before."""

    user: str
    sys_id: SysId
    body: Mapping[str, str]
    before: str
    at: datetime


@dataclass
class FakeServiceNow(FakeFiles):
    """Implements `ports.CaseSource`; its clock may differ from the bridge's."""

    clock: Clock
    #: how far ServiceNow's clock is ahead of the bridge's
    ahead: timedelta = timedelta()
    records: dict[SysId, dict[str, str]] = field(default_factory=dict)
    tables: dict[SysId, str] = field(default_factory=dict)
    entries: list[dict[str, str]] = field(default_factory=list)
    #: every committed write by anybody, in order
    ledger: list[Write] = field(default_factory=list)
    #: every PATCH of ours that reached the server, committed or not, and when
    attempts: list[tuple[datetime, Mapping[str, str]]] = field(default_factory=list)
    #: how many PATCHes each call held that held several
    batches: list[int] = field(default_factory=list)
    resolvers: set[str] = field(default_factory=lambda: {"priya.shah", "tom.hughes"})
    #: hidden by an ACL, deleted
    hidden: set[SysId] = field(default_factory=set)
    deleted: set[SysId] = field(default_factory=set)
    #: left the source's filter
    filtered: set[SysId] = field(default_factory=set)
    members_down: bool = False
    #: whether our user may read the audit
    audited: bool = False
    #: called between our reading of a record and the server's work on a PATCH of ours
    before_write: Callable[[SysId, Mapping[str, str]], None] | None = None
    #: business rules: called after each committed write of ours
    rules: list[Callable[[SysId, Mapping[str, str]], None]] = field(default_factory=list)
    files: list[Stored] = field(default_factory=list)
    #: whether the platform tells the hash of a file
    hashes: bool = True
    #: what is raised instead of a file's bytes, in order
    download_faults: list[BridgeError] = field(default_factory=list)
    _faults: list[Planned] = field(default_factory=list)
    _late: list[tuple[datetime, Callable[[], object]]] = field(default_factory=list)
    _numbers: int = 0
    _lock: Any = field(default_factory=threading.RLock)

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────

    def create(self, table: str = CASE_TABLE, *, by: str = "sam.raiser", **values: str) -> SysId:
        """Raise a record."""
        with self._lock:
            self._numbers += 1
            sys_id = SysId(f"{self._numbers:032x}")
            start = "10" if table == CASE_TABLE else "2"
            prefix = "CS" if table == CASE_TABLE else "INC"
            now = format_time(self.now())
            self.tables[sys_id] = table
            self.records[sys_id] = {
                "sys_id": sys_id,
                "number": f"{prefix}{self._numbers:07}",
                "sys_created_on": now,
                "sys_updated_on": now,
                "sys_updated_by": by,
                "sys_mod_count": "0",
                "state": start,
                "priority": "3",
                "short_description": f"Reads missing {self._numbers}",
                "description": "MPAN 1012345678904 gets no reads since 2026-05-30 02:10.",
                "business_impact": "Settlement falls back to estimates.",
                "assignment_group": "",
                "opened_by": by,
                "opened_by.user_name": by,
                **values,
            }
            return sys_id

    def update(self, sys_id: SysId, by: str, **values: str) -> None:
        """A person's change; `work_notes` and `comments` write into the journal."""
        with self._lock:
            self._commit(by, sys_id, values)

    # ── what tests look at ───────────────────────────────────────────────────────────────────────────────────────

    def now(self) -> datetime:
        """ServiceNow's clock."""
        return self.clock.now() + self.ahead

    def phase(self, sys_id: SysId) -> Phase:
        return self._case(sys_id).phase

    def value(self, sys_id: SysId, name: str) -> str:
        return self.records[sys_id].get(name, "")

    def notes(self, sys_id: SysId, *, by: str = OURS, element: str = "work_notes") -> list[str]:
        """Journal texts of one author, oldest first."""
        return [
            entry["value"]
            for entry in self.entries
            if (entry["element_id"], entry["sys_created_by"], entry["element"]) == (sys_id, by, element)
        ]

    def ours(self, sys_id: SysId, *, setting: str = "") -> list[Write]:
        """Committed writes of ours on a record, all or those that set the state to a value."""
        return [
            write
            for write in self.ledger
            if write.user == OURS and write.sys_id == sys_id and (not setting or write.body.get("state") == setting)
        ]

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────

    def fail(
        self,
        fault: Fault,
        *,
        when: Callable[[Mapping[str, str]], bool] = lambda _: True,
        times: int = 1,
        after: timedelta = timedelta(seconds=5),
    ) -> None:
        """Let the next matching writes of ours go wrong; a late commit comes, a busy server is free, `after` that."""
        self._faults.append(Planned(fault, when, times, after))

    def commit_late_writes(self) -> None:
        """What is due by now is committed."""
        with self._lock:
            due = [change for change in self._late if change[0] <= self.now()]
            self._late = [change for change in self._late if change not in due]
            for _, commit in due:
                commit()

    # ── the port ─────────────────────────────────────────────────────────────────────────────────────────────────

    def server_time(self) -> datetime:
        self.commit_late_writes()
        return self.now()

    def page(self, stream: Stream, window: Window, limit: int) -> Page:
        self.commit_late_writes()
        with self._lock:
            rows = [row for row in self._rows(stream) if self._within(row, stream, window)]
            rows.sort(key=lambda row: (row.values[stream.time_field], row.sys_id))
            shown = tuple(row for row in rows[:limit] if row.sys_id not in self.hidden)
            return Page(shown, len(rows), self.now())

    def stamps(self, stream: Stream, window: Window, limit: int) -> Stamps:
        self.commit_late_writes()
        with self._lock:
            rows = [row for row in self._rows(stream) if self._within(row, stream, window)]
            rows.sort(key=lambda row: row.sys_id)
            shown = [row for row in rows[:limit] if row.sys_id not in self.hidden]
            return Stamps(tuple(Stamp(row.sys_id, row.updated_on, row.mod_count) for row in shown), len(rows))

    def read(self, table: str, sys_id: SysId) -> Case | None:
        self.commit_late_writes()
        return self._case(sys_id) if self._is_shown(sys_id) and self.tables[sys_id] == table else None

    def read_many(self, table: str, sys_ids: Sequence[SysId]) -> tuple[Case, ...]:
        return tuple(case for sys_id in sys_ids if (case := self.read(table, sys_id)) is not None)

    def matching(self, stream: Stream, sys_ids: Sequence[SysId]) -> frozenset[SysId]:
        return frozenset(row.sys_id for row in self._rows(stream) if row.sys_id in sys_ids)

    def children(self, table: str, sys_id: SysId) -> tuple[Case, ...]:
        return tuple(self._case(one) for one, values in self.records.items() if values.get("parent") == sys_id)

    def why_gone(self, table: str, sys_id: SysId) -> tuple[Gone, str]:
        return (Gone.DELETED, "sys_audit: deleted") if sys_id in self.deleted else (Gone.HIDDEN, "404")

    def journals(self, cases: Sequence[SysId], since: datetime) -> tuple[JournalEntry, ...]:
        self.commit_late_writes()
        with self._lock:
            found = [journal_entry(_row(entry)) for entry in self.entries if entry["element_id"] in cases]
        return tuple(sorted((one for one in found if one.created_on >= since), key=lambda one: one.created_on))

    def authors(
        self, table: str, sys_ids: Sequence[SysId], fields: Sequence[str], since: datetime
    ) -> Mapping[tuple[SysId, str, str], str]:
        with self._lock:
            writes = [write for write in self.ledger if write.sys_id in sys_ids and write.at >= since and self.audited]
        return {
            (write.sys_id, name, value): write.user
            for write in writes
            for name, value in write.body.items()
            if name in fields
        }

    def write(self, table: str, sys_id: SysId, body: Mapping[str, str]) -> Receipt:
        self.commit_late_writes()
        if self.before_write is not None:
            self.before_write(sys_id, body)
        with self._lock:
            self._meets_fault(body, lambda: self._commit(OURS, sys_id, body))
            self._commit(OURS, sys_id, body)
            record = self.records[sys_id]
            return Receipt(detail={name: record[name] for name in ("sys_mod_count", "sys_updated_on")})

    def write_many(self, writes: Sequence[RecordWrite], within: timedelta) -> tuple[Receipt | BridgeError, ...]:
        assert len({one.sys_id for one in writes}) == len(writes)
        self.batches.append(len(writes))
        return tuple(self._outcome(one) for one in writes)

    def _outcome(self, one: RecordWrite) -> Receipt | BridgeError:
        try:
            return self.write(one.table, one.sys_id, one.body)
        except BridgeError as error:
            return error

    def at_low_priority(self) -> "FakeServiceNow":
        return self

    def members(self, group: str) -> frozenset[str]:
        if self.members_down:
            raise TryLater("503")
        return frozenset(self.resolvers)

    def check(self, streams: Sequence[Stream], fields: Mapping[str, Sequence[str]]) -> Iterator[CheckResult]:
        yield from ()

    # ── within ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _next_fault(self, body: Mapping[str, str]) -> Planned | None:
        for planned in self._faults:
            if planned.left and planned.when(body):
                planned.left -= 1
                return planned
        return None

    def _meets_fault(self, body: Mapping[str, str], commit: Callable[[], object]) -> None:
        """What was asked for is noted, and goes wrong if that was planned."""
        self.attempts.append((self.now(), dict(body)))
        planned = self._next_fault(body)
        if planned is not None:
            self._go_wrong(planned, commit)

    def _go_wrong(self, planned: Planned, commit: Callable[[], object]) -> None:
        match planned.fault:
            case Fault.LOST:
                commit()
            case Fault.LATE:
                self._late.append((self.now() + planned.after, commit))
            case Fault.REFUSED:
                raise FarSideError("Operation Failed", status=400)
            case Fault.BUSY:
                raise TryLater("429", retry_after=planned.after.total_seconds())
            case Fault.NEVER:
                pass
        raise OutcomeUnknown("the answer was lost")

    def _commit(self, by: str, sys_id: SysId, body: Mapping[str, str]) -> None:
        record = self.records[sys_id]
        profile = profile_of(self.tables[sys_id])
        before = record["state"]
        if by == OURS and profile.phases.get(before) is Phase.CLOSED:
            raise FarSideError("the case is closed", status=403)
        fields = {name: value for name, value in body.items() if name not in _JOURNALS}
        if by == OURS and profile.phases.get(fields.get("state", "")) is Phase.RESOLVED:
            needed = {profile.resolution_code, profile.resolution_notes} - {""}
            assert needed <= fields.keys(), "resolving needs code and notes"
        record.update(fields)
        record["sys_mod_count"] = str(int(record["sys_mod_count"]) + 1)
        record["sys_updated_on"] = format_time(self.now())
        record["sys_updated_by"] = by
        for element in _JOURNALS:
            if body.get(element):
                self.add_entry(sys_id, by, body[element], element)
        self.ledger.append(Write(by, sys_id, dict(body), before, self.now()))
        if by == OURS:
            for rule in self.rules:
                rule(sys_id, body)

    def add_entry(self, sys_id: SysId, by: str, text: str, element: str = "work_notes") -> None:
        """A journal entry without a write, as a business rule makes one."""
        self.entries.append(
            {
                "sys_id": f"{0xE0000 + len(self.entries):032x}",
                "sys_created_on": format_time(self.now()),
                "sys_created_by": by,
                "name": self.tables[sys_id],
                "element_id": sys_id,
                "element": element,
                "value": text,
            }
        )

    def _rows(self, stream: Stream) -> list[Case]:
        if stream.table == "sys_journal_field":
            return [_row(entry) for entry in self.entries if f"name={entry['name']}" in stream.query]
        if stream.table == "sys_attachment":
            return self.file_rows(stream)
        return [
            self._case(sys_id)
            for sys_id, table in self.tables.items()
            if table == stream.table and sys_id not in self.filtered | self.deleted
        ]

    def _within(self, row: Case, stream: Stream, window: Window) -> bool:
        stamp = row.values[stream.time_field]
        if not format_time(window.lo) <= stamp < format_time(window.hi):
            return False
        return window.low_id <= row.sys_id < (window.high_id or "~")

    def _is_shown(self, sys_id: SysId) -> bool:
        return sys_id in self.records and sys_id not in self.hidden | self.deleted

    def _case(self, sys_id: SysId) -> Case:
        return Case(self.tables[sys_id], sys_id, dict(self.records[sys_id]))


def _row(entry: Mapping[str, str]) -> Case:
    return Case("sys_journal_field", SysId(entry["sys_id"]), dict(entry))
