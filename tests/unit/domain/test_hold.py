"""Whether the original case may be resolved."""

from dataclasses import replace
from itertools import permutations

import pytest

from bridge.domain.agreement import Afterwards
from bridge.domain.engagement import State
from bridge.domain.hold import Answer, latest_rounds, verdict
from bridge.domain.ids import SysId
from tests.unit.domain.samples import STARTED, agreement, engagement

CHILD = SysId("0" * 31 + "2")
CONFIRMED, DECLINED, WITHDRAWN = State.CONFIRMED, State.DECLINED, State.WITHDRAWN


def answer(*engagements, release=()):
    def agreed(one):
        return agreement(afterwards=Afterwards.RELEASE if one.desk in release else Afterwards.RESOLVE)

    answers = {verdict(order, agreed).answer for order in permutations(engagements)}
    assert len(answers) == 1, "the order in which engagements are listed does not matter"
    return answers.pop()


def declined(desk="dcc", to=None, **fields):
    return engagement(DECLINED, desk, successor=to.id if to else None, **fields)


# ── all, lead, named ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", [State.INCOMPLETE, *STARTED])
def test_a_case_stays_open_while_one_required_desk_is_not_done(state):
    assert answer(engagement(CONFIRMED, "ldso"), engagement(state)) is Answer.KEEP_OPEN


@pytest.mark.parametrize("state", [State.INCOMPLETE, *STARTED, DECLINED])
def test_a_desk_that_need_not_confirm_holds_nothing(state):
    lead = engagement(CONFIRMED, "ldso", lead=True)
    assert answer(lead, engagement(state, required=False)) is Answer.BRIDGE_MAY_RESOLVE


def test_a_desk_that_need_not_confirm_does_not_make_the_bridge_resolve():
    assert answer(engagement(CONFIRMED, required=False)) is Answer.PERSON_MAY_RESOLVE


def test_the_bridge_may_resolve_when_every_required_desk_confirmed_or_was_withdrawn():
    assert answer(engagement(CONFIRMED), engagement(CONFIRMED, "ldso")) is Answer.BRIDGE_MAY_RESOLVE
    assert answer(engagement(CONFIRMED), engagement(WITHDRAWN, "ldso")) is Answer.BRIDGE_MAY_RESOLVE


def test_without_any_confirmation_only_a_person_may_resolve():
    assert answer(engagement(WITHDRAWN), engagement(WITHDRAWN, "ldso")) is Answer.PERSON_MAY_RESOLVE
    assert answer() is Answer.PERSON_MAY_RESOLVE


def test_where_release_was_agreed_a_person_resolves():
    desks = engagement(CONFIRMED), engagement(CONFIRMED, "ldso")
    assert answer(*desks, release=("ldso",)) is Answer.PERSON_MAY_RESOLVE


def test_release_agreed_with_a_withdrawn_desk_does_not_matter():
    assert answer(engagement(CONFIRMED), engagement(WITHDRAWN, "ldso"), release=("ldso",)) is Answer.BRIDGE_MAY_RESOLVE


def test_a_workaround_keeps_the_case_open():
    working = engagement(State.IN_PROGRESS, workaround_at=engagement().opened_at)
    assert answer(working) is Answer.KEEP_OPEN


def test_the_reason_names_every_desk_that_the_case_waits_for():
    waiting = [engagement(State.AWAITING_INFORMATION), declined("ldso"), engagement(CONFIRMED, "recco")]
    reason = verdict(waiting, lambda _: agreement()).reason
    assert "dcc: awaiting information" in reason
    assert "ldso: declined" in reason
    assert "recco" not in reason


# ── families and rounds ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_open_engagement_of_a_relative_keeps_the_case_open():
    assert answer(engagement(CONFIRMED), engagement(State.OPEN, case=CHILD)) is Answer.KEEP_OPEN


def test_a_new_round_counts_in_the_place_of_the_confirmed_one():
    first = engagement(CONFIRMED)
    assert answer(first, engagement(State.OPEN, round_=2)) is Answer.KEEP_OPEN
    assert answer(first, engagement(CONFIRMED, round_=2)) is Answer.BRIDGE_MAY_RESOLVE
    assert answer(first, engagement(WITHDRAWN, round_=2)) is Answer.PERSON_MAY_RESOLVE


