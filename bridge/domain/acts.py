"""What a transition does, in small pieces that the table puts together.

Each act takes the situation and the engagement as changed so far, and gives the engagement changed further and the
effects it asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

from bridge.domain.effects import Alert, CancelUnsent, Effect, NewRound, Note, PushReport, Quarantine, Send, SendAgain
from bridge.domain.engagement import Engagement
from bridge.domain.facts import (
    Bounced,
    CaseGone,
    CaseReopened,
    Confirm,
    Delivered,
    DeliveryFailed,
    Engage,
    FieldsChanged,
    FilesAdded,
    MessageKind,
    NeverArrived,
    Override,
    RaiserAnswered,
    Reject,
    Report,
    Tell,
    Withdraw,
)
from bridge.domain.situation import Situation

LONGEST_WAIT = timedelta(days=31)
"""So long a desk is not asked because it has named a date."""

Done: TypeAlias = tuple[Engagement, tuple[Effect, ...]]
Act: TypeAlias = Callable[[Situation, Engagement], Done]


def _fact_text(situation: Situation) -> str:
    """The words a person gave with the fact, or with the withdrawal that it lets through."""
    match situation.fact:
        case Tell(text=text) | Report(text=text) | RaiserAnswered(text=text) | FilesAdded(text=text):
            return text
        case Reject(reason=reason) | Withdraw(reason=reason) | Override(reason=reason):
            return reason
        case CaseReopened(by=by):
            return f"The case was put back to work by {by}."
        case Delivered() | NeverArrived():
            return situation.engagement.withdraw_wanted
        case _:
            return ""


def _by(situation: Situation) -> str:
    match situation.fact:
        case (
            Engage(by=by)
            | Tell(by=by)
            | Confirm(by=by)
            | Reject(by=by)
            | Withdraw(by=by)
            | Override(by=by)
            | RaiserAnswered(by=by)
            | CaseReopened(by=by)
        ):
            return by
        case _:
            return ""


def learn(situation: Situation, engagement: Engagement) -> Done:
    """The desk's own reference, and that the message is there."""
    fact = situation.fact
    if not isinstance(fact, Report):
        return engagement, ()
    return (
        replace(
            engagement,
            desk_reference=fact.desk_reference or engagement.desk_reference,
            desk_record=fact.desk_record or engagement.desk_record,
            desk_link=fact.desk_link or engagement.desk_link,
            received_at=engagement.received_at or fact.at,
        ),
        (),
    )


def acknowledge(situation: Situation, engagement: Engagement) -> Done:
    """Somebody at the desk has taken it: chases end, except after a date that the desk has named."""
    fact = situation.fact
    at = fact.at if isinstance(fact, Report) else situation.now
    return (
        replace(
            engagement,
            acknowledged_at=engagement.acknowledged_at or at,
            next_chase_at=engagement.waiting_until,
            question_open=False,
        ),
        (),
    )


def wait_until(situation: Situation, engagement: Engagement) -> Done:
    """A date the desk waits for is remembered, and asked about when it has passed: a far one after a month.

    A year that somebody mistyped must not silence a case.
    """
    until = situation.fact.until if isinstance(situation.fact, Report) else None
    latest = until and min(until, situation.now + LONGEST_WAIT)
    return replace(engagement, waiting_until=latest, next_chase_at=latest), ()


def ask(_: Situation, engagement: Engagement) -> Done:
    """The desk waits for us: it owes nothing meanwhile, and what answered an earlier question does not answer this."""
    return replace(engagement, answer_ordinal=0, waiting_until=None, next_chase_at=None), ()


def worked_around(situation: Situation, engagement: Engagement) -> Done:
    """The time of the workaround, which meets the service level (LLSD 1.4, 6.7) and leaves the case open."""
    at = situation.fact.at if isinstance(situation.fact, Report) else situation.now
    return replace(engagement, workaround_at=engagement.workaround_at or at), ()


def report_resolution(situation: Situation, engagement: Engagement) -> Done:
    """The outside resolution, and when `quiet` starts."""
    fact = situation.fact
    text = fact.text if isinstance(fact, Report) else ""
    return (
        replace(
            engagement,
            reported_at=situation.now,
            resolution=text,
            resolution_note="",
            resolution_note_on=None,
            resolution_note_mod=0,
            waiting_until=None,
            next_chase_at=None,
            question_open=False,
            answer_ordinal=0,
        ),
        (),
    )


