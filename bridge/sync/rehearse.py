"""Rehearse: what one cycle would decide now. Nothing is kept, flagged, sent or written down.

ServiceNow is read by the windows of the pull, the mailbox without a flag, the store in reading transactions only. A
forecast, not a promise: what arrives meanwhile, and what one decision brings about for the next, it cannot know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from bridge.domain.agreement import Mode
from bridge.domain.case import Case
from bridge.domain.changes import Changes, compare, is_older
from bridge.domain.delivery import Delivery, DeliveryKind, DeliveryStatus
from bridge.domain.engagement import Engagement
from bridge.domain.hold import verdict
from bridge.domain.ids import SysId
from bridge.mapping.completeness import missing
from bridge.mapping.entries import ATTACHMENT_SOURCE, JOURNAL_SOURCE, journal_entry, journal_of
from bridge.mapping.notecommands import (
    Command,
    ConfirmCommand,
    EngageCommand,
    HeardCommand,
    Misunderstood,
    OverrideCommand,
    RejectCommand,
    TellCommand,
    WithdrawCommand,
    looks_like_command,
    parse,
)
from bridge.mapping.routing import Hit
from bridge.mapping.sharing import WORK_NOTES
from bridge.ports import CaseRecord, InboxItem, JournalEntry, RawItem, Stream, Transaction
from bridge.sync.apply import BATCH
from bridge.sync.chase import owed
from bridge.sync.dispatch import held_back
from bridge.sync.engage import ENGAGING_PAUSED
from bridge.sync.rehearsal import CaseChange, Due, Mail, NoteCommand, Overdue, Prospect, Rehearsal
from bridge.sync.replies import verified_now
from bridge.sync.roster import Roster
from bridge.sync.surroundings import Source, Surroundings
from bridge.sync.telling import fact_name
from bridge.sync.windows import advance, begin, remaining

Reading: TypeAlias = Callable[[], AbstractContextManager[Transaction]]
"""Opens a transaction that only reads."""
Peek: TypeAlias = Callable[[], Iterable[RawItem]]
"""What a mailbox holds that was not kept yet."""

_AT_ONCE = 10_000
_WORDS: Mapping[type[Command], str] = {
    EngageCommand: "#engage",
    TellCommand: "#desk",
    ConfirmCommand: "#confirm",
    RejectCommand: "#reject",
    WithdrawCommand: "#withdraw",
    OverrideCommand: "#override",
    HeardCommand: "#heard",
}


def rehearse(around: Surroundings, reading: Reading, peek: Peek) -> Rehearsal:
    """Say what one cycle would decide. Raises what ServiceNow's and the mailbox's reading raise."""
    cases = _newest(_revisions(around, reading))
    entries = tuple(_entries(around, reading))
    return Rehearsal(
        desks=tuple(_prospects(around, reading, cases)),
        changes=tuple(_changes(around, reading, cases)),
        commands=tuple(_commands(around, reading, entries)),
        mails=tuple(_mails(around, reading, peek)),
        deliveries=tuple(_due(around, reading)),
        overdue=tuple(_overdue(around, reading)),
    )


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _revisions(around: Surroundings, reading: Reading) -> Iterator[Case]:
    """What landed and waits, what changed since, and the engaged cases whatever the filters say."""
    with reading() as tx:
        landed, engaged = tx.undecided(_AT_ONCE), tx.engaged_cases()
    yield from (item.case for item in landed)
    for source in around.sources:
        yield from _rows(around, reading, source, source.cases)
    by_table: dict[str, list[SysId]] = defaultdict(list)
    for record in engaged:
        by_table[record.table].append(record.sys_id)
    for table, sys_ids in by_table.items():
        yield from around.source.read_many(table, sys_ids)


def _rows(around: Surroundings, reading: Reading, source: Source, stream: Stream) -> Iterator[Case]:
    """The rows that came since the last pull. Without its overlap: those rows have landed already."""
    with reading() as tx:
        stored = tx.cursor(stream.name)
    start = around.go_live or around.source.server_time() - source.overlap
    time = around.source.server_time
    cursor = begin(stored, start=start, server_time=time, lag=source.lag, overlap=timedelta())
    for _ in range(source.max_pages):
        if not cursor.pending:
            return
        window = cursor.pending[-1]
        page = around.source.page(stream, window, source.page_size)
        cursor = advance(cursor, remaining(window, page, source.page_size, stream.time_field))
        yield from page.rows


def _newest(revisions: Iterable[Case]) -> Sequence[Case]:
    """Each case as it is now, in the order in which it was first seen."""
    newest: dict[SysId, Case] = {}
    for case in revisions:
        known = newest.get(case.sys_id)
        if known is None or not is_older(case, known):
            newest[case.sys_id] = case
    return tuple(newest.values())


def _waiting(reading: Reading) -> Iterator[InboxItem]:
    """What waits in the inbox, some of it in memory at a time."""
    seen = set[int]()
    while True:
        with reading() as tx:
            found = tx.unapplied(BATCH, but=seen)
        if not found:
            return
        seen.update(item.id for item in found)
        yield from found


def _entries(around: Surroundings, reading: Reading) -> Iterator[JournalEntry]:
    """Journal entries that wait in the inbox, and those that came since the last pull."""
    yield from (journal_of(item.raw) for item in _waiting(reading) if item.source == JOURNAL_SOURCE)
    for source in around.sources:
        yield from (journal_entry(row) for row in _rows(around, reading, source, source.journals))


# ── deciding ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _prospects(around: Surroundings, reading: Reading, cases: Sequence[Case]) -> Iterator[Prospect]:
    engaged = 0
    for case in cases:
        hits = () if case.phase.is_over else around.router.route(case).hits
        if not hits:
            continue
        with reading() as tx:
            paused = tx.control(ENGAGING_PAUSED) is not None
            record, today = tx.case(case.sys_id), tx.now()
            new = [hit for hit in hits if _is_new(around, tx, case, record, hit)]
        for hit in new:
            prospect = _prospect(around, case, hit, today)
            if prospect.what == "engage" and (paused or engaged >= around.max_new_engagements):
                why = "engaging is paused" if paused else "the ceiling on new engagements in one cycle"
                prospect = replace(prospect, what="hold back", why=why)
            engaged += prospect.what == "engage"
            yield prospect


def _is_new(around: Surroundings, tx: Transaction, case: Case, record: CaseRecord | None, hit: Hit) -> bool:
    """Nothing was decided about this desk in this case yet, and the case is not from before go-live."""
    start = around.go_live_of(hit.desk)
    if start is not None and case.updated_on < start:
        return False
    if record is None:
        return True
    superseded = record.shadow is not None and is_older(case, record.shadow)
    if record.parked or superseded or any(other.desk == hit.desk for other in tx.engagements(case.sys_id)):
        return False
    return hit.desk not in record.offered or _engages(around, hit)


def _engages(around: Surroundings, hit: Hit) -> bool:
    return hit.automatic and around.desks.by_name[hit.desk].mode is Mode.LIVE


def _prospect(around: Surroundings, case: Case, hit: Hit, now: datetime) -> Prospect:
    desk = around.desks.by_name[hit.desk]
    agreement = desk.agreement_on(now.date())
    if agreement is None:
        why = "no version of the agreement is in force"
        return Prospect(case.number, hit.desk, "hold back", hit.rule, hit.text, why=why)
    what = "engage" if _engages(around, hit) else "observe" if desk.mode is Mode.OBSERVE else "propose"
    lacking = tuple(one.name for one in missing(case, agreement))
    return Prospect(case.number, hit.desk, what, hit.rule, hit.text, lacking)


def _changes(around: Surroundings, reading: Reading, cases: Sequence[Case]) -> Iterator[CaseChange]:
    for case in cases:
        with reading() as tx:
            record = tx.case(case.sys_id)
            if record is None or record.shadow is None or record.parked or is_older(case, record.shadow):
                continue
            what = _what(compare(record.shadow, case, _written(tx.deliveries(case=case.sys_id, pending=True))))
            family = [*tx.engagements(case.sys_id), *_of_relatives(tx, case)]
        if what:
            ruling = verdict(family, around.desks.agreement)
            by = case.values.get("sys_updated_by", "")
            yield CaseChange(case.number, by, what, ruling.answer.value, ruling.reason)


def _of_relatives(tx: Transaction, case: Case) -> Iterator[Engagement]:
    for relative in tx.relatives(case):
        if relative != case.sys_id:
            yield from tx.engagements(relative)


def _written(pending: Sequence[Delivery]) -> Mapping[str, set[str]]:
    """The values of writes of ours that are under way: our own echoes."""
    values: dict[str, set[str]] = defaultdict(set)
    for delivery in pending:
        if delivery.kind is DeliveryKind.WRITE and delivery.attempts:
            for name, value in delivery.payload["fields"].items():
                values[name].add(value)
    return values


def _what(changes: Changes) -> tuple[str, ...]:
    """Steps of the case's life, then the fields; `sys_…` stamps change with everything."""
    steps = ("resolved", "closed", "cancelled", "reopened", "put_to_work")
    happened = [step.replace("_", " ") for step in steps if getattr(changes, step)]
    fields = [name for name, _, _ in changes.fields if not name.startswith("sys_")]
    return (*happened, *fields)


