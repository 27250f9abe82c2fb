"""Tables to pull from, in memory: they answer pages as ServiceNow does, and change while they are read."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bridge.domain.case import Case, format_time
from bridge.domain.ids import SysId
from bridge.ports import Page, Stamp, Stamps, Stream, Window

START = datetime(2026, 6, 1, tzinfo=UTC)
CASES = Stream("cases", "sn_customerservice_case")


@dataclass(frozen=True)
class Row:
    """One record: what ServiceNow stores, and whether an ACL hides it."""

    sys_id: str
    stamp: datetime
    mod_count: int = 0
    hidden: bool = False

    @property
    def key(self) -> tuple[datetime, str]:
        return self.stamp, self.sys_id

    @property
    def revision(self) -> tuple[str, datetime, int]:
        return self.sys_id, self.stamp, self.mod_count

    def case(self, table: str) -> Case:
        values = {
            "sys_id": self.sys_id,
            "sys_updated_on": format_time(self.stamp),
            "sys_mod_count": str(self.mod_count),
        }
        return Case(table, SysId(self.sys_id), values)


def answer(rows: Sequence[Row], window: Window, limit: int, table: str, now: datetime, *, counts: bool = True) -> Page:
    """The limit takes a prefix of the ordered set before ACLs, and the count counts that same set."""
    found = rows[bisect_left(rows, (window.lo, ""), key=_key) : bisect_left(rows, (window.hi, ""), key=_key)]
    if window.low_id or window.high_id:
        found = [row for row in found if window.low_id <= row.sys_id < (window.high_id or "~")]
    shown = tuple(row.case(table) for row in found[:limit] if not row.hidden)
    return Page(shown, len(found) if counts else None, now)


def stamped(rows: Iterable[Row], window: Window, limit: int) -> Stamps:
    """As `answer`, in the order of sys_ids."""
    found = sorted(
        (
            row
            for row in rows
            if window.lo <= row.stamp < window.hi and window.low_id <= row.sys_id < (window.high_id or "~")
        ),
        key=lambda row: row.sys_id,
    )
    shown = tuple(Stamp(SysId(row.sys_id), row.stamp, row.mod_count) for row in found[:limit] if not row.hidden)
    return Stamps(shown, len(found))


def _key(row: Row) -> tuple[datetime, str]:
    return row.key


class StillTable:
    """A table in which nothing happens."""

    def __init__(self, rows: Sequence[Row], *, now: datetime, counts: bool = True) -> None:
        self.rows = sorted(rows, key=_key)
        self.now = now
        self.counts = counts
        self.calls = 0
        self.asked: list[Window] = []

    def server_time(self) -> datetime:
        return self.now

    def page(self, stream: Stream, window: Window, limit: int) -> Page:
        self.calls += 1
        self.asked.append(window)
        return answer(self.rows, window, limit, stream.table, self.now, counts=self.counts)


@dataclass(frozen=True)
class Change:
    """Somebody writes a record, stamped when he began, committed later."""

    #: which record; one that does not exist yet is made
    record: int
    #: seconds that pass before it begins, and from then to the commit
    after: int
    delay: int
    hidden: bool = False


class ChangingTable:
    """A table that changes at every question; a change shows only once it is committed."""

    def __init__(self, ids: Sequence[str], rows: Sequence[Row], changes: Sequence[Change], *, now: datetime) -> None:
        self.ids = ids
        self.rows = {row.sys_id: row for row in rows}
        self.changes = list(changes)
        self.now = now
        self.uncommitted: list[tuple[datetime, Row]] = []
        #: every revision that was ever committed and shown
        self.history = {row.revision for row in rows if not row.hidden}

    def server_time(self) -> datetime:
        self.happen()
        return self.now

    def page(self, stream: Stream, window: Window, limit: int) -> Page:
        self.happen()
        return answer(sorted(self.rows.values(), key=_key), window, limit, stream.table, self.now)

    def stamps(self, stream: Stream, window: Window, limit: int) -> Stamps:
        self.happen()
        return stamped(self.rows.values(), window, limit)

    def read_many(self, table: str, sys_ids: Sequence[SysId]) -> tuple[Case, ...]:
        self.happen()
        found = (self.rows.get(sys_id) for sys_id in sys_ids)
        return tuple(row.case(table) for row in found if row is not None and not row.hidden)

    def happen(self) -> None:
        """The next change begins, and what is due is committed."""
        if self.changes:
            self._begin(self.changes.pop(0))
        self._commit()

    def rest(self, duration: timedelta) -> None:
        """Nothing begins for a while; what has begun is committed."""
        self.now += duration
        self._commit()

    def _begin(self, change: Change) -> None:
        self.now += timedelta(seconds=change.after)
        sys_id = self.ids[change.record % len(self.ids)]
        # Two transactions never write one record at the same time: the second waits for the first.
        self._commit(of=sys_id)
        old = self.rows.get(sys_id)
        row = (
            replace(old, stamp=self.now, mod_count=old.mod_count + 1)
            if old
            else Row(sys_id, self.now, hidden=change.hidden)
        )
        self.uncommitted.append((self.now + timedelta(seconds=change.delay), row))

    def _commit(self, of: str = "") -> None:
        due = [entry for entry in self.uncommitted if entry[0] <= self.now or entry[1].sys_id == of]
        self.uncommitted = [entry for entry in self.uncommitted if entry not in due]
        for _, row in due:
            self.rows[row.sys_id] = row
            if not row.hidden:
                self.history.add(row.revision)


def journal(number: int, text: str = "#engage @dcc", case: str = "c1") -> Case:
    """A row of `sys_journal_field`."""
    stamp = f"2026-06-01 00:00:{number:02}"
    values = {
        "sys_id": f"{number:032x}",
        "sys_created_on": stamp,
        "sys_created_by": "tom.hughes",
        "name": "incident",
        "element_id": case,
        "element": "work_notes",
        "value": text,
    }
    return Case("sys_journal_field", SysId(values["sys_id"]), values)
