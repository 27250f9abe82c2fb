"""Guarantee 27: nothing leaves in observe mode, outside of the allow-list, before go-live, or while it is paused."""

from datetime import timedelta

import pytest

from bridge.connectors.email_desk import EmailDesk
from bridge.connectors.mail.settings import MailSettings
from bridge.connectors.mail.signing import Keys
from bridge.connectors.mail.writing import Writer
from bridge.domain.agreement import Mode
from bridge.domain.ids import DeskName
from bridge.mapping.routing import Route
from bridge.sync.dispatch import PAUSED_ALL, paused_desk
from bridge.sync.engage import ENGAGING_PAUSED
from tests.syncing.world import DCC, GO_LIVE, LDSO, REC, World, desk


def switch(world: World, name: str, value: str | None = "by a person") -> None:
    with world.store.transaction() as tx:
        tx.set_control(name, value, "operator")


def nothing_left(world: World) -> None:
    assert all(not one.received for one in world.desks.values())


def test_an_observed_desk_gets_nothing_and_the_trail_says_what_it_would_have_got(build_world):
    world = build_world(desk("dcc", Mode.OBSERVE))
    world.raise_case()
    world.cycle(3)
    nothing_left(world)
    assert world.servicenow.ours(world.case) == [], "nobody is told in the case either"
    (observed,) = world.events("observed")
    assert observed.event.facts["desk"] == "dcc"


def test_an_observed_desk_is_not_engaged_by_a_command_either(build_world):
    world = build_world(desk("dcc", Mode.OBSERVE), routes=())
    world.raise_case()
    world.note("#engage @dcc")
    world.cycle(3)
    nothing_left(world)
    assert world.engagements() == ()
    assert world.servicenow.ours(world.case) == []
    assert world.events("observed")


def test_a_desk_that_is_observed_again_gets_nothing_more(world):
    world.engaged()
    observed = world.with_desk(desk("dcc", Mode.OBSERVE))
    world.note("#desk: are you there?")
    observed.cycle(3)
    assert world.kinds() == ["open"]
    world.cycle(2)
    assert world.kinds() == ["open", "text"], "once it is live again nothing is lost"


def test_a_proposed_desk_is_offered_once_and_engaged_by_the_resolver(build_world):
    world = build_world(desk("dcc", Mode.PROPOSE))
    world.raise_case()
    world.cycle(2)
    world.servicenow.update(world.case, "priya.shah", priority="2")
    world.cycle(2)
    nothing_left(world)
    assert world.notes().count("#engage @dcc") == 1
    world.note("#engage")
    world.cycle(2)
    assert world.kinds() == ["open"]


def test_a_route_that_is_not_automatic_only_proposes_also_where_the_desk_is_live(build_world):
    world = build_world(routes=[Route(1, "assignment_group == 'CPSD DCC'", DCC)])
    world.raise_case()
    world.cycle(2)
    nothing_left(world)
    assert "#engage @dcc" in world.notes()


def test_nothing_is_proposed_before_the_case_is_triaged(world):
    world.raise_case("")
    world.cycle(2)
    nothing_left(world)
    assert world.events("proposed") == []


def test_changes_and_commands_from_before_go_live_are_inert(build_world, hand_clock):
    world = build_world(go_live=GO_LIVE + timedelta(hours=2))
    world.raise_case()
    world.note("#engage @ldso")
    world.cycle(2)
    hand_clock.forward(hours=2)
    world.cycle(2)
    nothing_left(world)
    world.servicenow.update(world.case, "priya.shah", priority="2")
    world.cycle(2)
    assert world.kinds() == ["open"]
    assert world.kinds(LDSO) == []


def test_a_command_from_before_go_live_that_is_read_again_afterwards_is_inert(build_world, hand_clock):
    """The windows of a pull overlap, and reach back over go-live."""
    world = build_world(go_live=hand_clock.now() + timedelta(seconds=10))
    world.raise_case()
    hand_clock.forward(seconds=8)
    world.note("#withdraw @dcc: from before")
    hand_clock.forward(seconds=4)
    world.servicenow.update(world.case, "priya.shah", priority="2")
    world.cycle(6, seconds=1)
    assert world.state() == "open"
    assert world.kinds() == ["open"]


def test_a_desk_may_go_live_later_than_the_bridge(build_world, hand_clock):
    later = GO_LIVE + timedelta(hours=4)
    world = build_world(desk("dcc"), desk("ldso", go_live=later))
    early, command = world.raise_case(LDSO), world.raise_case("")
    world.note("#engage @ldso", case=command)
    world.cycle(2)
    nothing_left(world)
    hand_clock.forward(hours=4)
    world.note("#engage @ldso", case=command)
    world.servicenow.update(early, "priya.shah", priority="2")
    world.cycle(2)
    assert world.kinds(LDSO, early) == ["open"]
    assert world.kinds(LDSO, command) == ["open"]


