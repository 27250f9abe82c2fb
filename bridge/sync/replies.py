"""What desks answer: a mail is read by the connector, and what it says becomes facts about its engagement."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bridge.domain.delivery import Delivery
from bridge.domain.engagement import Engagement
from bridge.domain.errors import StoreError, TryLater
from bridge.domain.facts import GRAVE, Bounced, Fact, MessageKind, Report, ReportKind
from bridge.domain.ids import DeskName
from bridge.ports import (
    PORTAL_SOURCE,
    Authenticity,
    Correspondence,
    InboxItem,
    InboxState,
    Reading,
    TrailEvent,
    Transaction,
)
from bridge.sync.alarm import raise_alert
from bridge.sync.casework import Casework, Cause
from bridge.sync.deciding import settled_already, until_settled
from bridge.sync.intake import take_in
from bridge.sync.recalling import Recalled
from bridge.sync.repeating import SAID_AGAIN, SAID_BEFORE, by_machine, is_said_again, is_said_before
from bridge.sync.roster import Roster
from bridge.sync.surroundings import Surroundings

#: so many mails of one desk about one engagement in so long a time are machines answering each other
MOST_AT_ONCE = 12
_LONGEST_KEPT = 300
STORM = timedelta(minutes=10)
_WORDLESS = frozenset({"blank", "forward"})
_FINAL = {"file": InboxState.FILED, "drop": InboxState.DROPPED, "quarantine": InboxState.QUARANTINED}


def apply_reply(around: Surroundings, _: Roster, item: InboxItem) -> InboxState:
    """Read one inbound item of a desk and apply it. Raises `TryLater` while nobody can be asked who it is from."""
    is_mail = not item.source.startswith(PORTAL_SOURCE)
    found = around.verifier.verify(item.raw, item.received_at) if is_mail and around.verifier else None
    return until_settled(around, lambda tx: _apply_once(tx, around, item, found))


def verified_now(around: Surroundings, raw: bytes, received_at: datetime) -> Authenticity | None:
    """What can be found out about a mail at this moment, for somebody who only looks."""
    try:
        return around.verifier.verify(raw, received_at) if around.verifier else None
    except TryLater as error:
        return Authenticity(reason=error.code)


def _apply_once(tx: Transaction, around: Surroundings, item: InboxItem, found: Authenticity | None) -> InboxState:
    if (state := settled_already(tx, item)) is not None:
        return state
    known = Recalled(tx)
    reading = read_item(known, around, item, found)
    engagement = known.engagement(reading.engagement) if reading.engagement else None
    if engagement is None:
        return _set_aside(tx, around, item, reading, engagement)
    reading = _newer_status(_seen_before(tx, around, item, reading, engagement), engagement)
    if reading.verdict != "apply":
        _remember_status(tx, around, item, reading, engagement)
        _tell_of_nothing(tx, around, item, reading, engagement)
        return _set_aside(tx, around, item, reading, engagement)
    # A portal's own words are told from ours by their author: nobody goes round there.
    if reading.channel == "mail" and is_storm(tx, engagement):
        return broken_off(tx, around, item, reading, engagement)
    if reading.channel == "mail" and is_said_before(tx, reading, engagement):
        doubtful = replace(reading, verdict="quarantine", reasons=(*reading.reasons, SAID_BEFORE))
        return _set_aside(tx, around, item, doubtful, engagement)
    if reading.channel == "mail" and is_said_again(tx, reading, engagement, STORM):
        reading = by_machine(reading)
        _alarm(tx, around, engagement, "it says the same again and again: a machine may be answering us")
    return take_reading(tx, around, item, reading, engagement, f"desk:{engagement.desk}")


def read_item(
    known: Correspondence, around: Surroundings, item: InboxItem, found: Authenticity | None = None
) -> Reading:
    """Mail is read by the reader that all desks share, what came from a portal by the desk's own connector."""
    if not item.source.startswith(PORTAL_SOURCE):
        return around.reader.receive(item.raw, item.received_at, known, found)
    connector = around.connectors.get(DeskName(item.source.removeprefix(PORTAL_SOURCE)))
    if connector is None:
        return Reading("review", "quarantine", ("no_such_desk",), channel="portal")
    return connector.receive(item.raw, item.received_at, known)


def _seen_before(
    tx: Transaction, around: Surroundings, item: InboxItem, reading: Reading, engagement: Engagement
) -> Reading:
    """A Message-ID that came before on other contents: a mailing list's copy is filed, anything else is flagged."""
    first = tx.first_item(reading.message_id) if reading.verdict == "apply" and _is_kept(reading.message_id) else None
    if first is None or first == item.id:
        return reading
    if reading.from_list:
        return replace(reading, verdict="file", reasons=(*reading.reasons, f"copy of item {first} by a mailing list"))
    raise_alert(
        tx,
        around.instance,
        "message_id_repeated",
        f"items {first} and {item.id} have one Message-ID and different contents",
        case=engagement.case,
        number=engagement.case_number,
        cause=f"inbox:{item.id}",
    )
    reasons = (*reading.reasons, f"its Message-ID was that of item {first}, which said something else")
    return replace(reading, reasons=reasons, verdict="quarantine" if reading.report in GRAVE else "apply")


