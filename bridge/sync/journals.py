"""What people write into a case: commands in work notes, the raiser's word, what is shared - and our own echoes."""

from __future__ import annotations

from typing import assert_never

import structlog

from bridge.domain.agreement import Mode
from bridge.domain.case import Case
from bridge.domain.engagement import Engagement, Standing, State
from bridge.domain.facts import Confirm, Engage, Fact, Override, RaiserAnswered, Reject, Report, Tell, Withdraw
from bridge.domain.ids import DeskName
from bridge.mapping.entries import journal_of
from bridge.mapping.marks import written_by
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
    parse,
)
from bridge.mapping.sharing import WORK_NOTES, is_shared
from bridge.ports import CaseRecord, InboxItem, InboxState, JournalEntry, Transaction
from bridge.sync.casework import Casework, Cause
from bridge.sync.deciding import settled_already, until_settled
from bridge.sync.openings import Known
from bridge.sync.restored import of_an_earlier_life
from bridge.sync.roster import Roster
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()


def apply_journal(around: Surroundings, roster: Roster, item: InboxItem) -> InboxState:
    """One journal entry: by us an echo, by others a command, a word of the raiser's, something shared, or nothing."""
    entry = journal_of(item.raw)
    if entry.author == around.integration_user:
        return until_settled(around, lambda tx: _echo(tx, around, item, entry))
    resolver = entry.author in roster.resolvers()
    fresh = _read_if_unknown(around, entry) if resolver else None
    return until_settled(around, lambda tx: _entry(tx, around, item, entry, fresh, resolver=resolver))


def _read_if_unknown(around: Surroundings, entry: JournalEntry) -> Case | None:
    """A case that nobody was engaged for yet, read before the transaction."""
    with around.store.transaction() as tx:
        known = tx.case(entry.case)
    return around.source.read(entry.table, entry.case) if known is None else None


def _echo(tx: Transaction, around: Surroundings, item: InboxItem, entry: JournalEntry) -> InboxState:
    """An entry of ours is bound to the delivery that wrote it; it is never read for commands nor forwarded."""
    if (state := settled_already(tx, item)) is not None:
        return state
    candidates = written_by(entry, tx.deliveries(case=entry.case))
    if any(tx.bind_journal(entry.sys_id, delivery) for delivery in candidates):
        tx.settle_item(item.id, InboxState.FILED, "our own entry", case=entry.case)
        return InboxState.FILED
    why = "a second entry of one delivery" if candidates else "by our user, and no delivery of ours wrote it"
    tx.settle_item(item.id, InboxState.FILED, why, case=entry.case)
    record = tx.case(entry.case)
    if record is not None and not of_an_earlier_life(tx, entry.created_on):
        work = Casework(tx, around, record, Cause(f"servicenow:{entry.author}", f"journal:{entry.sys_id}"))
        code = "duplicate_entry" if candidates else "unexplained_entry"
        work.event(code, {"entry": entry.sys_id, "element": entry.element}, {"text": entry.text})
        work.alert(code, f"{record.number}: a journal entry {why}")
        work.close()
    return InboxState.FILED


def _entry(
    tx: Transaction,
    around: Surroundings,
    item: InboxItem,
    entry: JournalEntry,
    fresh: Case | None,
    *,
    resolver: bool,
) -> InboxState:
    if (state := settled_already(tx, item)) is not None:
        return state
    record = tx.case(entry.case)
    if record is None:
        if fresh is None:
            tx.settle_item(item.id, InboxState.INERT, "a case that nobody is engaged for", case=entry.case)
            return InboxState.INERT
        record = CaseRecord(fresh.sys_id, fresh.table, fresh.number, 0, shadow=fresh)
        tx.add_case(record)
    work = Casework(tx, around, record, Cause(f"servicenow:{entry.author}", f"journal:{entry.sys_id}"))
    if not work.engagements and work.case.phase.is_over and of_an_earlier_life(tx, entry.created_on):
        return _settled(work, item, InboxState.INERT, "about engagements that were over before the store was restored")
    if around.go_live is not None and entry.created_on < around.go_live:
        return _settled(work, item, InboxState.INERT, "from before go-live")
    if entry.element == WORK_NOTES and resolver and (commands := parse(entry.text, work.around.desks.by_name)):
        for command in commands:
            _obey(work, entry, command)
        return _settled(work, item, InboxState.APPLIED, f"{len(commands)} command(s)")
    shared = _take_word_or_share(work, entry)
    return _settled(work, item, InboxState.APPLIED if shared else InboxState.FILED, shared or "nothing to do")


def _settled(work: Casework, item: InboxItem, state: InboxState, reason: str) -> InboxState:
    work.tx.settle_item(item.id, state, reason, case=work.record.sys_id)
    work.close()
    return state


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _obey(work: Casework, entry: JournalEntry, command: Command | Misunderstood) -> None:
    """Carry a command out, or answer why it cannot be."""
    if isinstance(command, Misunderstood):
        _refuse(work, "", command.why, entry.author)
        return
    if isinstance(command, EngageCommand):
        _engage(work, entry, command)
        return
    engagement, why = _addressed(work, command.desk)
    if engagement is None:
        _refuse(work, command.desk or "", why, entry.author)
        return
    work.apply(engagement, _fact(entry, command))


def _fact(entry: JournalEntry, command: Command) -> Fact:
    by = entry.author
    match command:
        case EngageCommand():
            return Engage(by)
        case TellCommand(text=text):
            return Tell(by, text)
        case ConfirmCommand():
            return Confirm(by)
        case RejectCommand(reason=reason):
            return Reject(by, reason)
        case WithdrawCommand(reason=reason):
            return Withdraw(by, reason)
        case OverrideCommand(reason=reason):
            return Override(by, reason)
        case HeardCommand():
            return _heard(entry, command)
        case _:
            assert_never(command)


