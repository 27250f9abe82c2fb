"""What `cpsd-bridge check` proves about an instance before the first pull.

Each question is one that would otherwise fail silently: an unknown field in a query matches every row, a query ACL
forbids the very operators that a window needs, a count that is missing hides that rows were cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from bridge.connectors.snow.answers import Answer
from bridge.connectors.snow.batch import Batches
from bridge.connectors.snow.columns import ATTACHMENT, JOURNAL, MEMBER, PLAIN, REQUIRED, needed
from bridge.connectors.snow.journals import Journals
from bridge.connectors.snow.query import equals, filter_fields, instant, joined, ordered, own_filter
from bridge.connectors.snow.reading import Reader
from bridge.connectors.snow.rights import batch_check, filter_check, roles_check
from bridge.connectors.snow.zone import zone_check
from bridge.domain.errors import BridgeError, FarSideError, NotPermitted
from bridge.ports import CheckResult, CheckStatus, Clock, Stream

_Result = TypeVar("_Result", CheckResult, CheckResult | None)
OK, WARNING, FAILED = CheckStatus.OK, CheckStatus.WARNING, CheckStatus.FAILED

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_FAR_AWAY = datetime(2100, 1, 1, tzinfo=UTC)
#: seconds of clock difference that are worth a word; nothing is bounded by our own clock
_CLOCK_TOLERANCE = 30.0
_AUDIT = "sys_audit"
_WITHOUT_AUDIT = "a deleted case will look hidden, and a change is put down to whoever wrote to the record last"
_SAMPLE = 50
_OWN_STREAMS = (
    Stream("journals", JOURNAL, "elementINcomments,work_notes", time_field="sys_created_on"),
    Stream("attachments", ATTACHMENT, time_field="sys_created_on"),
)


@dataclass(frozen=True, slots=True)
class Checks:
    """Asks an instance, as the integration user, without writing anything."""

    reader: Reader
    clock: Clock
    #: user name of the integration user; empty if it is not known
    user: str
    batches: Batches

    def run(self, streams: Sequence[Stream], fields: Mapping[str, Sequence[str]]) -> Iterator[CheckResult]:
        """Every check, the first failing login ends them."""
        login = self._login()
        yield from login
        if any(result.status is FAILED for result in login):
            return
        yield self._clocks()
        yield _answered("time zone", lambda: zone_check(self.reader, self.user, streams))
        if self.user:
            yield roles_check(self.reader, self.user)
        for stream in (*streams, *_without(streams, _OWN_STREAMS)):
            if stream.table == JOURNAL and (instead := self._instead_of_journals(stream, streams)):
                yield instead
            else:
                yield from self._stream(stream)
        for table in dict.fromkeys((*(stream.table for stream in streams), *fields)):
            wanted = [name for stream in streams if stream.table == table for name in _named(stream)]
            yield self._fields(table, [*wanted, *fields.get(table, ()), *self.reader.fields.get(table, ())])
        yield self._readable(MEMBER, "without it no work-note command is obeyed")
        yield self._audit()
        yield batch_check(self.batches)

    def _login(self) -> list[CheckResult]:
        """Address and login, told apart."""
        url = self.reader.session.connection.base
        try:
            self.reader.ask_time()
        except NotPermitted as refused:
            return [
                CheckResult("address", OK, url),
                CheckResult("login", FAILED, refused.message, refused.remedy),
            ]
        except BridgeError as error:
            return [CheckResult("address", FAILED, f"{url}: {error.message}", error.remedy)]
        return [CheckResult("address", OK, url), CheckResult("login", OK, self.user)]

    def _clocks(self) -> CheckResult:
        """The difference of the clocks: shown, since every window is bounded by ServiceNow's."""
        ahead = (self.reader.ask_time() - self.clock.now()).total_seconds()
        detail = f"ServiceNow's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} ours"
        if abs(ahead) <= _CLOCK_TOLERANCE:
            return CheckResult("clocks", OK, detail)
        return CheckResult("clocks", WARNING, detail, "set this machine's clock; deadlines are measured by it")

    def _stream(self, stream: Stream) -> Iterator[CheckResult]:
        """Readable, counted, and comparable in time."""
        name = f"source {stream.name}"
        yield _answered(f"{name}: readable", lambda: self._shown(name, stream))
        yield _answered(f"{name}: time bounds", lambda: self._bounds(name, stream))
        if stream.query and stream.table not in PLAIN:
            yield filter_check(self.reader, stream)

    def _instead_of_journals(self, stream: Stream, streams: Sequence[Stream]) -> CheckResult | None:
        """Where the journal table is closed: whether the records' own journal fields can be read, else None."""
        title = f"source {stream.name}: readable"
        tables = [one.table for one in streams if one.table not in PLAIN]
        return _answered(title, lambda: Journals(self.reader, self.user).check(title, stream, tables))

    def _shown(self, name: str, stream: Stream) -> CheckResult:
        """Whether a sample of the newest rows is shown to us, counted before ACLs hide some."""
        title = f"{name}: readable"
        newest = joined(own_filter(stream.query), f"ORDERBYDESC{stream.time_field}")
        answer = self.reader.sample(stream.table, newest, _SAMPLE)
        if answer.total is None:
            return self._without_count(title)
        shown, there = len(answer.result), min(answer.total, _SAMPLE)
        if shown == there:
            return CheckResult(title, OK, f"{stream.table}: {answer.total} match")
        status = WARNING if shown else FAILED
        detail = f"of the newest {there} rows of {stream.table}, {there - shown} are hidden from the integration user"
        return CheckResult(title, status, detail, "let the integration user read every row of the source")

    def _without_count(self, title: str) -> CheckResult:
        if self.reader.session.connection.sees_every_row:
            return CheckResult(title, WARNING, "no X-Total-Count; read on the word that no ACL hides a row")
        return CheckResult(
            title, FAILED, "no X-Total-Count", "let the header through, or assert servicenow.sees_every_row"
        )

    def _bounds(self, name: str, stream: Stream) -> CheckResult:
        """The canary: nothing is from 2100, and everything is from after 2000."""
        title = f"{name}: time bounds"
        late = self._first(stream, instant(stream.time_field, ">=", _FAR_AWAY))
        if late.result or late.total:
            return CheckResult(
                title,
                FAILED,
                f"a bound on {stream.time_field} is not applied",
                f"{stream.time_field} must be a field of {stream.table} that the integration user may compare",
            )
        past = self._first(stream, instant(stream.time_field, ">=", _LONG_AGO))
        if not past.result and not past.total:
            return CheckResult(title, WARNING, f"{stream.table} has no row to try a bound on", "check again later")
        return CheckResult(title, OK, f"{stream.time_field} can be compared")

    def _fields(self, table: str, wanted: Sequence[str]) -> CheckResult:
        """Fields are proved by a row that shows them: the platform leaves unknown ones out without a word."""
        title = f"fields of {table}"
        names = tuple(dict.fromkeys((*_required(table), *wanted)))
        return _answered(title, lambda: self._shows(title, table, names))

    def _shows(self, title: str, table: str, names: Sequence[str]) -> CheckResult:
        rows = self.reader.one_row(table, ordered("sys_created_on"), names).result
        if not rows:
            return CheckResult(title, WARNING, "no row is shown to us that could prove them", "check again later")
        missing = [name for name in names if name not in rows[0]]
        spared = [name for name in missing if name in _dispensable(table)]
        if len(missing) > len(spared):
            return CheckResult(
                title,
                FAILED,
                f"not shown: {', '.join(missing)}",
                "correct the names in the configuration, or ask for the right to read these fields",
            )
        if spared:
            return CheckResult(
                title,
                WARNING,
                f"not shown: {', '.join(spared)}",
                "nothing, if the instance has no such fields; else ask for the right to read them",
            )
        return CheckResult(title, OK, f"{len(names)} fields")

    def _readable(self, table: str, why: str) -> CheckResult:
        title = f"table {table}"

        def ask() -> CheckResult:
            answer = self.reader.one_row(table, "")
            if answer.total and not answer.result:
                return CheckResult(title, FAILED, f"its rows are hidden: {why}", f"grant reading of {table}")
            return CheckResult(title, OK, "readable")

        return _answered(title, ask)

    def _audit(self) -> CheckResult:
        title = f"table {_AUDIT}"
        try:
            self.reader.one_row(_AUDIT, equals("fieldname", "DELETED"))
        except FarSideError as error:
            return CheckResult(title, WARNING, f"{error.message}: {_WITHOUT_AUDIT}", "grant reading")
        except BridgeError as error:
            return CheckResult(title, FAILED, error.message, error.remedy)
        return CheckResult(title, OK, "deletions can be told, and who changed a field")

    def _first(self, stream: Stream, query: str) -> Answer:
        return self.reader.one_row(stream.table, joined(query, ordered(stream.time_field, "sys_id")))


