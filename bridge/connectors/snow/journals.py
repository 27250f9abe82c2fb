"""Journal entries: rows of `sys_journal_field`, or what the records' own journal fields display where it is closed.

The table is often closed to integration users. The display values of `work_notes` and `comments` tell the same entries,
with the author's name instead of the user name, in the reader's time zone, and without a sys_id. So such an entry has
one that is derived, and its author is the user of that name, if there is one only.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from bridge.connectors.snow.columns import JOURNAL
from bridge.connectors.snow.query import any_id, equals, instant, joined, literal
from bridge.connectors.snow.reading import Reader, batches
from bridge.domain.case import Case, format_time, parse_time
from bridge.domain.errors import NotPermitted, UntrustedAnswer, UsageError
from bridge.domain.ids import SysId
from bridge.mapping.entries import derived_identity, journal_entry
from bridge.mapping.journalstream import Told, instant_in, parse_stream
from bridge.ports import CheckResult, CheckStatus, JournalEntry, Page, Stream, Window

_log = structlog.get_logger(__name__)

ELEMENTS = ("work_notes", "comments")
_TIMES = ("sys_created_on", "sys_updated_on")
_FIELDS = ("sys_class_name", *_TIMES, *ELEMENTS)
_ROOT = "task"
_NAMED_TABLE = re.compile(r"(?:\A|\^)name=([a-z][a-z0-9_]*)(?:\^|\Z)")
#: journals make large rows
_ROWS = 100
#: seconds for which the table counts as closed before it is tried again
_CLOSED_FOR = 900.0
_SAMPLE = 50
_REMEDY = "let the integration user read sys_journal_field"


@dataclass
class Closed:
    """Since when the table is known not to be readable, and the names that were looked up since."""

    until: float = 0.0
    probed_until: float = 0.0
    #: the zone in which times are displayed to us
    zone: ZoneInfo | None = None
    users: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Journals:
    """Entries of one instance, whichever way they can be read."""

    reader: Reader
    #: user name of the integration user
    user: str
    monotonic: Callable[[], float] = time.monotonic
    closed: Closed = field(default_factory=Closed)

    def page(self, stream: Stream, window: Window, limit: int) -> Page:
        """As `CaseSource.page` of a stream of journal entries."""
        if not self._is_closed():
            try:
                page = self.reader.page(stream, window, limit)
            except NotPermitted as error:
                self._close(error)
            else:
                if page.rows or not page.total or not self._hides_all():
                    return page
        return self._displayed_page(stream, window, limit)

    def of(self, cases: Sequence[SysId], since: datetime) -> tuple[JournalEntry, ...]:
        """As `CaseSource.journals`, in any order."""
        if not cases:
            return ()
        if not self._is_closed():
            clauses = ("elementINcomments,work_notes", instant("sys_created_on", ">=", since))
            try:
                rows = self.reader.of(JOURNAL, "element_id", cases, *clauses)
            except NotPermitted as error:
                self._close(error)
            else:
                if rows or not self._hides_all():
                    return tuple(journal_entry(row) for row in rows)
        groups = (any_id("sys_id", ids) for ids in batches(dict.fromkeys(cases)))
        found = (entry for group in groups for entry in self._entries(_ROOT, group))
        return tuple(entry for entry in found if entry.created_on >= since)

    def check(self, title: str, stream: Stream, tables: Sequence[str]) -> CheckResult | None:
        """What works, and what not, where the table is closed; None where it can be read. Raises where nothing does."""
        self.closed.until = self.closed.probed_until = 0.0
        try:
            answer = self.reader.sample(JOURNAL, joined(stream.query, "ORDERBYDESCsys_created_on"), _SAMPLE)
            if answer.result or not answer.total:
                return None
            self._remember_closed()
        except NotPermitted as error:
            self._close(error)
        for table in tables:
            for record in self.reader.sample(table, "ORDERBYDESCsys_updated_on", 1).result:
                newest = equals("sys_id", record["sys_id"]["value"])
                for read_through in (table, _ROOT):
                    list(self._entries(read_through, newest))
        return CheckResult(
            title,
            CheckStatus.WARNING,
            f"{JOURNAL} cannot be read; the records' own journal fields are read instead: commands, sharing and echoes "
            "work, authors are known by their full names only, and who may write a note may make part of it look like "
            "somebody else's",
            _REMEDY,
        )

    # ── whether the table can be read ────────────────────────────────────────────────────────────────────────────

    def _is_closed(self) -> bool:
        return self.monotonic() < self.closed.until

    def _close(self, error: NotPermitted) -> None:
        if error.status != 403:
            raise error
        self._remember_closed()

    def _remember_closed(self) -> None:
        self.closed.until = self.monotonic() + _CLOSED_FOR
        self.closed.users.clear()
        self.closed.zone = None
        _log.warning("journal_table_closed", table=JOURNAL, instead="display values of the records' journal fields")

    def _hides_all(self) -> bool:
        """Whether there are entries and none is shown to us. Asked now and then, for a case may have no entries."""
        if self.monotonic() < self.closed.probed_until:
            return False
        answer = self.reader.sample(JOURNAL, "ORDERBYDESCsys_created_on", _SAMPLE)
        if answer.total and not answer.result:
            self._remember_closed()
            return True
        self.closed.probed_until = self.monotonic() + _CLOSED_FOR
        return False

    # ── the records' own journal fields ──────────────────────────────────────────────────────────────────────────

    def _displayed_page(self, stream: Stream, window: Window, limit: int) -> Page:
        """The entries of a window: those of records changed since it begins, for an entry changes its record."""
        named = _NAMED_TABLE.search(stream.query)
        if named is None:
            raise NotPermitted(f"{JOURNAL} cannot be read", status=403, remedy=_REMEDY)
        now = self.reader.session.heard(1.0) or self.reader.ask_time()
        entries = self._entries(named[1], instant("sys_updated_on", ">=", window.lo))
        rows = sorted((_row(one) for one in entries if _lies_in(one, window)), key=_order)
        return Page(tuple(rows[:limit]), len(rows), now)

    def _entries(self, table: str, query: str) -> Iterator[JournalEntry]:
        records = self.reader.shown(table, query, _FIELDS, _ROWS)
        if not records:
            return
        zone = self._our_zone(records)
        for record in records:
            for element in ELEMENTS:
                yield from self._of_field(record, element, zone)

    def _of_field(self, record: Case, element: str, zone: ZoneInfo) -> Iterator[JournalEntry]:
        """The entries of one field, oldest first."""
        if element not in record.displays:
            raise NotPermitted(
                f"neither {JOURNAL} nor {element} of {record.values['sys_class_name']} can be read",
                status=403,
                remedy=f"{_REMEDY}, or the journal fields of its cases",
                case=record.sys_id,
            )
        try:
            told = parse_stream(record.displays[element])
            latest = parse_time(record.values["sys_updated_on"])
            dated = [(one, instant_in(zone, one.written, latest)) for one in told]
        except ValueError as error:
            raise UntrustedAnswer(
                f"{element} of a record is not told as a journal is: {error}",
                remedy="set the integration user's date format to the system's",
                case=record.sys_id,
            ) from None
        seen: Counter[SysId] = Counter()
        for one, created_on in reversed(dated):
            entry = self._entry(record, element, one, created_on)
            first = derived_identity(entry)
            yield replace(entry, sys_id=derived_identity(entry, seen[first]))
            seen[first] += 1

    def _entry(self, record: Case, element: str, told: Told, created_on: datetime) -> JournalEntry:
        table = record.values["sys_class_name"] or record.table
        return JournalEntry(SysId(""), record.sys_id, table, element, told.text, self._user(told.name), created_on)

    def _user(self, name: str) -> str:
        """The user name of the one user of that name; the name itself where there is none or more than one.

        Nobody else may be taken for the bridge: then nothing is read at all.
        """
        known = self.closed.users
        if name not in known:
            found = self._named(name)
            if self.user in found and len(found) > 1:
                raise _closed(f"another user is called {name} like the integration user", "a name of its own for it")
            known[name] = found[0] if len(found) == 1 else name
        return known[name]

    def _named(self, name: str) -> list[str]:
        try:
            query = equals("name", literal(name))
        except UsageError:
            return []
        rows = self.reader.shown("sys_user", query, ("user_name", "name"), _ROWS)
        return [row.values["user_name"] for row in rows if row.values.get("name") == name and row.values["user_name"]]

    def _our_zone(self, records: Iterable[Case]) -> ZoneInfo:
        """The zone of times displayed to us. A user whose name is not shown could not know its own entries."""
        if self.closed.zone is None:
            query = equals("user_name", literal(self.user))
            rows = self.reader.shown("sys_user", query, ("name", "time_zone"), _ROWS) if self.user else ()
            ours = rows[0].values if rows else {}
            if not ours.get("name"):
                raise _closed("our own user's name is not shown", "servicenow.user and its record in sys_user")
            zone = ours.get("time_zone", "")
            self.closed.zone = _zone_named(zone) if zone else _zone_shown(records)
        return self.closed.zone


def _closed(what: str, remedy: str) -> NotPermitted:
    return NotPermitted(f"{JOURNAL} cannot be read, and {what}", status=403, remedy=f"{_REMEDY}, or see to {remedy}")


def _zone_named(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise _closed(f"the integration user's zone {name!r} is not known", "its time zone: set UTC") from None


def _zone_shown(records: Iterable[Case]) -> ZoneInfo:
    """UTC, where the user has no zone of its own and the records show that the system's is UTC."""
    times = [(one.values.get(name), one.displays.get(name)) for one in records for name in _TIMES]
    if any(value != display for value, display in times):
        raise _closed("the zone of what is displayed instead is not known", "the integration user's time zone: set UTC")
    return ZoneInfo("UTC")


def _row(entry: JournalEntry) -> Case:
    """As a row of the table would tell it."""
    return Case(
        JOURNAL,
        entry.sys_id,
        {
            "sys_id": entry.sys_id,
            "sys_created_on": format_time(entry.created_on),
            "sys_created_by": entry.author,
            "name": entry.table,
            "element_id": entry.case,
            "element": entry.element,
            "value": entry.text,
        },
    )


def _lies_in(entry: JournalEntry, window: Window) -> bool:
    in_range = window.low_id <= entry.sys_id and (not window.high_id or entry.sys_id < window.high_id)
    return in_range and window.lo <= entry.created_on < window.hi


def _order(row: Case) -> tuple[str, str]:
    return row.values["sys_created_on"], row.sys_id