def take_back_resolution(_: Situation, engagement: Engagement) -> Done:
    """The resolution no longer stands."""
    return replace(
        engagement, reported_at=None, resolution="", resolution_note="", resolution_note_on=None, resolution_note_mod=0
    ), ()


def push(situation: Situation, engagement: Engagement) -> Done:
    """What the agreement says for this report happens in ServiceNow."""
    if not isinstance(situation.fact, Report):
        return engagement, ()
    return engagement, (PushReport(situation.fact),)


def end(situation: Situation, engagement: Engagement) -> Done:
    """The round is over."""
    return replace(engagement, ended_at=situation.now, next_chase_at=None, withdraw_wanted=""), ()


def remember_direction(situation: Situation, engagement: Engagement) -> Done:
    """Where the desk says the case belongs."""
    direction = situation.fact.direction if isinstance(situation.fact, Report) else None
    return replace(engagement, direction=direction), ()


def propose_successor(situation: Situation, engagement: Engagement) -> Done:
    """The direction is proposed to the resolvers, never followed by itself (Approach 0.7, section 2 (c)(a))."""
    if engagement.direction is None:
        return engagement, (Note("declined_plain", {"desk": engagement.desk, "reason": _fact_text(situation)}),)
    values = {"desk": engagement.desk, "direction": engagement.direction, "reason": _fact_text(situation)}
    return engagement, (Note("declined_direction", values),)


def show_decline_loop(situation: Situation, engagement: Engagement) -> Done:
    """A sends to B and B to A: both declines side by side, and a person decides."""
    mine = f"{engagement.desk}: {_fact_text(situation) or 'no reason given'}"
    theirs = next(
        (other for other in situation.others if other.desk == engagement.direction and other.state.value == "declined"),
        None,
    )
    other = f"{theirs.desk}: {theirs.resolution or 'no reason given'}" if theirs else ""
    return engagement, (
        Note(
            "decline_loop",
            {"desk": engagement.desk, "direction": engagement.direction or "", "reason": mine, "other_reason": other},
        ),
        Alert("decline_loop", f"{engagement.desk} and {engagement.direction} each name the other"),
    )


def remember_decline(situation: Situation, engagement: Engagement) -> Done:
    """The desk's reason, shown beside another desk's when the two name each other."""
    return replace(
        engagement,
        resolution=_fact_text(situation),
        reported_at=None,
        resolution_note="",
        resolution_note_on=None,
        resolution_note_mod=0,
    ), ()


def send(message: MessageKind) -> Act:
    """A message to the desk, with the words that came with the fact, unless they are the desk's own."""

    def act(situation: Situation, engagement: Engagement) -> Done:
        changes = situation.fact.changes if isinstance(situation.fact, FieldsChanged) else ()
        text = "" if isinstance(situation.fact, Report) else _fact_text(situation)
        files = situation.fact.files if isinstance(situation.fact, FilesAdded) else ()
        return engagement, (Send(message, text, changes, files),)

    act.__name__ = f"send_{message.value}"
    return act


def send_again(_: Situation, engagement: Engagement) -> Done:
    """The dead letter is superseded, and whatever waits behind it still comes after it."""
    return engagement, (SendAgain(),)


def answer_question(_: Situation, engagement: Engagement) -> Done:
    """The message just decided answers the desk's question; its delivery, or a later one's, ends the wait."""
    return replace(engagement, answer_ordinal=engagement.answer_ordinal or engagement.next_ordinal), ()


def question_answered(_: Situation, engagement: Engagement) -> Done:
    """The answer arrived: the desk's clock runs again."""
    return replace(engagement, answer_ordinal=0), ()


def suspend_quiet(_: Situation, engagement: Engagement) -> Done:
    """A text of ours waits for the desk's answer; silence meanwhile is no consent."""
    return replace(engagement, question_open=True), ()


def cancel_unsent(_: Situation, engagement: Engagement) -> Done:
    """What never left is not sent."""
    return engagement, (CancelUnsent(),)


def want_withdraw(situation: Situation, engagement: Engagement) -> Done:
    """The withdrawal waits until it is known whether the open message arrived."""
    return replace(engagement, withdraw_wanted=_fact_text(situation) or "withdrawn"), ()


def send_wanted_withdraw(_: Situation, engagement: Engagement) -> Done:
    """The open message arrived after all: the desk is told that it is void."""
    return engagement, (Send(MessageKind.WITHDRAW, engagement.withdraw_wanted),)