def _commands(around: Surroundings, reading: Reading, entries: Iterable[JournalEntry]) -> Iterator[NoteCommand]:
    roster = Roster(around.source, around.resolver_group)
    for entry in entries:
        if entry.element != WORK_NOTES or entry.author == around.integration_user:
            continue
        before_go_live = around.go_live is not None and entry.created_on < around.go_live
        if before_go_live or not looks_like_command(entry.text) or entry.author not in roster.resolvers():
            continue
        number = _number(around, reading, entry)
        for command in parse(entry.text, around.desks.by_name):
            if isinstance(command, Misunderstood):
                yield NoteCommand(number, entry.author, command.line, "", command.why)
            else:
                yield NoteCommand(number, entry.author, _WORDS[type(command)], command.desk or "")


def _number(around: Surroundings, reading: Reading, entry: JournalEntry) -> str:
    with reading() as tx:
        record = tx.case(entry.case)
    if record is not None:
        return record.number
    case = around.source.read(entry.table, entry.case)
    return case.number if case else entry.case


def _mails(around: Surroundings, reading: Reading, peek: Peek) -> Iterator[Mail]:
    for item in _waiting(reading):
        if item.source not in {JOURNAL_SOURCE, ATTACHMENT_SOURCE}:
            yield _mail(around, reading, item.raw, item.received_at)
    for new in peek():
        yield _mail(around, reading, new.raw, new.received_at)


