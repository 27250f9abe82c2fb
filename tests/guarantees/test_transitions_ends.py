"""The life of an engagement: the pairs that others get wrong, one sentence each: how a round ends."""

import pytest

from bridge.domain import facts as f
from bridge.domain.effects import NewRound, PushReport, Quarantine
from bridge.domain.engagement import State
from bridge.domain.facts import MessageKind
from bridge.domain.hold import Answer, verdict
from bridge.domain.ids import DeskName
from tests.unit.domain.samples import (
    ENDED,
    NOW,
    QUIET_TIME,
    STARTED,
    after,
    agreement,
    alerts,
    asks,
    at,
    engagement,
    notes,
    report,
    sent,
    taken,
    the_note,
    the_send,
)

OPEN_STATES = (State.INCOMPLETE, *STARTED)
DCC_ADDRESS = "desk@dcc.example"


# ── resolution reported ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "kind, state",
    [
        ("progress", State.IN_PROGRESS),
        ("workaround", State.IN_PROGRESS),
        ("question", State.AWAITING_INFORMATION),
        ("declined", State.DECLINED),
    ],
)
def test_the_desk_takes_its_resolution_back_with_a_newer_report(kind, state):
    decision = taken(engagement(State.RESOLUTION_REPORTED), report(kind, 3))
    stands = decision.engagement
    assert (stands.state, stands.reported_at, stands.resolution_note) == (state, None, "")
    assert asks(decision, PushReport)


@pytest.mark.parametrize("kind", ["progress", "workaround", "question", "declined"])
@pytest.mark.parametrize("hours, ordered", [(2, True), (3, False), (1, False)])
def test_without_a_certain_order_what_takes_a_resolution_back_goes_to_quarantine(kind, hours, ordered):
    before = engagement(State.RESOLUTION_REPORTED)
    decision = taken(before, report(kind, hours, ordered=ordered))
    assert decision.engagement.state is State.RESOLUTION_REPORTED
    assert decision.engagement.resolution == before.resolution
    assert asks(decision, Quarantine)


@pytest.mark.parametrize("kind", ["progress", "workaround", "question", "declined"])
def test_after_a_resolution_without_a_certain_time_nothing_is_certainly_newer(kind):
    reported = after(engagement(), report("resolved", 5, ordered=False))
    assert asks(taken(reported, report(kind, 6)), Quarantine)


def test_what_waits_in_quarantine_orders_nothing():
    reported = after(engagement(), report("resolved", 5, ordered=False), report("progress", 6))
    assert asks(taken(reported, report("progress", 7)), Quarantine)


def test_resolved_again_replaces_the_text_and_starts_quiet_again():
    before = engagement(State.RESOLUTION_REPORTED, question_open=True)
    stands = taken(before, report("resolved", 9, text="really")).engagement
    assert (stands.state, stands.resolution, stands.reported_at) == (State.RESOLUTION_REPORTED, "really", NOW)
    assert (stands.resolution_note, stands.question_open) == ("", False)


def test_a_text_to_the_desk_suspends_quiet():
    told = taken(engagement(State.RESOLUTION_REPORTED), f.Tell("a person", "sure?"), "quiet")
    assert sent(told) == [MessageKind.TEXT]
    assert told.engagement.question_open
    silent = taken(told.engagement, f.QuietOver(NOW, unread_notes=False), "quiet")
    assert silent.engagement.state is State.RESOLUTION_REPORTED


@pytest.mark.parametrize(
    "fact, reason",
    [
        (f.Reject("a person", "still broken"), "still broken"),
        (f.CaseReopened("a person"), "The case was put back to work by a person."),
        (f.RaiserAnswered("the raiser", accepted=False, text="it is not"), "it is not"),
    ],
)
def test_a_resolution_that_is_not_accepted_is_work_again_and_the_reason_goes_to_the_desk(fact, reason):
    decision = taken(engagement(State.RESOLUTION_REPORTED), fact, "raiser")
    assert decision.engagement.state is State.IN_PROGRESS
    assert decision.engagement.resolution == ""
    assert (the_send(decision).message, the_send(decision).text) == (MessageKind.REJECT, reason)


