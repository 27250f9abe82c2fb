"""What the bridge holds about an engaged case, compared with what ServiceNow shows of it now.

What is newer than the streams have been read is the pull's business and no difference. Each difference says what was
seen and what to do; which of them are mended by the bridge itself is a table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from bridge.domain.agreement import Agreement, Push
from bridge.domain.case import Case
from bridge.domain.delivery import Delivery, DeliveryKind, DeliveryStatus
from bridge.domain.engagement import Engagement, State
from bridge.domain.facts import ReportKind
from bridge.domain.hold import Answer, Verdict
from bridge.domain.ids import DeliveryId, DeskName, SysId
from bridge.mapping.difference import Difference, Kind
from bridge.mapping.update import correlation, standing_together
from bridge.ports import AttachmentEntry, CaseRecord, JournalEntry

AgreementOf = Callable[[Engagement], Agreement]


@dataclass(frozen=True, slots=True)
class Held:
    """What the bridge holds about a case, and what of ServiceNow's it knows already."""

    record: CaseRecord
    engagements: Sequence[Engagement]
    deliveries: Sequence[Delivery]
    ruling: Verdict
    #: journal entries and files that came to the inbox
    received: Collection[str] = frozenset()
    #: journal entry of ours -> the delivery that wrote it
    bound: Mapping[SysId, DeliveryId] = field(default_factory=dict)
    #: the revision that ServiceNow shows has been landed
    landed: bool = False
    #: unfinished deliveries that were decided long ago
    late: Collection[DeliveryId] = frozenset()
    #: desks that owe a first answer, and since when
    owing: Mapping[DeskName, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """What ServiceNow shows of a case now."""

    case: Case | None
    entries: Sequence[JournalEntry] = ()
    files: Sequence[AttachmentEntry] = ()
    #: entry of ours -> the deliveries that may have written it, by reference or by its very words
    writers: Mapping[SysId, Sequence[DeliveryId]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadTo:
    """Up to which instant of ServiceNow's clock each stream of a table has been completely read."""

    cases: datetime
    journals: datetime
    files: datetime


def at(when: datetime) -> str:
    """An instant as people read it."""
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def compare(held: Held, shown: Shown, read_to: ReadTo, our_user: str, agreement_of: AgreementOf) -> list[Difference]:
    """Every difference of one case, those of the record first."""
    found = [*_of_record(held, shown, read_to, agreement_of)]
    if shown.case is not None:
        found += [*_of_entries(held, shown, read_to, our_user), *_of_files(held, shown, read_to)]
    found += [*_of_deliveries(held), *_of_desks(held)]
    return found


def _made(held: Held, kind: Kind, about: str, seen: str, desk: str = "") -> Difference:
    return Difference(kind, seen, about, held.record.sys_id, held.record.number, desk)


# ── the record ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _of_record(held: Held, shown: Shown, read_to: ReadTo, agreement_of: AgreementOf) -> Iterator[Difference]:
    record, case = held.record, shown.case
    if record.parked:
        yield _made(held, Kind.CASE_PARKED, record.parked, f"the case is set aside: {record.parked}")
    if case is None:
        yield _made(held, Kind.CASE_GONE, record.gone or "unread", _gone(record))
        return
    if not held.landed:
        if case.updated_on < read_to.cases:
            yield _made(
                held,
                Kind.MISSED_REVISION,
                _stamp(case),
                f"revision {case.mod_count} of {at(case.updated_on)} was never read",
            )
        return
    if case.phase.is_over and held.ruling.answer is Answer.KEEP_OPEN and not _being_undone(held):
        yield _made(
            held,
            Kind.ENDED_EARLY,
            _stamp(case),
            f"the case is {case.phase.value}, and the hold waits: {held.ruling.reason}",
        )
    yield from _of_fields(held, case, agreement_of)


def _gone(record: CaseRecord) -> str:
    return f"the record cannot be read: {record.gone}" if record.gone else "the record cannot be read"


def _stamp(case: Case) -> str:
    return f"{case.values['sys_updated_on']} {case.mod_count}"


def _being_undone(held: Held) -> bool:
    """Whether the resolution is being undone, or was told to people already."""
    reopens = any(one.payload.get("purpose") == "reopens" and not one.status.is_final for one in held.deliveries)
    return reopens or bool(held.record.flagged)


def _of_fields(held: Held, case: Case, agreement_of: AgreementOf) -> Iterator[Difference]:
    """What reports made of the record's fields, unless a write of ours is under way."""
    if case.phase.is_over or any(_is_write(one) and not one.status.is_final for one in held.deliveries):
        return
    for engagement in held.engagements:
        wanted = correlation(engagement.desk_reference, engagement, held.engagements) if engagement.is_open else {}
        for name, value in wanted.items():
            if (there := case.values.get(name, value)) != value:
                seen = f"{name} is {there or 'empty'}, and {engagement.desk} has the reference {value}"
                yield _made(held, Kind.REFERENCE_DIFFERS, engagement.id, seen, engagement.desk)
    name, fields = expected_state(case, held.engagements, agreement_of)
    if any(case.values.get(column, value) != value for column, value in fields.items()):
        seen = f"the case is {case.shown('state')}; as the desks stand the agreement has it {name.replace('_', ' ')}"
        yield _made(held, Kind.STATE_DIFFERS, f"{name} {case.values.get('state', '')}", seen)


_TOLD_BY: Mapping[State, ReportKind] = MappingProxyType(
    {
        State.ACKNOWLEDGED: ReportKind.ACKNOWLEDGED,
        State.IN_PROGRESS: ReportKind.PROGRESS,
        State.AWAITING_INFORMATION: ReportKind.QUESTION,
        State.RESOLUTION_REPORTED: ReportKind.RESOLVED,
    }
)
"""The report that brings an engagement into a state."""


def expected_state(
    case: Case, engagements: Sequence[Engagement], agreement_of: AgreementOf
) -> tuple[str, Mapping[str, str]]:
    """The state that `push:` gives a case as its engagements stand: its name and its fields, empty if it gives none."""
    pushed = {
        one.id: push.state
        for one in engagements
        if one.state in _TOLD_BY and (push := agreement_of(one).push.get(_TOLD_BY[one.state], Push())).state
    }
    name = standing_together(pushed, engagements)
    return name, case.profile.targets.get(name, {})


# ── journals and files ────────────────────────────────────────────────────────────────────────────────────────────────


def _of_entries(held: Held, shown: Shown, read_to: ReadTo, our_user: str) -> Iterator[Difference]:
    written: set[DeliveryId] = set(held.bound.values())
    settled: set[DeliveryId] = set()
    for entry in shown.entries:
        ours = entry.author == our_user
        writers = (
            [held.bound[entry.sys_id]] if entry.sys_id in held.bound else list(shown.writers.get(entry.sys_id, ()))
        )
        if ours:
            settled.update(writers)
        if entry.sys_id in held.received or not _since_engaged(held, entry.created_on, read_to.journals):
            continue
        if ours:
            free = [one for one in writers if one not in written]
            yield _echo(held, entry, free, writers)
            written.update(free[:1])
        else:
            seen = f"a {_name(entry)} of {at(entry.created_on)} by {entry.author} never came"
            yield _made(held, Kind.MISSED_ENTRY, entry.sys_id, seen)
    yield from _of_writes(held, settled)


def _echo(held: Held, entry: JournalEntry, free: Sequence[DeliveryId], writers: Sequence[DeliveryId]) -> Difference:
    """An entry of ours that never came: the one of a delivery, a second one of it, or nobody's."""
    seen = f"a {_name(entry)} of {at(entry.created_on)} by our user"
    if free or (writers and held.bound.get(entry.sys_id) in writers):
        return _made(held, Kind.MISSED_ECHO, entry.sys_id, f"{seen} never came")
    if writers:
        return _made(held, Kind.DUPLICATE_ENTRY, entry.sys_id, f"{seen} is the second of one delivery")
    return _made(held, Kind.UNEXPLAINED_ENTRY, entry.sys_id, f"{seen} was written by no delivery of ours")


def _name(entry: JournalEntry) -> str:
    return "work note" if entry.element == "work_notes" else "comment"


def _of_writes(held: Held, settled: Collection[DeliveryId]) -> Iterator[Difference]:
    """Writes of ours, by the entries that ServiceNow shows."""
    for delivery in held.deliveries:
        if not _is_write(delivery):
            continue
        if delivery.status is DeliveryStatus.UNKNOWN and delivery.id in settled:
            yield _made(held, Kind.WRITE_ARRIVED, delivery.id, "a write whose answer was lost is in the case")
        if _was_written(delivery) and delivery.id not in settled:
            yield _made(
                held,
                Kind.ENTRY_GONE,
                delivery.id,
                f"our {_element(delivery)} is not in the case any more: {_begin(delivery)}",
            )


def _is_write(delivery: Delivery) -> bool:
    return delivery.kind is DeliveryKind.WRITE


def _was_written(delivery: Delivery) -> bool:
    """Whether ServiceNow took it; one that an operator skipped says so in its last error."""
    return delivery.status is DeliveryStatus.DONE and delivery.attempts > 0 and not delivery.last_error


def _element(delivery: Delivery) -> str:
    return "work note" if delivery.payload["element"] == "work_notes" else "comment"


def _begin(delivery: Delivery) -> str:
    first = str(delivery.payload["text"]).partition("\n")[0]
    return first if len(first) <= 80 else f"{first[:79]}…"


def _since_engaged(held: Held, when: datetime, read_to: datetime) -> bool:
    """Whether something is of the time that the bridge answers for: after the case was engaged, and read by now."""
    begin = held.record.journals_from
    return begin is not None and begin < when < read_to


def _of_files(held: Held, shown: Shown, read_to: ReadTo) -> Iterator[Difference]:
    for entry in shown.files:
        if entry.sys_id not in held.received and _since_engaged(held, entry.created_on, read_to.files):
            seen = f"a file of {at(entry.created_on)} by {entry.author} never came: {entry.file_name}"
            yield _made(held, Kind.MISSED_FILE, entry.sys_id, seen)


# ── deliveries and desks ──────────────────────────────────────────────────────────────────────────────────────────────


def _of_deliveries(held: Held) -> Iterator[Difference]:
    for delivery in held.deliveries:
        if delivery.status is DeliveryStatus.DEAD:
            yield _made(
                held,
                Kind.DEAD_LETTER,
                delivery.id,
                f"{_what(delivery)} was given up: {delivery.last_error}",
                _desk(delivery),
            )
        elif delivery.id in held.late and not delivery.status.is_final:
            why = f": {delivery.last_error}" if delivery.last_error else ""
            yield _made(
                held,
                Kind.LATE_DELIVERY,
                delivery.id,
                f"{_what(delivery)} is {delivery.status.value} for long{why}",
                _desk(delivery),
            )


def _what(delivery: Delivery) -> str:
    if delivery.kind is DeliveryKind.WRITE:
        return f"our {_element(delivery)} ({delivery.id[:8]})"
    if delivery.kind is DeliveryKind.FILE:
        return f"the file {delivery.payload['name']} from {delivery.payload['desk']} ({delivery.id[:8]})"
    kind = delivery.payload.get("kind", delivery.kind.value)
    return f"the {kind} message to {delivery.recipient} ({delivery.id[:8]})"


def _desk(delivery: Delivery) -> str:
    return delivery.recipient if delivery.kind is DeliveryKind.MESSAGE else ""


def _of_desks(held: Held) -> Iterator[Difference]:
    for engagement in held.engagements:
        if not engagement.is_open:
            continue
        if engagement.undeliverable or engagement.refused_by:
            who = ", ".join(engagement.refused_by) or "nobody took it"
            yield _made(
                held,
                Kind.UNDELIVERABLE,
                engagement.id,
                f"messages to {engagement.desk} were refused: {who}",
                engagement.desk,
            )
        elif engagement.desk in held.owing:
            since = held.owing[engagement.desk]
            yield _made(
                held,
                Kind.UNANSWERED,
                engagement.id,
                f"{engagement.desk} owes a first answer since {at(since)}",
                engagement.desk,
            )