def _mail(around: Surroundings, reading: Reading, raw: bytes, received_at: datetime) -> Mail:
    found = verified_now(around, raw, received_at)
    with reading() as tx:
        read = around.reader.receive(raw, received_at, tx, found)
        engagement = tx.engagement(read.engagement) if read.engagement else None
    return Mail(
        sender=read.sender,
        case=engagement.case_number if engagement else "",
        desk=engagement.desk if engagement else read.desk or "",
        kind=read.kind,
        verdict=read.verdict,
        report=read.report.value if read.report else "",
        reasons=read.reasons,
    )


def _due(around: Surroundings, reading: Reading) -> Iterator[Due]:
    """The head of each lane, if its time has come; a dead letter blocks its lane and is nobody's turn."""
    with reading() as tx:
        now, held = tx.now(), held_back(around, tx.controls())
        heads: dict[str, Delivery] = {}
        for delivery in tx.deliveries(pending=True):
            heads.setdefault(delivery.lane, delivery)
        due = [one for one in heads.values() if one.next_attempt_at is not None and one.next_attempt_at <= now]
        numbers = {sys_id: record.number for sys_id, record in tx.cases([one.case for one in due if one.case]).items()}
    for delivery in due:
        uncertain = delivery.status in {DeliveryStatus.UNKNOWN, DeliveryStatus.ATTEMPTING}
        what = "hold back" if delivery.recipient in held else "ask" if uncertain else "attempt"
        number = numbers.get(delivery.case, "") if delivery.case else ""
        yield Due(delivery.id, what, delivery.kind.value, delivery.recipient, number, delivery.attempts)


def _overdue(around: Surroundings, reading: Reading) -> Iterator[Overdue]:
    with reading() as tx:
        for engagement in tx.due_engagements(tx.now()):
            record = tx.case(engagement.case)
            fact = owed(tx, around, engagement) if record is not None and not record.parked else None
            if fact is not None:
                yield Overdue(engagement.case_number, engagement.desk, engagement.state.value, fact_name(fact))