def test_the_ceiling_stops_new_engagements_alerts_and_loses_nothing(build_world):
    world = build_world(max_new_engagements=3)
    for _ in range(8):
        world.raise_case()
    world.cycle(4)
    assert len(world.mails()) == 3
    assert world.alerts.codes() == ["engaging_paused"]
    world.note("#desk: those that are engaged go on", case=world.cases[0])
    world.cycle(2)
    assert world.kinds(case=world.cases[0]) == ["open", "text"]
    for expected in (6, 8):
        switch(world, ENGAGING_PAUSED, None)
        world.cycle(3)
        assert len(world.mails()) - 1 == expected
    assert sorted(world.kinds(case=case)[0] for case in world.cases) == ["open"] * 8
    world.written_once()


def test_a_held_back_case_that_changes_meanwhile_is_engaged_as_it_stands_then(build_world):
    world = build_world(max_new_engagements=1)
    world.raise_case()
    second = world.raise_case()
    world.cycle(2)
    assert world.kinds(case=second) == []
    world.servicenow.update(second, "priya.shah", short_description="Now with a meter number")
    world.cycle(2)
    switch(world, ENGAGING_PAUSED, None)
    world.cycle(3)
    assert world.kinds(case=second) == ["open"]
    assert "Now with a meter number" in world.desks[DCC].texts()


def test_commands_of_resolvers_are_not_under_the_ceiling(build_world):
    world = build_world(routes=(), max_new_engagements=0)
    world.raise_case()
    world.note("#engage @dcc")
    world.cycle(2)
    assert world.kinds() == ["open"]


def test_a_paused_desk_waits_and_the_others_go_on(world):
    switch(world, paused_desk("dcc"))
    first, second = world.raise_case(DCC), world.raise_case(LDSO)
    world.cycle(3)
    assert world.kinds(DCC, first) == []
    assert world.kinds(LDSO, second) == ["open"]
    assert "dcc is engaged" in world.notes(first)
    switch(world, paused_desk("dcc"), None)
    world.cycle(1)
    assert world.kinds(DCC, first) == ["open"]


def test_pausing_all_holds_back_the_desks_and_the_case_but_not_the_alarms(build_world):
    world = build_world(max_new_engagements=1)
    switch(world, PAUSED_ALL)
    for _ in range(2):
        world.raise_case()
    world.cycle(3)
    nothing_left(world)
    assert world.servicenow.ours(world.case) == []
    assert world.alerts.codes() == ["engaging_paused"]
    switch(world, PAUSED_ALL, None)
    world.cycle(1)
    assert len(world.mails()) == 1


def test_a_pause_is_obeyed_in_the_middle_of_a_pass(world):
    for _ in range(5):
        world.raise_case()
    world.desks[DCC].on_the_way = lambda _: switch(world, paused_desk("dcc"))
    world.cycle(2)
    assert len(world.mails()) == 1


@pytest.fixture
def outside_production() -> MailSettings:
    """A port where nobody listens: who gets so far as to connect is told to try later, and not refused."""
    return MailSettings(
        smtp_url="smtp+plain://127.0.0.1:9",
        imap_url="imap+plain://127.0.0.1:9",
        address="bridge@example.org",
        keys=Keys((b"a key that is long enough to sign with",)),
        environment="test",
        allow=("@ldso.example",),
        allow_plaintext=True,
    )


def test_outside_production_a_stranger_to_the_allow_list_gets_nothing_and_people_are_told(world, outside_production):
    writer = Writer(outside_production)
    connectors = {
        name: EmailDesk(
            name, world.around.desks.by_name[name].latest.email, outside_production, writer=writer, reader=None
        )
        for name in (DCC, LDSO)
    }
    guarded = world.with_(connectors={**connectors, DeskName("rec"): world.desks[REC]})
    stranger, friend = world.raise_case(DCC), world.raise_case(LDSO)
    guarded.cycle(3)
    (refused,) = [one for one in world.deliveries(stranger) if one.recipient == DCC]
    assert refused.status.value == "dead"
    assert "allow" in refused.last_error
    assert world.engagement(DCC, stranger).undeliverable
    assert "dead_letter" in world.alerts.codes()
    (allowed,) = [one for one in world.deliveries(friend) if one.recipient == LDSO]
    assert allowed.status.value == "pending", "it only could not be reached"