def test_a_new_round_counts_in_the_place_of_the_declined_one():
    assert answer(declined(), engagement(CONFIRMED, round_=2)) is Answer.BRIDGE_MAY_RESOLVE


def test_rounds_of_a_desk_are_counted_in_each_case_by_itself():
    here, there = engagement(CONFIRMED, round_=2), engagement(State.OPEN, case=CHILD)
    assert set(latest_rounds([here, there, engagement(State.OPEN)])) == {here, there}


# ── declined ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_decline_fixes_nothing():
    assert answer(declined()) is Answer.KEEP_OPEN
    assert answer(declined(), engagement(CONFIRMED, "ldso")) is Answer.KEEP_OPEN


def test_a_decline_is_settled_by_its_successors_confirmation():
    successor = engagement(CONFIRMED, "ldso")
    assert answer(declined(to=successor), successor) is Answer.BRIDGE_MAY_RESOLVE


@pytest.mark.parametrize("state", [*STARTED, WITHDRAWN])
def test_a_decline_is_not_settled_by_a_successor_that_does_not_confirm(state):
    successor = engagement(state, "ldso")
    assert answer(declined(to=successor), successor) is Answer.KEEP_OPEN


def test_the_confirmation_of_a_successor_counts_although_nobody_asked_it_to_confirm():
    successor = engagement(CONFIRMED, "ldso", required=False)
    assert answer(declined(to=successor), successor) is Answer.BRIDGE_MAY_RESOLVE
    assert answer(declined(to=successor), successor, release=("ldso",)) is Answer.PERSON_MAY_RESOLVE


def test_a_chain_of_declines_is_settled_at_its_end():
    last = engagement(CONFIRMED, "recco")
    middle = declined("ldso", to=last)
    first = declined(to=middle)
    assert answer(first, middle, last) is Answer.BRIDGE_MAY_RESOLVE
    assert answer(first, middle, replace(last, state=State.RESOLUTION_REPORTED)) is Answer.KEEP_OPEN


def test_a_ring_of_declines_keeps_the_case_open():
    dcc, ldso = declined(), declined("ldso")
    ring = replace(dcc, successor=ldso.id), replace(ldso, successor=dcc.id)
    assert answer(*ring) is Answer.KEEP_OPEN
    assert answer(*ring, engagement(CONFIRMED, "recco")) is Answer.KEEP_OPEN


def test_a_decline_that_names_itself_or_nobody_known_keeps_the_case_open():
    itself = declined()
    assert answer(replace(itself, successor=itself.id)) is Answer.KEEP_OPEN
    assert answer(declined(to=engagement(CONFIRMED, "ldso"))) is Answer.KEEP_OPEN


def test_of_a_successors_desk_the_newest_round_counts():
    first_try = declined("ldso")
    again = engagement(CONFIRMED, "ldso", round_=2)
    assert answer(declined(to=first_try), first_try, again) is Answer.BRIDGE_MAY_RESOLVE
    confirmed_once = engagement(CONFIRMED, "ldso")
    back = engagement(State.OPEN, "ldso", round_=2)
    assert answer(declined(to=confirmed_once), confirmed_once, back) is Answer.KEEP_OPEN


def test_a_decline_that_a_person_accepted_holds_nothing_and_leaves_the_resolving_to_a_person():
    accepted = declined(decline_accepted_by="a person")
    assert answer(accepted) is Answer.PERSON_MAY_RESOLVE
    assert answer(accepted, engagement(CONFIRMED, "ldso")) is Answer.PERSON_MAY_RESOLVE


def test_a_decline_accepted_along_the_chain_leaves_the_resolving_to_a_person():
    accepted = declined("ldso", required=False, decline_accepted_by="a person")
    other = engagement(CONFIRMED, "recco")
    assert answer(declined(to=accepted), accepted, other) is Answer.PERSON_MAY_RESOLVE
