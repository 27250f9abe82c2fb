"""What cannot be decided waits for a person, and everything else goes on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.mapping.routing import Route
from tests.syncing.world import DCC, LDSO, World, desk


def unpark(world: World, case) -> None:
    with world.store.transaction() as tx:
        tx.save_case(replace(tx.case(case), parked=""))


@pytest.fixture
def sickening(build_world) -> World:
    """Whatever goes to `ldso` cannot be decided upon: its agreement needs what nobody knows how to look for."""
    return build_world(desk("dcc"), desk("ldso", needs=("bananas",)))


def test_a_poison_revision_parks_its_own_case(sickening):
    poison, fine = sickening.raise_case(LDSO), sickening.raise_case()
    sickening.cycle(3)
    assert sickening.kinds(case=fine) == ["open"]
    assert "KeyError" in sickening.record(poison).parked
    assert sickening.alerts.codes() == ["case_parked"]
    assert sickening.engagements(poison) == ()


def test_a_poison_revision_of_an_engaged_case_leaves_the_engagement_as_it_was(sickening):
    engaged = sickening.engaged()
    sickening.servicenow.update(engaged, "priya.shah", assignment_group="CPSD LDSO", priority="1")
    sickening.cycle(3)
    assert sickening.record().parked
    assert sickening.kinds() == ["open"]
    assert sickening.state() == "open"


def test_a_case_that_is_parked_again_for_the_same_reason_alarms_again(sickening):
    poison = sickening.raise_case(LDSO)
    sickening.cycle(2)
    unpark(sickening, poison)
    sickening.cycle(2)
    assert sickening.alerts.codes() == ["case_parked", "case_parked"]


def test_a_case_that_can_be_decided_once_it_is_let_go_goes_on_where_it_stood(sickening):
    poison = sickening.raise_case(LDSO)
    sickening.cycle(2)
    healed = sickening.with_desk(desk("ldso"))
    unpark(healed, poison)
    healed.cycle(2)
    assert healed.kinds(LDSO) == ["open"]


def test_a_condition_that_fails_for_one_case_parks_that_case(build_world):
    """The routes are asked about every row, also about those that concern nobody."""
    routes = [Route(1, "assignment_group == 'CPSD DCC'", DCC, automatic=True)]
    world = build_world(desk("dcc"), routes=routes)
    route = world.around.router.route

    def fails_once(case):
        if case.number == world.number(poison):
            raise ZeroDivisionError
        return route(case)

    poison, fine = world.raise_case("Nobody"), world.raise_case()
    world.around.router.route = fails_once
    world.cycle(3)
    assert world.kinds(case=fine) == ["open"]
    assert world.record(poison).parked
    assert world.alerts.codes() == ["case_parked"]


def test_a_poison_mail_is_quarantined_with_its_reason_and_the_others_are_applied(world):
    world.engaged()
    world.mailbox.put({"poison": True})
    world.report("acknowledged")
    world.cycle(2)
    assert world.state() == "acknowledged"
    assert world.quarantined() == ["ValueError while it was applied"]
    assert world.alerts.codes() == ["quarantined"]


def test_a_mail_that_matches_nothing_is_quarantined(world):
    world.engaged()
    world.mailbox.put({"report": "resolved", "desk": DCC, "reference": "0000000000"})
    world.cycle(2)
    assert world.quarantined() == ["matches no engagement"]
    assert world.state() == "open"


def test_an_engagement_whose_time_cannot_be_told_parks_its_own_case(build_world, hand_clock):
    world = build_world(desk("dcc", chase_every=timedelta(hours=1)), desk("ldso", chase_every=timedelta(hours=1)))
    first, second = world.engaged(), world.engaged(LDSO)
    hand_clock.forward(hours=2)
    sick = world.with_desk(replace(world.around.desks.by_name[DCC], agreements=()))
    sick.cycle(2)
    assert world.record(first).parked
    assert world.kinds(LDSO, second) == ["open", "chase"]