def is_storm(tx: Transaction, engagement: Engagement) -> bool:
    """Whether a desk has said more about one engagement in a short time than people do."""
    since = tx.now() - STORM
    return tx.count_events(engagement.case, "item_received", f"desk:{engagement.desk}", since) >= MOST_AT_ONCE


def broken_off(
    tx: Transaction, around: Surroundings, item: InboxItem, reading: Reading, engagement: Engagement
) -> InboxState:
    """The breaker: kept for a person, with one alarm an hour, so that no two machines go round through us."""
    why = f"more than {MOST_AT_ONCE} answers in {STORM.seconds // 60} minutes: machines may be answering each other"
    _settle(tx, item, replace(reading, reasons=(*reading.reasons, why)), engagement, InboxState.QUARANTINED)
    _alarm(tx, around, engagement, why)
    return InboxState.QUARANTINED


def _alarm(tx: Transaction, around: Surroundings, engagement: Engagement, why: str) -> None:
    raise_alert(
        tx,
        around.instance,
        "mail_loop",
        f"{engagement.desk} about {engagement.case_number}: {why}",
        case=engagement.case,
        number=engagement.case_number,
        cause=f"engagement:{engagement.id} {tx.now():%Y-%m-%dT%H}",
    )


def _learn(tx: Transaction, item: InboxItem, reading: Reading, engagement: Engagement) -> None:
    """Remember by which Message-IDs the far side knows this conversation."""
    for message_id in reading.also_known:
        tx.know_mail(message_id, engagement.id)
    if reading.kind != "own" and reading.matched_by and _is_kept(reading.message_id):
        tx.know_mail(reading.message_id, engagement.id, item.id)


def _is_kept(message_id: str) -> bool:
    return 0 < len(message_id) <= _LONGEST_KEPT and message_id.isascii() and message_id.isprintable()


def take_reading(
    tx: Transaction, around: Surroundings, item: InboxItem, reading: Reading, engagement: Engagement, who: str
) -> InboxState:
    """Apply what an item says to an engagement, by the reader's verdict or by a person's decision."""
    record = tx.case(engagement.case)
    if record is None:
        raise StoreError(f"the case of {engagement.reference} is not in the store", remedy="restore the backup whole")
    _learn(tx, item, reading, engagement)
    work = Casework(tx, around, record, Cause(who, _cause(item, reading)))
    work.event(
        "item_received",
        {
            "item": item.id,
            "kind": reading.kind,
            "matched_by": reading.matched_by,
            "report": reading.report or "",
            "reasons": list(reading.reasons),
            "message_id": reading.message_id,
        },
        {"sender": reading.sender, "text": reading.text},
    )
    if reading.desk_status:
        engagement = work.saw_status(engagement, reading.desk_status, reading.at or item.received_at)
    if SAID_AGAIN in reading.reasons:
        # Should a person have meant them, nobody has to look for them elsewhere.
        work.say(SAID_AGAIN, {"desk": engagement.desk, "text": reading.text})
    fact = _fact(tx, around, reading, engagement, item.received_at)
    if fact is None:
        take_in(work, item, reading, engagement)
        tx.settle_item(
            item.id, InboxState.FILED, "; ".join(reading.reasons), case=engagement.case, engagement=engagement.id
        )
        work.close()
        return InboxState.FILED
    decision = work.apply(engagement, fact)
    state = InboxState.QUARANTINED if work.quarantined else InboxState.APPLIED
    if state is InboxState.APPLIED:
        take_in(work, item, reading, engagement)
    tx.settle_item(item.id, state, work.quarantined or decision.reason, case=engagement.case, engagement=engagement.id)
    work.close()
    return state


def _newer_status(reading: Reading, engagement: Engagement) -> Reading:
    """A desk's system shows its status again and again, and not always in order: only a new one says something."""
    if not reading.desk_status:
        return reading
    if reading.desk_status == engagement.desk_status:
        why = "status_unchanged"
    elif reading.at and engagement.desk_status_at and reading.at < engagement.desk_status_at:
        why = "status_older"
    elif reading.report is ReportKind.RECEIVED and engagement.received_at is not None:
        # That it is there was known when it was sent.
        return replace(reading, report=None, reasons=(*reading.reasons, "received_already"))
    else:
        return reading
    return replace(reading, verdict="file", report=None, desk_status="", reasons=(*reading.reasons, why))


