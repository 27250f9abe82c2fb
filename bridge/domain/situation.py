"""What a decision looks at, and the questions that the table of transitions asks about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from bridge.domain.agreement import Agreement, Confirmation
from bridge.domain.engagement import Engagement, Standing, State
from bridge.domain.facts import Bounced, Delivered, Engage, Fact, MessageKind, QuietOver, RaiserAnswered, Report
from bridge.domain.hours import NeverOpenError, due


@dataclass(frozen=True, slots=True)
class Situation:
    """An engagement, the fact that came, and what surrounds them. `others` are the case's other engagements."""

    engagement: Engagement
    fact: Fact
    agreement: Agreement
    now: datetime
    others: tuple[Engagement, ...] = ()


Guard: TypeAlias = Callable[[Situation], bool]


def always(_: Situation) -> bool:
    """The last row of every pair."""
    return True


def _report(situation: Situation) -> Report:
    if not isinstance(situation.fact, Report):
        raise TypeError(f"a report was expected, not {type(situation.fact).__name__}")
    return situation.fact


def order_uncertain(situation: Situation) -> bool:
    """The report would take something back, and nothing proves that it is the newer one."""
    report, last = _report(situation), situation.engagement.last_report_at
    return not report.ordered or last is None or report.at <= last


def desk_reopens(situation: Situation) -> bool:
    """The desk works on it again: what it says is certainly from after the end of the round."""
    report, ended = _report(situation), situation.engagement.ended_at
    return report.ordered and ended is not None and report.at > ended


def never_attempted(situation: Situation) -> bool:
    """The open message has not left and the desk knows of nothing, so nobody needs to be told that it is void."""
    engagement = situation.engagement
    not_there = {Standing.NONE, Standing.PENDING, Standing.FAILED}
    return engagement.received_at is None and engagement.standing in not_there


def delivery_unknown(situation: Situation) -> bool:
    """The desk may have the open message, or may not, and has not been heard of."""
    return situation.engagement.received_at is None and situation.engagement.standing is Standing.UNKNOWN


def nothing_to_chase(situation: Situation) -> bool:
    """The desk cannot owe an answer to what has not left, or is about to be withdrawn."""
    return bool(situation.engagement.withdraw_wanted) or never_attempted(situation)


def confirmed_by_desk(situation: Situation) -> bool:
    """The desk's word is enough."""
    return situation.agreement.confirmation is Confirmation.DESK


def confirmed_by_raiser(situation: Situation) -> bool:
    """Only who raised the case can accept."""
    return situation.agreement.confirmation is Confirmation.RAISER


def engaged_by_route(situation: Situation) -> bool:
    """A route, not a person, asks for the engagement."""
    return isinstance(situation.fact, Engage) and situation.fact.automatic


def another_round_open(situation: Situation) -> bool:
    """A later round of the same desk goes on; at most one does."""
    mine = situation.engagement
    return any(other.is_open and (other.case, other.desk) == (mine.case, mine.desk) for other in situation.others)


def raiser_accepts(situation: Situation) -> bool:
    """Who raised the case accepted, and the agreement asks for that word."""
    fact = situation.fact
    return isinstance(fact, RaiserAnswered) and fact.accepted and confirmed_by_raiser(situation)


def raiser_refuses(situation: Situation) -> bool:
    """Who raised the case says that it is not solved."""
    return isinstance(situation.fact, RaiserAnswered) and not situation.fact.accepted


def answer_delivered(situation: Situation) -> bool:
    """The message that answers the desk's question has reached it."""
    fact, awaited = situation.fact, situation.engagement.answer_ordinal
    return isinstance(fact, Delivered) and fact.message is MessageKind.TEXT and 0 < awaited <= fact.ordinal


def withdraw_waits_for_open(situation: Situation) -> bool:
    """A withdrawal waits to know whether the open message arrived, and this settles it."""
    fact = situation.fact
    return bool(situation.engagement.withdraw_wanted) and getattr(fact, "message", None) is MessageKind.OPEN


def nobody_left(situation: Situation) -> bool:
    """Every required recipient refused for good."""
    return isinstance(situation.fact, Bounced) and situation.fact.permanent and not situation.fact.some_left


def open_message_failed(situation: Situation) -> bool:
    """What became a dead letter is the message that engages the desk."""
    return getattr(situation.fact, "message", None) is MessageKind.OPEN


def undeliverable(situation: Situation) -> bool:
    """The engagement is flagged: its messages reach nobody."""
    return situation.engagement.undeliverable


def open_message_refused(situation: Situation) -> bool:
    """The engagement is flagged, and nobody has the open message: it is a dead letter."""
    return situation.engagement.undeliverable and situation.engagement.standing is Standing.FAILED


def quiet_holds(situation: Situation) -> bool:
    """Time without objection ended, ServiceNow was read past the deadline, and nothing unread or unanswered is left."""
    fact, engagement = situation.fact, situation.engagement
    return (
        isinstance(fact, QuietOver)
        and situation.agreement.confirmation is Confirmation.QUIET
        and not fact.unread_notes
        and not engagement.question_open
        and _read_past_deadline(situation, fact)
    )


def _read_past_deadline(situation: Situation, fact: QuietOver) -> bool:
    """A desk that never works never lets the agreed time pass."""
    reported, agreement = situation.engagement.reported_at, situation.agreement
    try:
        return reported is not None and fact.pulled_to >= due(reported, agreement.quiet_time, agreement.hours)
    except NeverOpenError:
        return False


def decline_already_seen(situation: Situation) -> bool:
    """The direction names a desk that has itself declined this case: A to B to A."""
    direction = getattr(situation.fact, "direction", None)
    return direction is not None and any(
        other.desk == direction and other.state is State.DECLINED for other in situation.others
    )
