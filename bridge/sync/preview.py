"""Preview: exactly the mail that a desk would get about a case now. Nothing is sent, kept or written down."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.domain.agreement import Agreement, Desk, Mode
from bridge.domain.case import Case
from bridge.domain.delivery import Delivery, DeliveryKind, engagement_lane
from bridge.domain.engagement import Engagement, State
from bridge.domain.errors import UsageError
from bridge.domain.facts import MessageKind
from bridge.domain.ids import DeliveryId, DeskName, EngagementId, delivery_id, engagement_id, reference
from bridge.mapping.completeness import missing
from bridge.mapping.sharing import NOTHING_SO_FAR
from bridge.ports import AttachmentEntry, CaseRecord, File, Frozen, ToldEvent, Transaction, Window
from bridge.sync.dispatch import held_back
from bridge.sync.files import added_files, by_people, named_in, shared_files, yet_to_go
from bridge.sync.lookahead import read_papers
from bridge.sync.messages import composed, is_opening
from bridge.sync.openings import Known, opening
from bridge.sync.surroundings import EVER, Surroundings

Reading = Callable[[], AbstractContextManager[Transaction]]


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail as it would go out, and what stands between it and the desk."""

    delivery: DeliveryId
    kind: MessageKind
    case: str
    desk: DeskName
    frozen: Frozen
    #: the delivery waits in the outbox; otherwise it is what `#engage` would send
    decided: bool
    #: why it would not go out now, and what was left out of it
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Subject:
    """What the store knows about the case and the desk."""

    now: datetime
    record: CaseRecord | None
    engagement: Engagement | None
    waiting: Delivery | None
    thread: tuple[str, ...]
    held: bool
    #: the desk's rounds, and the case's story
    rounds: tuple[EngagementId, ...]
    story: tuple[ToldEvent, ...]
    #: files that go with messages which wait behind
    later: frozenset[str]


def preview(around: Surroundings, reading: Reading, number: str, name: DeskName) -> Preview:
    """The next mail to a desk: what waits in the outbox, or else what `#engage` would send.

    Raises `UsageError` where nothing would be sent, and what reading the case from ServiceNow raises.
    """
    desk = around.desks.by_name[name]
    with reading() as tx:
        subject = _subject(tx, around, number, name)
    case = _case(around, number, subject.record)
    engagement, agreement = _engagement(around, subject, case, desk)
    delivery = subject.waiting or _opening(around, engagement)
    notes = [*_obstacles(desk, subject), *_lacking(subject, case, agreement)]
    frozen = _frozen(around, subject, case, engagement, agreement, delivery, notes)
    kind = MessageKind(delivery.payload["kind"])
    return Preview(delivery.id, kind, case.number, name, frozen, subject.waiting is not None, tuple(notes))


def _subject(tx: Transaction, around: Surroundings, number: str, name: DeskName) -> _Subject:
    record = tx.case_by_number(number)
    rounds = [one for one in tx.engagements(record.sys_id) if one.desk == name] if record else []
    newest = max(rounds, key=lambda engagement: engagement.round, default=None)
    waiting = _waiting(tx, newest) if newest else None
    thread = tx.sent_message_ids(newest.id) if newest else ()
    story = tx.story(record.sys_id) if record else ()
    held = name in held_back(around, tx.controls())
    later = yet_to_go(tx, newest.id) if newest else frozenset()
    return _Subject(tx.now(), record, newest, waiting, thread, held, tuple(one.id for one in rounds), story, later)


def _waiting(tx: Transaction, engagement: Engagement) -> Delivery | None:
    pending = tx.deliveries(engagement=engagement.id, pending=True)
    return next((one for one in pending if one.kind is DeliveryKind.MESSAGE), None)


