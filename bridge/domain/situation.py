"""What a decision looks at, and the questions that the table of transitions asks about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from bridge.domain.agreement import Agreement, Confirmation
from bridge.domain.engagement import Engagement, Standing
from bridge.domain.facts import Bounced, Delivered, Engage, Fact, MessageKind, QuietOver, RaiserAnswered, Report


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
    return not report.ordered or (last is not None and report.at <= last)


def never_attempted(situation: Situation) -> bool:
    """The open message has not left, so nobody needs to be told that it is void."""
    return situation.engagement.standing in {Standing.NONE, Standing.PENDING, Standing.FAILED}


def delivery_unknown(situation: Situation) -> bool:
    """The desk may have the open message, or may not."""
    return situation.engagement.standing is Standing.UNKNOWN


def confirmed_by_desk(situation: Situation) -> bool:
    """The desk's word is enough."""
    return situation.agreement.confirmation is Confirmation.DESK


def confirmed_by_raiser(situation: Situation) -> bool:
    """Only who raised the case can accept."""
    return situation.agreement.confirmation is Confirmation.RAISER


def engaged_by_route(situation: Situation) -> bool:
    """A route, not a person, asks for the engagement."""
    return isinstance(situation.fact, Engage) and situation.fact.automatic


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
    return isinstance(fact, Delivered) and 0 < awaited <= fact.ordinal


def withdraw_waits_for_open(situation: Situation) -> bool:
    """A withdrawal waits to know whether the open message arrived, and this settles it."""
    fact = situation.fact
    return bool(situation.engagement.withdraw_wanted) and getattr(fact, "message", None) is MessageKind.OPEN


def nobody_left(situation: Situation) -> bool:
    """Every required recipient refused for good."""
    return isinstance(situation.fact, Bounced) and situation.fact.permanent and not situation.fact.some_left


def undeliverable(situation: Situation) -> bool:
    """The engagement is flagged: its messages reach nobody."""
    return situation.engagement.undeliverable


def quiet_holds(situation: Situation) -> bool:
    """Time without objection ended, ServiceNow was read past the deadline, and nothing unread or unanswered is left."""
    fact, engagement = situation.fact, situation.engagement
    return (
        isinstance(fact, QuietOver)
        and situation.agreement.confirmation is Confirmation.QUIET
        and not fact.unread_notes
        and not engagement.question_open
    )


def decline_already_seen(situation: Situation) -> bool:
    """The direction names a desk that has itself declined this case: A to B to A."""
    direction = getattr(situation.fact, "direction", None)
    return direction is not None and any(
        other.desk == direction and other.state.value == "declined" for other in situation.others
    )