def accept_decline(situation: Situation, engagement: Engagement) -> Done:
    """A resolver decides that the decline stands and nobody succeeds."""
    by = _by(situation) or "a resolver"
    return (
        replace(engagement, decline_accepted_by=by),
        (Note("decline_accepted", {"desk": engagement.desk, "by": by}),),
    )


def remember_refusals(situation: Situation, engagement: Engagement) -> Done:
    """Who refused for good, so that the last of several recipients is noticed."""
    fact = situation.fact
    if not isinstance(fact, Bounced) or not fact.permanent:
        return engagement, ()
    return replace(engagement, refused_by=tuple(sorted({*engagement.refused_by, *fact.recipients}))), ()


def flag_undeliverable(_: Situation, engagement: Engagement) -> Done:
    """Blocks and alerts; the state of the work is not touched."""
    return replace(engagement, undeliverable=True), ()


def clear_undeliverable(_: Situation, engagement: Engagement) -> Done:
    """The desk can be reached again."""
    return replace(engagement, undeliverable=False, refused_by=()), ()


def dispute_decline(_: Situation, engagement: Engagement) -> Done:
    """The newer decision counts: a decline that was accepted before is accepted no longer."""
    return replace(engagement, decline_accepted_by=""), ()


def chased(situation: Situation, engagement: Engagement) -> Done:
    """One chase more; the next one is due after the agreed time."""
    every = situation.agreement.chase_every
    again = situation.now + every if every else None
    return replace(engagement, chases=engagement.chases + 1, next_chase_at=again, waiting_until=None), ()


def start_chasing(situation: Situation, engagement: Engagement) -> Done:
    """The agreed time between chases begins now."""
    every = situation.agreement.chase_every
    return replace(engagement, next_chase_at=situation.now + every if every else None), ()


def stop_chasing(_: Situation, engagement: Engagement) -> Done:
    """Nothing is owed, so the clock need not ask again."""
    return replace(engagement, next_chase_at=None), ()


def new_round(situation: Situation, engagement: Engagement) -> Done:
    """The same desk again, under a reference of its own."""
    return engagement, (NewRound(_by(situation)),)


def note(name: str) -> Act:
    """A work note with what is known of the fact."""

    def act(situation: Situation, engagement: Engagement) -> Done:
        values = {
            "desk": engagement.desk,
            "desk_reference": engagement.desk_reference,
            "round": str(engagement.round),
            "by": _by(situation),
            "reason": _fact_text(situation),
            "text": _fact_text(situation),
        }
        fact = situation.fact
        if isinstance(fact, Report):
            values["report"] = fact.kind.value
            values["suggests"] = fact.suggests.value if fact.suggests else ""
        if isinstance(fact, Bounced):
            values["recipients"] = ", ".join(fact.recipients)
        if isinstance(fact, DeliveryFailed):
            values["message"], values["reason"] = fact.message.value, fact.why
        if isinstance(fact, Bounced):
            values["message"] = fact.message.value
        return engagement, (Note(name, values),)

    act.__name__ = f"note_{name}"
    return act


def suggest(situation: Situation, engagement: Engagement) -> Done:
    """Free text that reads like a status is shown to the resolver, who decides."""
    fact = situation.fact
    if not isinstance(fact, Report) or fact.suggests is None:
        return engagement, ()
    return note("suggestion")(situation, engagement)


def alert(code: str) -> Act:
    """An alarm."""

    def act(situation: Situation, engagement: Engagement) -> Done:
        fact = situation.fact
        detail = ""
        match fact:
            case DeliveryFailed(message=message, why=why):
                detail = f" ({message.value}: {why})"
            case Bounced(recipients=recipients):
                detail = f" ({', '.join(recipients)})"
            case CaseGone(why=gone, seen=seen):
                detail = f" ({gone.value}: {seen})"
            case _:
                detail = ""
        text = f"{code.replace('_', ' ')}: {engagement.case_number}, {engagement.desk}{detail}"
        return engagement, (Alert(code, text),)

    act.__name__ = f"alert_{code}"
    return act


def quarantine(why: str) -> Act:
    """The item waits for a person."""

    def act(_: Situation, engagement: Engagement) -> Done:
        return engagement, (
            Quarantine(why),
            Alert("quarantined", f"{engagement.case_number}, {engagement.desk}: {why}"),
        )

    act.__name__ = "quarantine"
    return act
