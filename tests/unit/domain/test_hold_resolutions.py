"""How a resolution by somebody else is judged."""

import pytest

from bridge.domain.agreement import OnEarlyResolution
from bridge.domain.engagement import State
from bridge.domain.hold import MOST_REOPENS, Early, judge_resolution
from tests.unit.domain.samples import STARTED, agreement, engagement

REPORTED = State.RESOLUTION_REPORTED


def judged(*engagements, closed=False, reopens=0, noted=True, flag=(), **confirmations):
    def agreed(one):
        on_early = OnEarlyResolution.FLAG if one.desk in flag else OnEarlyResolution.REOPEN
        return agreement(confirmations.get(one.desk, "elexon"), on_early_resolution=on_early)

    noted_desks = {one.desk for one in engagements} if noted is True else set(noted)
    return judge_resolution(
        engagements, agreed, closed=closed, reopens=reopens, note_was_there=lambda one: one.desk in noted_desks
    ).what


def test_a_resolution_that_the_hold_allows_is_allowed():
    assert judged() is Early.ALLOWED
    assert judged(engagement(State.CONFIRMED)) is Early.ALLOWED
    assert judged(engagement(State.WITHDRAWN), closed=True) is Early.ALLOWED


def test_a_resolution_confirms_when_every_desk_had_reported_and_the_case_said_so():
    assert judged(engagement(REPORTED)) is Early.CONFIRMS
    assert judged(engagement(REPORTED), engagement(REPORTED, "ldso")) is Early.CONFIRMS
    assert judged(engagement(REPORTED), engagement(State.CONFIRMED, "ldso")) is Early.CONFIRMS
    assert judged(engagement(REPORTED), engagement(State.OPEN, "ldso", required=False)) is Early.CONFIRMS


def test_a_closing_confirms_like_a_resolution():
    assert judged(engagement(REPORTED), closed=True) is Early.CONFIRMS


def test_one_desk_without_a_note_in_the_case_makes_it_early_for_all():
    assert judged(engagement(REPORTED), engagement(REPORTED, "ldso"), noted=["dcc"]) is Early.REOPEN


@pytest.mark.parametrize("state", [state for state in STARTED if state is not REPORTED])
def test_one_desk_that_has_not_reported_makes_it_early_for_all(state):
    assert judged(engagement(REPORTED), engagement(state, "ldso")) is Early.REOPEN


def test_an_unsettled_decline_makes_it_early():
    assert judged(engagement(REPORTED), engagement(State.DECLINED, "ldso")) is Early.REOPEN


@pytest.mark.parametrize("confirmation", ["desk", "raiser", "quiet"])
def test_a_resolution_confirms_nothing_where_elexon_does_not_confirm(confirmation):
    assert judged(engagement(REPORTED), dcc=confirmation) is Early.REOPEN
    assert judged(engagement(REPORTED), engagement(REPORTED, "ldso"), ldso=confirmation) is Early.REOPEN


def test_an_early_resolution_is_undone_three_times_and_then_flagged():
    answers = [judged(engagement(), reopens=reopens) for reopens in range(MOST_REOPENS + 2)]
    assert answers == [Early.REOPEN, Early.REOPEN, Early.REOPEN, Early.FLAG, Early.FLAG]


def test_an_early_resolution_is_only_flagged_where_that_was_agreed():
    assert judged(engagement(), flag=["dcc"]) is Early.FLAG


def test_one_desk_that_wants_it_undone_is_enough_and_a_desk_not_waited_for_has_no_say():
    assert judged(engagement(), engagement(State.OPEN, "ldso"), flag=["dcc"]) is Early.REOPEN
    assert judged(engagement(), engagement(State.CONFIRMED, "ldso"), flag=["dcc"]) is Early.FLAG
    assert judged(engagement(), engagement(State.OPEN, "ldso", required=False), flag=["dcc"]) is Early.FLAG


def test_an_early_closing_cannot_be_undone():
    assert judged(engagement(), closed=True) is Early.CLOSED