def test_a_reject_that_became_a_dead_letter_moves_nothing_and_alerts():
    rejected = after(engagement(State.RESOLUTION_REPORTED), f.Reject("a person", "still broken"))
    decision = taken(rejected, f.DeliveryFailed(MessageKind.REJECT, "no such user"))
    assert decision.engagement == rejected
    assert alerts(decision) == ["dead_letter"]


def test_quiet_confirms_after_a_pull_past_the_deadline_without_unread_notes():
    reported = engagement(State.RESOLUTION_REPORTED)
    decision = taken(reported, f.QuietOver(at(2) + QUIET_TIME, unread_notes=False), "quiet")
    assert decision.engagement.state is State.CONFIRMED
    assert sent(decision) == [MessageKind.ACCEPT]


@pytest.mark.parametrize("confirmation", ["desk", "elexon", "raiser"])
def test_silence_confirms_nothing_where_it_was_not_agreed(confirmation):
    reported = engagement(State.RESOLUTION_REPORTED)
    decision = taken(reported, f.QuietOver(at(9), unread_notes=False), confirmation)
    assert decision.engagement.state is State.RESOLUTION_REPORTED


@pytest.mark.parametrize(
    "hours, unread, question",
    [(4.9, False, False), (9, True, False), (9, False, True)],
    ids=["early", "unread", "open"],
)
def test_silence_is_no_consent_before_the_deadline_was_read_or_with_something_unread_or_open(hours, unread, question):
    reported = engagement(State.RESOLUTION_REPORTED, question_open=question)
    decision = taken(reported, f.QuietOver(at(hours), unread_notes=unread), "quiet")
    assert decision.engagement.state is State.RESOLUTION_REPORTED


# ── over ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fact",
    [
        f.Reject("a person", "it is back"),
        f.CaseReopened("a person"),
        f.RaiserAnswered("the raiser", accepted=False),
        report("progress", 9),
        report("question", 9),
        report("workaround", 9),
    ],
)
def test_after_confirmation_a_new_round_is_proposed_and_not_opened(fact):
    confirmed = engagement(State.CONFIRMED)
    decision = taken(confirmed, fact)
    assert decision.engagement == confirmed
    assert notes(decision) == ["round_proposed"]
    assert not asks(decision, NewRound)


@pytest.mark.parametrize("state", [State.CONFIRMED, State.WITHDRAWN])
@pytest.mark.parametrize(
    "kind", ["acknowledged", "progress", "question", "workaround", "resolved", "declined", "comment"]
)
def test_a_late_report_after_the_end_is_filed_and_flagged(state, kind):
    over = engagement(state)
    decision = taken(over, report(kind, 2.5))
    assert decision.engagement == over
    assert (notes(decision), alerts(decision)) == (["late_report"], ["late_report"])


def test_an_uncertain_time_does_not_make_a_desk_reopen():
    assert notes(taken(engagement(State.CONFIRMED), report("progress", 9, ordered=False))) == ["late_report"]


def test_a_decline_keeps_the_hold_and_proposes_its_direction_without_sending():
    decision = taken(engagement(), report("declined", direction=DeskName("ldso"), text="not ours"))
    assert decision.engagement.state is State.DECLINED
    assert sent(decision) == []
    assert the_note(decision, "declined_direction").values["direction"] == "ldso"
    assert verdict([decision.engagement], lambda _: agreement()).answer is Answer.KEEP_OPEN


@pytest.mark.parametrize("state", STARTED)
def test_a_to_b_to_a_stops_with_both_declines_side_by_side(state):
    ldso = engagement(State.DECLINED, "ldso", direction=DeskName("dcc"), resolution="ask DCC")
    decision = taken(
        engagement(state), report("declined", direction=DeskName("ldso"), text="ask the LDSO"), others=[ldso]
    )
    values = the_note(decision, "decline_loop").values
    assert (values["reason"], values["other_reason"]) == ("dcc: ask the LDSO", "ldso: ask DCC")
    assert alerts(decision) == ["decline_loop"]
    assert not asks(decision, NewRound)
    assert "declined_direction" not in notes(decision)


