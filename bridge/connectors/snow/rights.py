"""What `check` proves beside reading: roles, that filters filter, the Batch API and, when asked, that writes arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bridge.connectors.snow import records
from bridge.connectors.snow.batch import PARTS, Batches
from bridge.connectors.snow.columns import JOURNAL
from bridge.connectors.snow.query import equals, filter_fields, instant
from bridge.connectors.snow.reading import Reader
from bridge.domain.case import Case
from bridge.domain.errors import BridgeError, FarSideError, TryLater
from bridge.domain.ids import SysId
from bridge.ports import CheckResult, CheckStatus, Stream

OK, WARNING, FAILED = CheckStatus.OK, CheckStatus.WARNING, CheckStatus.FAILED

_ROLES = "sys_user_has_role"
_MOST_ROLES = 200
_REFERENCE = "correlation_display"
_MARK = "cpsd-bridge check"


def roles_check(reader: Reader, user: str) -> CheckResult:
    """Which roles the integration user has: whoever is asked for another one wants to know."""
    title = "roles"
    ask = f"grant reading of {_ROLES}, or have the ServiceNow administrator tell which roles {user} has"
    try:
        answer = reader.sample(_ROLES, equals("user.user_name", user), _MOST_ROLES, ("role.name",))
    except FarSideError as error:
        return CheckResult(title, WARNING, error.message, ask)
    except BridgeError as error:
        return CheckResult(title, FAILED, error.message, error.remedy)
    names = sorted({(row.get("role.name") or {}).get("value") or "" for row in answer.result} - {""})
    if not names:
        return CheckResult(title, WARNING, f"none are shown for {user}", ask)
    if "admin" in names:
        remedy = f"take admin from {user}: it needs to read and write the sources, and to read what is listed here"
        return CheckResult(title, WARNING, f"{user} is an administrator and may do anything", remedy)
    return CheckResult(title, OK, ", ".join(names))


def filter_check(reader: Reader, stream: Stream) -> CheckResult:
    """Whether each field of a source's query is one that the platform filters on.

    It drops a condition on a field that it does not know, or not for us, and the query then matches every row. So the
    rows in which the field is empty and those in which it is not must together be all rows, not twice as many.
    """
    title = f"source {stream.name}: filter"
    names = filter_fields(stream.query)
    try:
        everything = reader.one_row(stream.table, "").total
        if not everything:
            return CheckResult(title, WARNING, f"{stream.table} has no count to try conditions on", "check again later")
        dropped = [name for name in names if _is_dropped(reader, stream.table, name, everything)]
    except BridgeError as error:
        return CheckResult(title, FAILED, error.message, error.remedy)
    if dropped:
        return CheckResult(
            title,
            FAILED,
            f"conditions on {', '.join(dropped)} are not applied",
            f"correct the query, or ask for the right to query these fields of {stream.table}",
        )
    return CheckResult(title, OK, f"{', '.join(names)} can be filtered on")


def _is_dropped(reader: Reader, table: str, name: str, everything: int) -> bool:
    parts = [reader.one_row(table, f"{name}{operator}").total or 0 for operator in ("ISEMPTY", "ISNOTEMPTY")]
    # Rows may come and go meanwhile; a dropped condition shows twice as many, or none at all.
    return not 0.5 * everything < sum(parts) < 1.5 * everything


def batch_check(batches: Batches) -> CheckResult:
    """Whether the Batch API may be used; without it everything works, with more calls."""
    title = "batch API"
    try:
        allowed = batches.allowed()
    except TryLater as error:
        return CheckResult(title, FAILED, error.message, error.remedy or "check again")
    except BridgeError as error:
        return CheckResult(title, WARNING, error.message, error.remedy)
    if allowed:
        return CheckResult(title, OK, f"up to {PARTS} writes in one call")
    return CheckResult(
        title, WARNING, "refused: each write is a call of its own", "let the integration user use /api/now/v1/batch"
    )


@dataclass(frozen=True, slots=True)
class WriteProof:
    """Writes into one record that somebody named for it. Says nothing to customers and moves no state."""

    reader: Reader
    user: str

    def run(self, tables: Sequence[str], number: str) -> Iterator[CheckResult]:
        """A work note, read back from the journal, and the reference's field, if it is empty, set and emptied again."""
        title = f"write {number}"
        try:
            case = self._found(tables, number)
        except BridgeError as error:
            yield CheckResult(title, FAILED, error.message, error.remedy)
            return
        if case is None:
            remedy = f"name a record of {', '.join(tables)} that the integration user sees"
            yield CheckResult(title, FAILED, "no such record is shown to us", remedy)
            return
        yield _tried(f"{title}: work note", lambda name: self._note(name, case))
        yield _tried(f"{title}: {_REFERENCE}", lambda name: self._reference(name, case))

    def _found(self, tables: Sequence[str], number: str) -> Case | None:
        for table in tables:
            for case in self.reader.complete(table, equals("number", number)):
                return case
        return None

    def _note(self, title: str, case: Case) -> CheckResult:
        began = self.reader.ask_time()
        text = f"{_MARK} at {began:%Y-%m-%d %H:%M:%S} UTC: a trial, nothing to do"
        records.write(self.reader, case.table, case.sys_id, {"work_notes": text})
        since = instant("sys_created_on", ">=", began)
        entries = self.reader.of(JOURNAL, "element_id", [SysId(case.sys_id)], "element=work_notes", since)
        ours = [entry for entry in entries if entry.values["value"].strip() == text]
        if not ours:
            return CheckResult(
                title,
                FAILED,
                "accepted, and not in the journal",
                f"grant writing of work_notes on {case.table} and reading of {JOURNAL}: what may not be written is "
                "left out without a word",
            )
        author = ours[0].values["sys_created_by"]
        if author != self.user:
            return CheckResult(
                title,
                FAILED,
                f"the journal names {author} as its author, not {self.user}",
                "set servicenow.user to the name of the user that the login acts as",
            )
        return CheckResult(title, OK, f"written and read back as {author}")

    def _reference(self, title: str, case: Case) -> CheckResult:
        held = case.values.get(_REFERENCE)
        if held:
            return CheckResult(title, OK, "not tried: the record has one", "")
        kept = self._set(case, _MARK)
        self._set(case, "")
        if kept == _MARK:
            return CheckResult(title, OK, "set and emptied again")
        remedy = f"grant writing of {_REFERENCE} on {case.table}: the desk's reference is kept there"
        return CheckResult(title, FAILED, "accepted, and left as it was", remedy)

    def _set(self, case: Case, value: str) -> str:
        records.write(self.reader, case.table, case.sys_id, {_REFERENCE: value})
        now = records.read(self.reader, case.table, case.sys_id)
        return now.values.get(_REFERENCE, "") if now else ""


def _tried(title: str, trial: Callable[[str], CheckResult]) -> CheckResult:
    try:
        return trial(title)
    except BridgeError as error:
        remedy = error.remedy or "grant the integration user the right to write this table"
        return CheckResult(title, FAILED, error.message, remedy)