def _heard(entry: JournalEntry, command: HeardCommand) -> Report:
    """A report by telephone, as it was written down."""
    return Report(
        kind=command.report,
        at=entry.created_on,
        text=f"{command.text}\n(by telephone from {command.name}, noted by {entry.author})".strip(),
        desk_reference=command.desk_reference,
        direction=command.direction,
        until=command.until,
        channel="telephone",
    )


def _addressed(work: Casework, named: DeskName | None) -> tuple[Engagement | None, str]:
    """The engagement that a command is about: the named desk's newest round, or the only one that is open."""
    if named is not None:
        return work.newest(named), f"@{named} is not engaged in this case"
    going_on = work.open() or [engagement for engagement in work.engagements if engagement.state is State.DECLINED]
    if len(going_on) == 1:
        return going_on[0], ""
    if not going_on:
        return None, "no desk is engaged in this case"
    return None, f"several desks are engaged; name one: {', '.join('@' + one.desk for one in going_on)}"


def _names(work: Casework) -> str:
    return ", ".join(f"@{name}" for name in sorted(work.around.desks.by_name))


def _engage(work: Casework, entry: JournalEntry, command: EngageCommand) -> None:
    desk = _desk_to_engage(work, command)
    if desk is None:
        _refuse(work, "", f"name the desk: #engage @desk; there are {_names(work)}", entry.author)
        return
    configured = work.around.desks.by_name[desk]
    start = work.around.go_live_of(desk)
    if start is not None and entry.created_on < start:
        work.event("inert", {"desk": desk, "command": "engage"}, {"by": entry.author})
        return
    if configured.mode is Mode.OBSERVE:
        # Nothing leaves while a desk is observed, not even an answer.
        work.event("observed", {"desk": desk, "command": "engage"}, {"by": entry.author})
        return
    agreement = configured.agreement_on(work.now.date())
    if agreement is None:
        _refuse(work, desk, "no version of its agreement is in force yet", entry.author)
        return
    earlier = work.newest(desk)
    if work.case.phase.is_over:
        _refuse(work, desk, f"the case is {work.case.phase.value}; put it back to work first", entry.author)
    elif earlier is not None:
        work.apply(earlier, Engage(entry.author))
    else:
        work.engage(desk, entry.author, agreement=agreement)


def _desk_to_engage(work: Casework, command: EngageCommand) -> DeskName | None:
    """The named desk, or the one that was proposed last."""
    if command.desk is not None:
        return command.desk
    return DeskName(work.record.offered[-1]) if work.record.offered else None


def _refuse(work: Casework, desk: str, why: str, by: str) -> None:
    work.event("command_refused", {"desk": desk, "why": why}, {"by": by})
    work.say("refused_command", {"desk": desk, "reason": why, "by": by})


# ── the raiser's word, and what is shared ─────────────────────────────────────────────────────────────────────────────


def _take_word_or_share(work: Casework, entry: JournalEntry) -> str:
    """What happens to an entry that is no command; empty if nothing does."""
    if entry.element != WORK_NOTES and entry.author in _raisers(work.case):
        answer = _raisers_answer(entry)
        if answer is not None:
            for engagement in work.open():
                work.apply(engagement, answer)
            return "the raiser's word"
    return _shared(work, entry)


def _shared(work: Casework, entry: JournalEntry) -> str:
    """Tell the desks that may read an entry; a comment goes with an opening message that is not written yet."""
    if entry.element == WORK_NOTES and _from_before(work, entry):
        return ""
    readers = [one for one in work.open() if is_shared(entry, work.agreement(one).share)]
    story = work.tx.story(work.record.sys_id) if readers else ()
    told = waiting = 0
    for engagement in readers:
        rounds = [one.id for one in work.engagements if one.desk == engagement.desk]
        known = Known(story, rounds)
        # An opening message that arrived and that no event tells of was settled by a report, a person or a portal.
        unwritten = engagement.id not in known.opened and engagement.standing is not Standing.SENT
        if entry.element != WORK_NOTES and unwritten:
            waiting += 1
        elif engagement.state is not State.INCOMPLETE and not known.has(entry):
            text = f"{entry.author}, {entry.created_on:%Y-%m-%d %H:%M} UTC:\n{entry.text}"
            work.apply(engagement, Tell(entry.author, text))
            told += 1
    if waiting and not told:
        return f"goes with the opening message of {waiting} desk(s)"
    return f"shared with {told} desk(s)" if told else ""


def _from_before(work: Casework, entry: JournalEntry) -> bool:
    """A note from before anybody was engaged, which is read again only by chance: its author wrote for the house."""
    return work.record.journals_from is not None and entry.created_on <= work.record.journals_from


def _raisers(case: Case) -> frozenset[str]:
    """User names of those who raised the case, by the dot-walked columns that are read with it."""
    names = (case.values.get(f"{column}.user_name", "") for column in case.profile.raisers)
    first = next((name for name in names if name), "")
    return frozenset({first} - {""})


def _raisers_answer(entry: JournalEntry) -> RaiserAnswered | None:
    for command in parse(entry.text):
        if isinstance(command, ConfirmCommand):
            return RaiserAnswered(entry.author, accepted=True)
        if isinstance(command, RejectCommand):
            return RaiserAnswered(entry.author, accepted=False, text=command.reason)
    return None
