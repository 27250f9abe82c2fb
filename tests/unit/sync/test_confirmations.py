"""Whose word makes a resolution count: the desk's, the raiser's, Elexon's, or nobody's objection."""

from datetime import timedelta

import pytest

from bridge.domain.agreement import Afterwards, Confirmation
from bridge.domain.errors import OutcomeUnknown
from bridge.sync.chase import chase
from tests.syncing.world import DCC, LDSO, RAISER, RESOLVER, World, desk


def agreed(build_world, confirmation: str, **more) -> World:
    return build_world(desk("dcc", confirmation=Confirmation(confirmation), **more), desk("ldso"))


def test_desk_its_word_is_enough(build_world):
    world = agreed(build_world, "desk")
    world.reported()
    world.cycle(2)
    assert (world.state(), world.phase()) == ("confirmed", "resolved")
    assert world.kinds() == ["open", "accept"]


def test_elexon_a_resolver_confirms(build_world):
    world = agreed(build_world, "elexon")
    world.reported()
    world.cycle(5, seconds=3600)
    assert world.state() == "resolution_reported", "time confirms nothing"
    world.note("#confirm")
    world.cycle(3)
    assert (world.state(), world.phase()) == ("confirmed", "resolved")


def test_elexon_the_raisers_word_is_recorded_and_confirms_nothing(build_world):
    world = agreed(build_world, "elexon")
    world.reported()
    world.comment("#confirm")
    world.cycle(2)
    assert world.state() == "resolution_reported"


def test_raiser_is_asked_in_a_comment_and_accepts_in_one(build_world):
    world = agreed(build_world, "raiser")
    world.reported()
    assert "Please tell us whether you agree" in world.comments()
    world.comment("#confirm\nThank you.")
    world.cycle(3)
    assert (world.state(), world.phase()) == ("confirmed", "resolved")


def test_raiser_refuses_and_the_desk_is_told_why(build_world):
    world = agreed(build_world, "raiser")
    world.reported()
    world.comment("#reject: still no reads")
    world.cycle(2)
    assert world.state() == "in_progress"
    assert "still no reads" in world.mails()[-1].told["text"]


def test_raiser_nobody_elses_word_counts(build_world):
    world = agreed(build_world, "raiser")
    world.reported()
    world.comment("#confirm", by="somebody.else")
    world.note("#confirm", by=RESOLVER)
    world.cycle(2)
    assert world.state() == "resolution_reported"
    assert "only who raised the case can confirm" in world.notes()
    world.resolve(by=RESOLVER)
    world.cycle(2)
    assert world.phase() == "open"


def test_quiet_confirms_after_the_agreed_time_without_objection(build_world):
    world = agreed(build_world, "quiet")
    world.reported()
    world.cycle(1, seconds=3600)
    assert world.state() == "resolution_reported"
    world.cycle(3, seconds=3600)
    assert (world.state(), world.phase()) == ("confirmed", "resolved")


def test_quiet_counts_only_up_to_a_pull_that_is_younger_than_the_deadline(build_world, hand_clock):
    """A bridge that was down for the whole time has not heard anybody keep silent."""
    world = agreed(build_world, "quiet")
    world.reported()
    hand_clock.forward(hours=4)
    assert chase(world.around).confirmed == 0
    assert world.state() == "resolution_reported"
    world.cycle(2)
    assert world.state() == "confirmed"


def test_quiet_is_ended_by_an_objection_that_was_read_late(build_world, hand_clock):
    world = agreed(build_world, "quiet")
    world.reported()
    hand_clock.forward(hours=2)
    world.note("#reject: still no reads")
    hand_clock.forward(hours=2)
    world.cycle(2)
    assert world.state() == "in_progress"


def test_quiet_is_suspended_by_a_question_of_ours_until_the_desk_answers(build_world):
    world = agreed(build_world, "quiet")
    world.reported()
    world.note("#desk: are you sure?")
    world.cycle(6, seconds=3600)
    assert world.state() == "resolution_reported"
    world.report("resolved", "Yes.")
    world.cycle(1)
    world.cycle(2, seconds=3600)
    assert world.state() == "resolution_reported", "the time starts again"
    world.cycle(2, seconds=3600)
    assert world.state() == "confirmed"


def test_quiet_is_suspended_by_what_only_a_person_can_decide(build_world):
    world = agreed(build_world, "quiet")
    world.reported()
    world.report("progress", "We look at it again.", ordered=False)
    world.cycle(6, seconds=3600)
    assert world.quarantined()
    assert world.state() == "resolution_reported"


def test_quiet_starts_again_when_the_desk_resolves_again(build_world):
    world = agreed(build_world, "quiet")
    world.reported()
    world.cycle(2, seconds=3600)
    world.report("resolved", "Now for good.")
    world.cycle(2, seconds=3600)
    assert world.state() == "resolution_reported"
    world.cycle(2, seconds=3600)
    assert world.state() == "confirmed"


def test_released_the_case_is_not_resolved_by_the_bridge_and_says_that_a_person_may(build_world):
    world = agreed(build_world, "elexon", afterwards=Afterwards.RELEASE)
    world.reported()
    world.note("#confirm")
    world.cycle(3)
    assert world.phase() == "awaiting"
    assert "It can be resolved by a person." in world.notes()
    world.resolve(by=RAISER)
    world.cycle(3)
    assert world.phase() == "resolved"