def _case(around: Surroundings, number: str, record: CaseRecord | None) -> Case:
    """The revision that was decided upon last; of a case that nobody is engaged for, the one in ServiceNow."""
    if record is not None and record.shadow is not None:
        return record.shadow
    if not number.isalnum() or not number.isascii():
        raise UsageError(f"{number!r} is no case number", remedy="write it as ServiceNow shows it, such as CS0000871")
    window = Window(EVER, around.source.server_time() + timedelta(days=1))
    for source in around.sources:
        page = around.source.page(replace(source.cases, query=f"number={number}"), window, 2)
        if page.rows:
            return page.rows[0]
    raise UsageError(f"there is no case {number}, or the integration user may not see it", case=number)


def _engagement(around: Surroundings, subject: _Subject, case: Case, desk: Desk) -> tuple[Engagement, Agreement]:
    """The round that the mail belongs to: the one that goes on, or the one that would open."""
    current = subject.engagement
    if current is not None and (subject.waiting is not None or current.state is State.INCOMPLETE):
        return current, around.desks.agreement(current)
    if current is not None and current.is_open:
        raise UsageError(
            f"nothing waits to be sent: the engagement is {current.state.value.replace('_', ' ')}",
            case=case.number,
            desk=desk.name,
        )
    agreement = desk.agreement_on(subject.now.date())
    if agreement is None:
        raise UsageError("no version of the agreement is in force", desk=desk.name)
    number = current.round + 1 if current else 1
    identity = engagement_id(around.instance, case.sys_id, desk.name, number)
    opening = Engagement(
        identity, reference(identity), case.sys_id, case.number, desk.name, number, agreement.version, subject.now
    )
    return opening, agreement


def _opening(around: Surroundings, engagement: Engagement) -> Delivery:
    """The opening message as the engagement would decide on it."""
    ordinal = engagement.next_ordinal
    return Delivery(
        delivery_id(around.instance, engagement.case, engagement.desk, engagement.round, ordinal),
        DeliveryKind.MESSAGE,
        engagement.desk,
        engagement_lane(engagement.id),
        {"kind": MessageKind.OPEN.value, "text": "", "changes": [], "ordinal": ordinal},
        case=engagement.case,
        engagement=engagement.id,
    )


def _frozen(
    around: Surroundings,
    subject: _Subject,
    case: Case,
    engagement: Engagement,
    agreement: Agreement,
    delivery: Delivery,
    notes: list[str],
) -> Frozen:
    if delivery.frozen is not None:
        notes.append("an attempt was made: these are its bytes")
        return Frozen(delivery.frozen, delivery.message_id, delivery.recipients)

    def left_out(entry: AttachmentEntry, why: str) -> None:
        notes.append(f"without {entry.file_name or entry.sys_id}: {why}")

    files: tuple[File, ...] = ()
    so_far = NOTHING_SO_FAR
    if is_opening(delivery):
        papers = read_papers(around.source, case.sys_id, subject.now, files=agreement.share.attachments.max_bytes > 0)
        entries = by_people(papers.files or (), around.integration_user, subject.later)
        files = shared_files(around.source, entries, agreement.share.attachments, left_out)
        known = Known(subject.story, subject.rounds, but_openings_of=engagement.id)
        so_far = opening(papers, agreement.share, around.integration_user, known).so_far
    elif named_in(delivery):
        entries = added_files(around.source, case.sys_id, delivery)
        files = shared_files(around.source, entries, agreement.share.attachments, left_out)
    message = composed(
        delivery, case, engagement, agreement, subject.now, thread=subject.thread, files=files, so_far=so_far
    )
    return around.connectors[engagement.desk].freeze(message, subject.now)


def _obstacles(desk: Desk, subject: _Subject) -> list[str]:
    notes = []
    if desk.mode is not Mode.LIVE:
        notes.append(f"the desk's mode is {desk.mode.value}")
    if subject.held and desk.mode is not Mode.OBSERVE:
        notes.append("the desk is paused")
    if subject.record is not None and subject.record.parked:
        notes.append(f"the case is parked: {subject.record.parked}")
    return notes


def _lacking(subject: _Subject, case: Case, agreement: Agreement) -> list[str]:
    if subject.waiting is not None:
        return []
    return [f"held back: {lacking.sentence}" for lacking in missing(case, agreement)]
