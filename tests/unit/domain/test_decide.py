"""What a fact does to an engagement, beside the pairs that the page on its life names."""

import pytest

from bridge.domain import facts as f
from bridge.domain.agreement import WorkingHours
from bridge.domain.effects import CancelUnsent, NewRound, PushReport, Quarantine
from bridge.domain.engagement import Standing, State
from bridge.domain.facts import MessageKind
from bridge.domain.ids import DeskName
from tests.unit.domain.samples import (
    CHASE_EVERY,
    ENDED,
    NOW,
    STARTED,
    TAKEN,
    WORKING,
    after,
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

# ── reports ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_report_teaches_the_desks_reference_and_a_later_one_without_it_forgets_nothing():
    stands = after(engagement(), report("acknowledged", 8, desk_reference="INC7"), report("progress", 9))
    assert stands.desk_reference == "INC7"


def test_the_first_report_says_when_the_message_was_received_and_acknowledged():
    stands = after(engagement(), report("received", 7), report("acknowledged", 8), report("progress", 9))
    assert (stands.received_at, stands.acknowledged_at, stands.last_report_at) == (at(7), at(8), at(9))


def test_what_a_person_at_the_desk_writes_acknowledges_and_sets_no_status():
    decision = taken(engagement(next_chase_at=at(12)), report("comment", text="thank you"))
    assert decision.engagement.state is State.ACKNOWLEDGED
    assert decision.engagement.next_chase_at is None
    assert notes(decision) == []


@pytest.mark.parametrize("state", STARTED)
def test_free_text_that_reads_like_a_status_is_suggested_to_the_resolver(state):
    decision = taken(engagement(state), report("comment", suggests=f.ReportKind.RESOLVED, text="all fixed"))
    assert the_note(decision, "suggestion").values["suggests"] == "resolved"
    assert decision.engagement.state is not State.CONFIRMED
    assert decision.engagement.reported_at == engagement(state).reported_at


@pytest.mark.parametrize("state", [State.ACKNOWLEDGED, State.IN_PROGRESS, State.AWAITING_INFORMATION])
@pytest.mark.parametrize("kind", ["acknowledged", "comment"])
def test_an_acknowledgement_or_remark_takes_no_work_back(state, kind):
    decision = taken(engagement(state), report(kind))
    assert decision.engagement.state is state
    assert asks(decision, PushReport)


@pytest.mark.parametrize("state", WORKING)
def test_the_desks_word_confirms_where_it_was_agreed(state):
    decision = taken(engagement(state), report("resolved", text="cleared"), "desk")
    assert (decision.engagement.state, decision.engagement.resolution) == (State.CONFIRMED, "cleared")
    assert (the_send(decision).message, the_send(decision).text) == (MessageKind.ACCEPT, "")
    assert notes(decision) == ["confirmed"]


@pytest.mark.parametrize("confirmation", ["elexon", "raiser", "quiet"])
@pytest.mark.parametrize("state", WORKING)
def test_the_desks_word_alone_confirms_nothing_elsewhere(state, confirmation):
    decision = taken(engagement(state), report("resolved", text="cleared"), confirmation)
    stands = decision.engagement
    assert (stands.state, stands.reported_at, stands.resolution) == (State.RESOLUTION_REPORTED, NOW, "cleared")
    assert sent(decision) == []


def test_a_resolution_reported_by_telephone_counts_like_one_by_mail():
    decision = taken(engagement(State.IN_PROGRESS), report("resolved", channel="telephone"))
    assert decision.engagement.state is State.RESOLUTION_REPORTED


def test_a_remark_after_the_resolution_suspends_quiet_until_somebody_decides():
    decision = taken(engagement(State.RESOLUTION_REPORTED), report("comment", text="wait"), "quiet")
    assert decision.engagement.question_open
    silent = taken(decision.engagement, f.QuietOver(NOW, unread_notes=False), "quiet")
    assert silent.engagement.state is State.RESOLUTION_REPORTED
    assert taken(decision.engagement, f.Confirm("a person"), "quiet").engagement.state is State.CONFIRMED


def test_a_decline_without_a_direction_is_told_plainly():
    decision = taken(engagement(), report("declined", text="not ours"))
    assert the_note(decision, "declined_plain").values["reason"] == "not ours"
    assert decision.engagement.resolution == "not ours"


@pytest.mark.parametrize("state", STARTED)
def test_a_decline_cancels_what_was_not_sent(state):
    assert asks(taken(engagement(state), report("declined")), CancelUnsent)


def test_a_direction_to_a_desk_that_is_still_at_work_is_no_loop():
    busy = engagement(State.IN_PROGRESS, "ldso", direction=DeskName("dcc"))
    decision = taken(engagement(), report("declined", direction=DeskName("ldso")), others=[busy])
    assert "decline_loop" not in notes(decision)


@pytest.mark.parametrize("kind", f.ReportKind)
def test_a_report_before_anything_was_sent_goes_to_quarantine(kind):
    decision = taken(engagement(State.INCOMPLETE), report(kind))
    assert asks(decision, Quarantine)
    assert decision.engagement.state is State.INCOMPLETE


@pytest.mark.parametrize("state", ENDED)
@pytest.mark.parametrize("kind", ["received", "acknowledged", "comment"])
def test_what_a_machine_sends_after_the_end_is_filed_without_an_alert(state, kind):
    assert taken(engagement(state), report(kind, automatic=True)).effects == ()


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("confirmation", ["desk", "elexon", "quiet"])
def test_a_resolver_confirms_a_reported_resolution(confirmation):
    decision = taken(engagement(State.RESOLUTION_REPORTED), f.Confirm("a person"), confirmation)
    assert decision.engagement.state is State.CONFIRMED
    assert decision.engagement.resolution == "cleared"
    assert sent(decision) == [MessageKind.ACCEPT]
    assert the_note(decision, "confirmed").values["by"] == "a person"


def test_a_resolver_cannot_confirm_in_the_raisers_place():
    decision = taken(engagement(State.RESOLUTION_REPORTED), f.Confirm("a person"), "raiser")
    assert decision.refused


def test_the_raisers_acceptance_confirms_where_it_was_agreed():
    decision = taken(engagement(State.RESOLUTION_REPORTED), f.RaiserAnswered("the raiser", accepted=True), "raiser")
    assert decision.engagement.state is State.CONFIRMED


@pytest.mark.parametrize("confirmation", ["desk", "elexon", "quiet"])
def test_the_raisers_acceptance_is_only_recorded_elsewhere(confirmation):
    reported = engagement(State.RESOLUTION_REPORTED)
    decision = taken(reported, f.RaiserAnswered("the raiser", accepted=True), confirmation)
    assert (decision.engagement, decision.effects) == (reported, ())


@pytest.mark.parametrize("state", [State.INCOMPLETE, *WORKING])
@pytest.mark.parametrize("fact", [f.Confirm("a person"), f.Reject("a person", "why")])
def test_nothing_can_be_confirmed_or_rejected_before_a_resolution_is_reported(state, fact):
    assert taken(engagement(state), fact).refused


def test_confirming_twice_changes_nothing():
    decision = taken(engagement(State.CONFIRMED), f.Confirm("a person"))
    assert (decision.engagement, decision.effects, decision.refused) == (engagement(State.CONFIRMED), (), False)


@pytest.mark.parametrize("fact", [f.Confirm("a person"), f.Withdraw("a person", "done by us")])
def test_a_resolver_accepts_a_decline(fact):
    decision = taken(engagement(State.DECLINED), fact)
    assert decision.engagement.state is State.DECLINED
    assert decision.engagement.decline_accepted_by == "a person"
    assert notes(decision) == ["decline_accepted"]


@pytest.mark.parametrize("state", STARTED)
@pytest.mark.parametrize("standing", Standing)
def test_a_withdrawal_is_told_to_a_desk_that_has_been_heard(state, standing):
    heard = engagement(state, standing=standing, received_at=at(1))
    decision = taken(heard, f.Withdraw("a person", "not needed"))
    assert decision.engagement.state is State.WITHDRAWN
    assert (the_send(decision).message, the_send(decision).text) == (MessageKind.WITHDRAW, "not needed")


@pytest.mark.parametrize(
    "standing, state, messages",
    [
        (Standing.NONE, State.WITHDRAWN, []),
        (Standing.PENDING, State.WITHDRAWN, []),
        (Standing.FAILED, State.WITHDRAWN, []),
        (Standing.UNKNOWN, State.OPEN, []),
        (Standing.SENT, State.WITHDRAWN, [MessageKind.WITHDRAW]),
    ],
)
def test_a_withdrawal_goes_by_where_the_open_message_stands(standing, state, messages):
    decision = taken(engagement(standing=standing), f.Withdraw("a person", "not needed"))
    assert (decision.engagement.state, sent(decision)) == (state, messages)


def test_a_withdrawal_while_contents_are_missing_sends_nothing():
    decision = taken(engagement(State.INCOMPLETE), f.Withdraw("a person", "not needed"))
    assert (decision.engagement.state, sent(decision)) == (State.WITHDRAWN, [])


def test_a_waiting_withdrawal_is_settled_by_the_open_message_only():
    waiting = engagement(standing=Standing.UNKNOWN, withdraw_wanted="not needed")
    for other in (f.Delivered(MessageKind.TEXT, 2), f.NeverArrived(MessageKind.TEXT)):
        assert taken(waiting, other).engagement == waiting


@pytest.mark.parametrize("state", ENDED)
def test_a_person_opens_a_new_round_and_a_route_never_does(state):
    assert taken(engagement(state), f.Engage("a person")).effects == (NewRound("a person"),)
    assert taken(engagement(state), f.Engage("route", automatic=True)).effects == ()


@pytest.mark.parametrize("state", ENDED)
def test_an_ended_round_opens_no_other_while_a_later_one_goes_on(state):
    later = engagement(State.ACKNOWLEDGED, round_=2)
    decision = taken(engagement(state), f.Engage("a person"), others=[later])
    assert decision.refused
    elsewhere = engagement(State.ACKNOWLEDGED, "ldso")
    assert asks(taken(engagement(state), f.Engage("a person"), others=[elsewhere]), NewRound)


@pytest.mark.parametrize("state", [State.INCOMPLETE, *STARTED])
def test_engaging_an_engaged_desk_is_refused_to_a_person_and_nothing_to_a_route(state):
    assert taken(engagement(state), f.Engage("a person")).refused
    route = taken(engagement(state), f.Engage("route", automatic=True))
    assert (route.effects, route.refused) == ((), False)


@pytest.mark.parametrize("state", [State.OPEN, State.ACKNOWLEDGED, State.IN_PROGRESS])
def test_a_text_is_passed_on(state):
    decision = taken(engagement(state), f.Tell("a person", "please look"))
    assert (the_send(decision).message, the_send(decision).text) == (MessageKind.TEXT, "please look")
    assert decision.engagement.state is state


@pytest.mark.parametrize("state", [State.INCOMPLETE, *ENDED])
def test_a_text_goes_to_nobody_before_the_beginning_or_after_the_end(state):
    assert taken(engagement(state), f.Tell("a person", "please look")).refused


# ── time and deliveries ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_chase_counts_and_the_next_is_due_after_the_agreed_time():
    decision = taken(engagement(next_chase_at=at(9)), f.ChaseDue())
    assert sent(decision) == [MessageKind.CHASE]
    assert (decision.engagement.chases, decision.engagement.next_chase_at) == (1, NOW + CHASE_EVERY)


def test_without_an_agreed_time_nothing_is_chased_again():
    decision = taken(engagement(next_chase_at=at(9)), f.ChaseDue(), chase_every=None)
    assert decision.engagement.next_chase_at is None


@pytest.mark.parametrize("standing", [Standing.NONE, Standing.PENDING, Standing.FAILED])
def test_nobody_is_chased_for_what_has_not_left(standing):
    decision = taken(engagement(standing=standing, next_chase_at=at(9)), f.ChaseDue())
    assert sent(decision) == []
    assert (decision.engagement.chases, decision.engagement.next_chase_at) == (0, NOW + CHASE_EVERY)


@pytest.mark.parametrize("state", [State.OPEN, State.ACKNOWLEDGED, State.IN_PROGRESS])
def test_nobody_is_chased_for_what_is_about_to_be_withdrawn(state):
    waiting = engagement(state, standing=Standing.UNKNOWN, withdraw_wanted="not needed")
    assert sent(taken(waiting, f.ChaseDue())) == []


@pytest.mark.parametrize("state", [State.INCOMPLETE, State.AWAITING_INFORMATION, State.RESOLUTION_REPORTED, *ENDED])
def test_who_owes_nothing_is_not_chased_and_the_clock_asks_no_more(state):
    decision = taken(engagement(state, next_chase_at=at(9)), f.ChaseDue())
    assert (sent(decision), decision.engagement.next_chase_at) == ([], None)


@pytest.mark.parametrize("kind", ["acknowledged", "progress", "question", "workaround", "resolved", "declined"])
def test_a_report_of_a_person_ends_the_chases(kind):
    assert after(engagement(next_chase_at=at(12)), report(kind)).next_chase_at is None


@pytest.mark.parametrize("named,asked", [(200, 200), (10 + 31 * 24, 10 + 31 * 24), (36 * 365 * 24, 10 + 31 * 24)])
def test_a_date_far_away_is_asked_about_after_a_month(named, asked):
    waiting = after(engagement(), report("progress", until=at(named)))
    assert (waiting.waiting_until, waiting.next_chase_at) == (at(asked), at(asked))


def test_a_question_puts_off_the_date_that_the_desk_had_named():
    asked = after(engagement(), report("progress", 8, until=at(200)), report("question", 9))
    assert (asked.waiting_until, asked.next_chase_at) == (None, None)


def test_silence_never_confirms_for_a_desk_that_never_works():
    reported = engagement(State.RESOLUTION_REPORTED)
    quiet = f.QuietOver(at(10_000), unread_notes=False)
    decision = taken(reported, quiet, "quiet", hours=WorkingHours())
    assert decision.engagement.state is State.RESOLUTION_REPORTED


@pytest.mark.parametrize("state", TAKEN)
def test_a_dead_letter_after_the_first_answer_does_not_make_the_desk_undeliverable(state):
    decision = taken(engagement(state), f.DeliveryFailed(MessageKind.OPEN, "no such user"))
    assert not decision.engagement.undeliverable
    assert the_note(decision, "dead_letter").values["message"] == "open"