def _answered(title: str, ask: Callable[[], _Result]) -> _Result | CheckResult:
    """A check, or the error that kept it from being made."""
    try:
        return ask()
    except BridgeError as error:
        return CheckResult(title, FAILED, error.message, error.remedy)


def _without(streams: Iterable[Stream], own: Iterable[Stream]) -> Iterator[Stream]:
    """The bridge's own streams, where the configuration has none of that table."""
    tables = {stream.table for stream in streams}
    return (stream for stream in own if stream.table not in tables)


def _named(stream: Stream) -> tuple[str, ...]:
    """Every field that a stream filters on, orders by or wants."""
    return (*filter_fields(stream.query), stream.time_field, *stream.fields)


def _required(table: str) -> Iterable[str]:
    """What a row must show whatever the configuration says."""
    return sorted(REQUIRED[table]) if table in PLAIN else [name for name in needed(table) if name in _INDISPENSABLE]


def _dispensable(table: str) -> frozenset[str]:
    """What the bridge asks for by itself and does without: some instances have no such relatives or raisers."""
    return frozenset() if table in PLAIN else frozenset(needed(table)) - _INDISPENSABLE


_INDISPENSABLE = frozenset({"sys_id", "number", "sys_updated_on", "sys_updated_by", "sys_mod_count", "state"})