def test_engaging_a_desk_that_declined_opens_a_new_round():
    decision = taken(engagement(State.DECLINED), f.Engage("a person"))
    assert asks(decision, NewRound)


@pytest.mark.parametrize("kind", ["acknowledged", "progress", "question", "workaround", "resolved"])
def test_a_desk_that_declined_and_accepts_after_all_goes_to_quarantine(kind):
    declined = engagement(State.DECLINED)
    decision = taken(declined, report(kind))
    assert decision.engagement == declined
    assert asks(decision, Quarantine)
    assert not asks(decision, NewRound)


def test_a_disputed_decline_is_told_to_both_sides_and_accepted_no_longer():
    declined = engagement(State.DECLINED, decline_accepted_by="another person")
    decision = taken(declined, f.Reject("a person", "it is yours"))
    assert (the_send(decision).message, the_send(decision).text) == (MessageKind.REJECT, "it is yours")
    assert (notes(decision), alerts(decision)) == (["decline_disputed"], ["decline_disputed"])
    assert decision.engagement.decline_accepted_by == ""


@pytest.mark.parametrize(
    "fact", [f.DeliveryFailed(MessageKind.WITHDRAW, "no such user"), f.Bounced(MessageKind.WITHDRAW, (DCC_ADDRESS,))]
)
def test_a_withdrawal_that_did_not_arrive_stays_withdrawn_and_alerts(fact):
    withdrawn = engagement(State.WITHDRAWN)
    decision = taken(withdrawn, fact)
    assert decision.engagement == withdrawn
    assert alerts(decision) == ["withdraw_undelivered"]


# ── the case ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", State)
def test_an_early_resolution_is_the_holds_matter_and_moves_no_engagement(state):
    decision = taken(engagement(state), f.CaseResolvedEarly("a person"))
    assert (decision.engagement, decision.effects) == (engagement(state), ())


@pytest.mark.parametrize("state", OPEN_STATES)
def test_a_cancelled_case_proposes_a_withdrawal_and_does_not_withdraw(state):
    decision = taken(engagement(state), f.CaseCancelled("a person"))
    assert decision.engagement.state is state
    assert (notes(decision), sent(decision)) == (["case_cancelled_propose_withdraw"], [])


@pytest.mark.parametrize("state", OPEN_STATES)
@pytest.mark.parametrize("why", f.Gone)
def test_a_case_that_is_gone_is_shown_to_a_person_with_what_was_seen(state, why):
    decision = taken(engagement(state), f.CaseGone(why, "what was seen"))
    assert decision.engagement.state is state
    (alert,) = decision.effects
    assert alert.code == "case_gone"
    assert "what was seen" in alert.text
    assert why.value in alert.text


@pytest.mark.parametrize("state", STARTED)
def test_a_changed_field_is_told_to_the_desk(state):
    changes = (("priority", "3 - Moderate", "1 - Critical"),)
    decision = taken(engagement(state), f.FieldsChanged(changes))
    assert (the_send(decision).message, the_send(decision).changes) == (MessageKind.UPDATE, changes)
    assert decision.engagement.state is state


@pytest.mark.parametrize("state", [State.INCOMPLETE, *ENDED])
def test_a_changed_field_is_not_told_before_the_beginning_or_after_the_end(state):
    assert sent(taken(engagement(state), f.FieldsChanged((("priority", "3", "1"),)))) == []


@pytest.mark.parametrize("state", State)
def test_a_duplicate_changes_nothing_and_is_recorded(state):
    decision = taken(engagement(state), f.Duplicate())
    assert (decision.engagement, decision.effects) == (engagement(state), ())
    assert decision.reason