def test_a_workaround_keeps_the_case_open(world):
    world.engaged()
    world.report("workaround", "Read it by hand.")
    world.cycle(2)
    assert world.state() == "in_progress"
    assert world.engagement().workaround_at is not None
    world.resolve(by=RESOLVER)
    world.cycle(2)
    assert world.phase() == "open"


def test_a_desk_that_takes_its_resolution_back_keeps_the_case_open(world):
    world.reported()
    world.report("progress", "It came back.")
    world.cycle(2)
    world.note("#confirm")
    world.cycle(2)
    assert world.state() == "in_progress"
    assert world.phase() == "open"


@pytest.fixture
def two_desks(build_world):
    """The first desk has reported, the second is engaged; who must confirm is up to the test."""

    def make(confirm) -> World:
        world = build_world(confirm=confirm)
        world.reported()
        world.note("#engage @ldso")
        world.cycle(2)
        return world

    return make


def test_several_desks_all_must_confirm(two_desks):
    world = two_desks("all")
    world.note("#confirm @dcc")
    world.cycle(2)
    assert world.phase() != "resolved"
    world.report("resolved", desk=LDSO)
    world.cycle(2)
    world.note("#confirm @ldso")
    world.cycle(2)
    assert world.phase() == "resolved"


def test_several_desks_the_lead_is_enough(two_desks):
    world = two_desks("lead")
    world.note("#confirm @dcc")
    world.cycle(2)
    assert world.phase() == "resolved"
    assert world.state(LDSO) == "open"


def test_several_desks_the_named_one_is_enough(two_desks):
    world = two_desks((LDSO,))
    world.note("#confirm @dcc")
    world.cycle(2)
    assert world.phase() != "resolved"
    world.report("resolved", desk=LDSO)
    world.cycle(2)
    world.note("#confirm @ldso")
    world.cycle(2)
    assert world.phase() == "resolved"


def test_the_state_is_that_of_the_least_advanced_desk(world):
    world.engaged()
    world.note("#engage @ldso")
    world.cycle(2)
    world.report("resolved")
    world.cycle(2)
    assert world.phase() == "open", "ldso has only just got it"
    world.report("progress", desk=LDSO)
    world.cycle(2)
    assert world.phase() == "open"
    world.report("resolved", desk=LDSO)
    world.cycle(2)
    assert world.phase() == "awaiting"


def test_the_reference_is_shown_beside_the_number_where_one_desk_is_engaged(world):
    world.engaged()
    world.note("#engage @ldso")
    world.cycle(2)
    world.report("acknowledged", desk_reference="INC000000000042")
    world.cycle(2)
    assert world.servicenow.value(world.case, "correlation_display") == ""
    assert "INC000000000042" in world.notes()


def test_an_undelivered_acceptance_does_not_undo_the_confirmation(world):
    world.reported()
    world.desks[DCC].fail(OutcomeUnknown("broke off"))
    world.note("#confirm")
    world.cycle(4)
    assert (world.state(), world.phase()) == ("confirmed", "resolved")
    assert world.kinds() == ["open", "accept"]


def test_chases_go_on_until_somebody_acknowledges(build_world):
    world = build_world(desk("dcc", chase_every=timedelta(hours=1)))
    world.engaged()
    world.report("received", automatic=True)
    world.cycle(2, seconds=3700)
    world.cycle(1)
    assert world.kinds() == ["open", "chase", "chase"]
    world.report("acknowledged")
    world.cycle(4, seconds=3700)
    assert world.kinds() == ["open", "chase", "chase"]


def test_a_chase_that_is_no_longer_owed_when_its_turn_comes_is_cancelled(build_world):
    world = build_world(desk("dcc", chase_every=timedelta(hours=1)))
    world.engaged()
    with world.store.transaction() as tx:
        tx.set_control("pause/desk/dcc", "held", "operator")
    world.cycle(1, seconds=3700)
    world.report("acknowledged")
    world.cycle(2)
    with world.store.transaction() as tx:
        tx.set_control("pause/desk/dcc", None, "operator")
    world.cycle(2)
    assert world.kinds() == ["open"]
    assert [one.status.value for one in world.deliveries() if one.valid_if] == ["cancelled"]


@pytest.mark.parametrize("answer", ["progress", "comment", "workaround"])
def test_a_chase_after_a_date_that_passed_is_cancelled_when_the_desk_spoke_first(build_world, answer, hand_clock):
    world = build_world(desk("dcc", chase_every=timedelta(hours=4)))
    world.engaged()
    until = hand_clock.now() + timedelta(hours=1)
    world.report("progress", "Waiting for a change.", until=until.isoformat())
    world.cycle(2)
    with world.store.transaction() as tx:
        tx.set_control("pause/desk/dcc", "held", "operator")
    world.cycle(1, seconds=3700)
    assert [one.status.value for one in world.deliveries() if one.valid_if] == ["pending"]
    world.report(answer, "It is going to be tomorrow.")
    world.cycle(1)
    with world.store.transaction() as tx:
        tx.set_control("pause/desk/dcc", None, "operator")
    world.cycle(2)
    assert world.kinds() == ["open"]


def test_a_chase_after_a_date_that_passed_goes_out(build_world, hand_clock):
    world = build_world(desk("dcc", chase_every=timedelta(hours=4)))
    world.engaged()
    until = hand_clock.now() + timedelta(hours=1)
    world.report("progress", "Waiting for a change.", until=until.isoformat())
    world.cycle(2)
    world.cycle(1, seconds=3700)
    assert world.kinds() == ["open", "chase"]
