"""The life of an engagement: the pairs that others get wrong, one sentence each: while the work goes on."""

import pytest

from bridge.domain import facts as f
from bridge.domain.effects import CancelUnsent
from bridge.domain.engagement import Standing, State
from bridge.domain.facts import MessageKind
from bridge.domain.hold import Answer, verdict
from tests.unit.domain.samples import (
    CHASE_EVERY,
    NOW,
    STARTED,
    TAKEN,
    WORKING,
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


# ── incomplete ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fact", [f.Completed(), f.Override("a person", "urgent")])
def test_incomplete_opens_when_the_contents_are_complete_or_a_person_overrides(fact):
    decision = taken(engagement(State.INCOMPLETE), fact)
    assert decision.engagement.state is State.OPEN
    assert sent(decision) == [MessageKind.OPEN]
    assert decision.engagement.next_chase_at == NOW + CHASE_EVERY


# ── withdrawing an open engagement ────────────────────────────────────────────────────────────────────────────────


def test_withdrawing_what_was_never_attempted_cancels_the_row_and_sends_nothing():
    decision = taken(engagement(standing=Standing.PENDING), f.Withdraw("a person", "not needed"))
    assert decision.engagement.state is State.WITHDRAWN
    assert asks(decision, CancelUnsent)
    assert sent(decision) == []


def test_withdrawing_while_the_delivery_is_unknown_waits_for_its_settlement():
    decision = taken(engagement(standing=Standing.UNKNOWN), f.Withdraw("a person", "not needed"))
    assert decision.engagement.state is State.OPEN
    assert decision.engagement.withdraw_wanted == "not needed"
    assert sent(decision) == []


def test_a_waiting_withdrawal_is_sent_when_the_open_message_turns_out_to_have_arrived():
    waiting = engagement(standing=Standing.UNKNOWN, withdraw_wanted="not needed")
    decision = taken(waiting, f.Delivered(MessageKind.OPEN, 1))
    assert decision.engagement.state is State.WITHDRAWN
    assert (the_send(decision).message, the_send(decision).text) == (MessageKind.WITHDRAW, "not needed")
    assert the_note(decision, "withdrawn").values["reason"] == "not needed"


def test_a_waiting_withdrawal_needs_no_message_when_the_open_message_never_arrived():
    waiting = engagement(standing=Standing.UNKNOWN, withdraw_wanted="not needed")
    decision = taken(waiting, f.NeverArrived(MessageKind.OPEN))
    assert decision.engagement.state is State.WITHDRAWN
    assert asks(decision, CancelUnsent)
    assert sent(decision) == []


@pytest.mark.parametrize("standing", [Standing.PENDING, Standing.UNKNOWN])
def test_a_report_proves_that_the_open_message_is_there_so_a_withdrawal_is_told_to_the_desk(standing):
    heard = after(engagement(standing=standing), report("received", 1))
    assert sent(taken(heard, f.Withdraw("a person", "not needed"))) == [MessageKind.WITHDRAW]


# ── reports while the work goes on ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("standing", [Standing.PENDING, Standing.UNKNOWN])
@pytest.mark.parametrize(
    "kind, state",
    [
        ("acknowledged", State.ACKNOWLEDGED),
        ("progress", State.IN_PROGRESS),
        ("question", State.AWAITING_INFORMATION),
        ("resolved", State.RESOLUTION_REPORTED),
        ("declined", State.DECLINED),
    ],
)
def test_any_report_is_applied_although_the_delivery_is_not_settled(standing, kind, state):
    decision = taken(engagement(standing=standing), report(kind))
    assert decision.engagement.state is state
    assert decision.engagement.received_at == at(9)


@pytest.mark.parametrize("state", STARTED)
@pytest.mark.parametrize("kind", ["received", "acknowledged", "comment"])
def test_an_automatic_acknowledgement_is_noted_and_acknowledges_nothing(state, kind):
    before = engagement(state, next_chase_at=at(12), received_at=None, acknowledged_at=None)
    decision = taken(before, report(kind, automatic=True, desk_reference="INC7"))
    stands = decision.engagement
    assert stands.state is state
    assert (stands.received_at, stands.desk_reference) == (at(9), "INC7")
    assert (stands.acknowledged_at, stands.next_chase_at) == (None, at(12))


def test_chases_go_on_after_an_automatic_acknowledgement():
    received = after(engagement(next_chase_at=at(9.5)), report("acknowledged", 9, automatic=True))
    assert sent(taken(received, f.ChaseDue())) == [MessageKind.CHASE]


@pytest.mark.parametrize(
    "kind, state",
    [
        ("progress", State.IN_PROGRESS),
        ("question", State.AWAITING_INFORMATION),
        ("resolved", State.RESOLUTION_REPORTED),
    ],
)
def test_an_open_engagement_needs_no_acknowledgement_before_it_goes_on(kind, state):
    decision = taken(engagement(next_chase_at=at(12)), report(kind))
    assert decision.engagement.state is state
    assert decision.engagement.acknowledged_at == at(9)
    assert decision.engagement.next_chase_at is None


@pytest.mark.parametrize("state", STARTED)
def test_a_workaround_meets_the_target_with_its_time_and_leaves_the_case_open(state):
    decision = taken(engagement(state), report("workaround", 9))
    assert decision.engagement.state is State.IN_PROGRESS
    assert decision.engagement.workaround_at == at(9)
    assert verdict([decision.engagement], lambda _: agreement()).answer is Answer.KEEP_OPEN


@pytest.mark.parametrize("state", STARTED)
def test_progress_with_a_date_is_work_whose_date_is_remembered_and_chased_after(state):
    waits = taken(engagement(state), report("progress", 9, until=at(200))).engagement
    assert (waits.state, waits.waiting_until, waits.next_chase_at) == (State.IN_PROGRESS, at(200), at(200))
    chased = taken(waits, f.ChaseDue(), now=at(201))
    assert sent(chased) == [MessageKind.CHASE]
    assert chased.engagement.next_chase_at == at(201) + CHASE_EVERY


@pytest.mark.parametrize("kind", ["acknowledged", "comment", "workaround"])
def test_a_date_that_the_desk_named_is_still_chased_after_a_report_that_names_none(kind):
    waits = after(engagement(), report("progress", 8, until=at(200)))
    assert taken(waits, report(kind, 9)).engagement.next_chase_at == at(200)


# ── what cannot be delivered ──────────────────────────────────────────────────────────────────────────────────────


def test_one_of_several_recipients_refusing_is_flagged_and_not_undeliverable():
    decision = taken(engagement(), f.Bounced(MessageKind.OPEN, (DCC_ADDRESS,), some_left=True))
    assert (decision.engagement.state, decision.engagement.undeliverable) == (State.OPEN, False)
    assert (notes(decision), alerts(decision)) == (["bounced"], ["bounced"])


def test_every_required_recipient_refusing_is_undeliverable():
    decision = taken(engagement(), f.Bounced(MessageKind.OPEN, (DCC_ADDRESS,)))
    assert (decision.engagement.state, decision.engagement.undeliverable) == (State.OPEN, True)
    assert (notes(decision), alerts(decision)) == (["undeliverable"], ["undeliverable"])


def test_recipients_that_refused_for_good_are_remembered_over_several_bounces():
    first = f.Bounced(MessageKind.OPEN, ("b@dcc.example",), some_left=True)
    passing = f.Bounced(MessageKind.OPEN, ("c@dcc.example",), permanent=False, some_left=True)
    last = f.Bounced(MessageKind.OPEN, ("a@dcc.example",))
    stands = after(engagement(), first, passing, last)
    assert stands.refused_by == ("a@dcc.example", "b@dcc.example")
    assert stands.undeliverable


def test_a_passing_refusal_is_not_undeliverable():
    decision = taken(engagement(), f.Bounced(MessageKind.OPEN, (DCC_ADDRESS,), permanent=False))
    assert not decision.engagement.undeliverable


@pytest.mark.parametrize("state", TAKEN)
def test_a_late_bounce_fails_that_message_and_leaves_the_state(state):
    decision = taken(engagement(state), f.Bounced(MessageKind.TEXT, (DCC_ADDRESS,)))
    assert (decision.engagement.state, decision.engagement.undeliverable) == (state, False)
    assert alerts(decision) == ["bounced"]


def test_a_corrected_address_supersedes_the_delivery_and_clears_the_flag():
    unreached = engagement(undeliverable=True, refused_by=(DCC_ADDRESS,))
    decision = taken(unreached, f.AddressCorrected())
    assert sent(decision) == [MessageKind.OPEN]
    assert (decision.engagement.undeliverable, decision.engagement.refused_by) == (False, ())


def test_an_open_message_that_became_a_dead_letter_goes_out_again_to_the_corrected_address():
    dead = taken(engagement(), f.DeliveryFailed(MessageKind.OPEN, "no such user"))
    assert (dead.engagement.state, dead.engagement.undeliverable) == (State.OPEN, True)
    assert alerts(dead) == ["dead_letter"]
    assert sent(taken(dead.engagement, f.AddressCorrected())) == [MessageKind.OPEN]


def test_a_corrected_address_repeats_nothing_that_has_arrived():
    assert sent(taken(engagement(), f.AddressCorrected())) == []


@pytest.mark.parametrize("kind", f.ReportKind)
def test_any_report_is_applied_and_clears_the_flag(kind):
    assert not taken(engagement(undeliverable=True), report(kind)).engagement.undeliverable


# ── awaiting information ──────────────────────────────────────────────────────────────────────────────────────────


def test_our_answer_ends_the_wait_when_it_is_delivered_and_not_before():
    asked = engagement(State.AWAITING_INFORMATION, next_ordinal=4)
    answered = taken(asked, f.Tell("a person", "meter 12"))
    assert sent(answered) == [MessageKind.TEXT]
    assert answered.engagement.state is State.AWAITING_INFORMATION
    delivered = taken(answered.engagement, f.Delivered(MessageKind.TEXT, 4))
    assert delivered.engagement.state is State.IN_PROGRESS


@pytest.mark.parametrize(
    "other",
    [
        f.Delivered(MessageKind.OPEN, 1),
        f.Delivered(MessageKind.TEXT, 3),
        f.Delivered(MessageKind.UPDATE, 5),
        f.DeliveryFailed(MessageKind.TEXT, "no such user"),
        f.NeverArrived(MessageKind.TEXT),
        f.FieldsChanged((("priority", "3", "1"),)),
    ],
)
def test_nothing_but_the_delivery_of_the_answer_ends_the_wait(other):
    answered = after(engagement(State.AWAITING_INFORMATION, next_ordinal=4), f.Tell("a person", "meter 12"))
    assert taken(answered, other).engagement.state is State.AWAITING_INFORMATION


def test_without_an_answer_no_delivery_ends_the_wait():
    asked = engagement(State.AWAITING_INFORMATION)
    assert taken(asked, f.Delivered(MessageKind.TEXT, 9)).engagement.state is State.AWAITING_INFORMATION


def test_the_first_of_two_answers_ends_the_wait():
    answers = (f.Tell("a person", "meter 12"), f.Tell("a person", "and 13"))
    answered = after(engagement(State.AWAITING_INFORMATION, next_ordinal=4), *answers)
    assert taken(answered, f.Delivered(MessageKind.TEXT, 4)).engagement.state is State.IN_PROGRESS


def test_an_answer_to_an_earlier_question_does_not_answer_the_next():
    answered = after(engagement(State.AWAITING_INFORMATION, next_ordinal=4), f.Tell("a person", "meter 12"))
    asked_again = after(answered, report("question", 9))
    assert taken(asked_again, f.Delivered(MessageKind.TEXT, 4)).engagement.state is State.AWAITING_INFORMATION


@pytest.mark.parametrize("kind, state", [("resolved", State.RESOLUTION_REPORTED), ("declined", State.DECLINED)])
def test_a_desk_that_waits_for_information_may_resolve_or_decline(kind, state):
    assert taken(engagement(State.AWAITING_INFORMATION), report(kind)).engagement.state is state


# ── older ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", TAKEN)
@pytest.mark.parametrize("kind", [kind for kind in f.ReportKind if kind is not f.ReportKind.RECEIVED])
@pytest.mark.parametrize("automatic", [True, False])
def test_an_older_report_is_filed_and_never_moves_the_state(state, kind, automatic):
    before = engagement(state, last_report_at=at(5))
    decision = taken(before, report(kind, 4, automatic=automatic))
    assert decision.engagement.state is state
    assert decision.engagement.last_report_at == at(5)
    acknowledges_by_machine = automatic and kind in {f.ReportKind.ACKNOWLEDGED, f.ReportKind.COMMENT}
    assert ("late_report" in notes(decision)) is not acknowledges_by_machine


def test_an_agreed_status_of_a_machine_orders_the_reports_after_it():
    resolved = after(engagement(), report("resolved", 5, automatic=True))
    late = taken(resolved, report("progress", 4))
    assert late.engagement.state is State.RESOLUTION_REPORTED
    assert notes(late) == ["late_report"]


def test_a_remark_does_not_make_an_earlier_status_late():
    remarked = after(engagement(), report("comment", 6))
    assert taken(remarked, report("resolved", 5)).engagement.state is State.RESOLUTION_REPORTED


@pytest.mark.parametrize("state", WORKING)
def test_a_report_without_a_certain_time_orders_nothing(state):
    before = engagement(state, last_report_at=at(1))
    assert taken(before, report("progress", 9, ordered=False)).engagement.last_report_at == at(1)