def _remember_status(
    tx: Transaction, around: Surroundings, item: InboxItem, reading: Reading, engagement: Engagement
) -> None:
    """A status of which a person decides what it means is known all the same: they are asked once."""
    record = tx.case(engagement.case) if reading.desk_status else None
    if record is not None:
        work = Casework(tx, around, record, Cause(f"desk:{engagement.desk}", _cause(item, reading)))
        work.saw_status(engagement, reading.desk_status, reading.at or item.received_at)
        work.close()


def _tell_of_nothing(
    tx: Transaction, around: Surroundings, item: InboxItem, reading: Reading, engagement: Engagement
) -> None:
    """Somebody has sent a mail in which no word was found that is theirs: perhaps one was there. Told now and then."""
    who, record = f"desk:{engagement.desk}", tx.case(engagement.case) if _WORDLESS & set(reading.reasons) else None
    if record is None or tx.count_events(engagement.case, "item_filed", who, tx.now() - STORM):
        return
    work = Casework(tx, around, record, Cause(who, _cause(item, reading)))
    work.say("nothing_taken", {"desk": engagement.desk, "item": str(item.id)})
    work.close()


def _fact(
    tx: Transaction, around: Surroundings, reading: Reading, engagement: Engagement, received_at: datetime
) -> Fact | None:
    if reading.kind == "bounce":
        return _bounce(tx, around, reading, engagement)
    if reading.report is None:
        return None
    return Report(
        kind=reading.report,
        at=reading.at or received_at,
        text=reading.text,
        desk_reference=reading.desk_reference,
        automatic=reading.automatic or reading.kind == "automatic",
        ordered=reading.ordered,
        until=reading.until,
        direction=reading.direction,
        suggests=reading.suggests,
        channel=reading.channel,
        desk_record=reading.desk_record,
        desk_link=reading.desk_link,
    )


def _bounce(tx: Transaction, around: Surroundings, reading: Reading, engagement: Engagement) -> Bounced:
    """Which message failed, for whom, and whether anybody of the agreed recipients is left."""
    failed = {address.lower() for address in reading.bounced_recipients}
    refused = failed | {address.lower() for address in engagement.refused_by} if reading.permanent else failed
    bounced = next(
        (
            delivery
            for delivery in tx.deliveries(engagement=engagement.id)
            if delivery.message_id and delivery.message_id == reading.bounced_message_id
        ),
        None,
    )
    kind = MessageKind(bounced.payload["kind"]) if bounced else MessageKind.OPEN
    left = any(address not in refused for address in _required(around, engagement, bounced)) if failed else False
    return Bounced(kind, tuple(sorted(failed)), reading.permanent, some_left=left)


def _required(around: Surroundings, engagement: Engagement, bounced: Delivery | None) -> set[str]:
    """Whom the desk's contacts name among those the message went to; all, once other contacts are in force."""
    email = around.desks.by_name[engagement.desk].latest.email
    contacts = {address.lower() for address in email.to} if email else set()
    addressed = {address.lower() for address in bounced.recipients} if bounced else set()
    return contacts & addressed or addressed or contacts


def _set_aside(
    tx: Transaction, around: Surroundings, item: InboxItem, reading: Reading, engagement: Engagement | None
) -> InboxState:
    """File, drop or quarantine; nothing is lost and each decision has its reason."""
    state = _FINAL.get(reading.verdict, InboxState.QUARANTINED)
    if engagement is not None and state is not InboxState.QUARANTINED:
        _learn(tx, item, reading, engagement)
    why = _settle(tx, item, reading, engagement, state)
    if state is InboxState.QUARANTINED:
        raise_alert(
            tx,
            around.instance,
            "quarantined",
            f"item {item.id} ({item.source}): {why}",
            case=engagement.case if engagement else None,
            cause=f"inbox:{item.id}",
        )
    return state


def _settle(
    tx: Transaction, item: InboxItem, reading: Reading, engagement: Engagement | None, state: InboxState
) -> str:
    """Settle an item without applying it, with its event; returns why."""
    why = "; ".join(reading.reasons) or "it belongs to no engagement that is known"
    case = engagement.case if engagement else None
    tx.settle_item(item.id, state, why, case=case, engagement=engagement.id if engagement else None)
    tx.record(
        TrailEvent(
            f"item_{state.value}",
            f"desk:{reading.desk}" if reading.desk else "unknown",
            case,
            engagement.case_number if engagement else "",
            engagement.id if engagement else None,
            engagement.round if engagement else None,
            engagement.desk if engagement else "",
            _cause(item, reading),
            engagement.agreement_version if engagement else None,
            {"item": item.id, "kind": reading.kind, "reasons": list(reading.reasons)},
            {"sender": reading.sender},
        )
    )
    return why


def _cause(item: InboxItem, reading: Reading) -> str:
    return f"{item.source}:{item.id}" + (f" {reading.message_id}" if reading.message_id else "")
