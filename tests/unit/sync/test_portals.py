"""A desk that is reached through its own system: what the core makes of records, statuses and what is said there."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.agreement import PortalMethod
from bridge.domain.errors import OutcomeUnknown, TryLater
from bridge.domain.ids import DeskName
from bridge.sync.cycle import Cycle
from bridge.sync.surroundings import Timing
from tests.syncing.desks import FakePortal
from tests.syncing.world import DCC, LDSO, desk


@pytest.fixture
def portal(world):
    """The world in which one desk has a portal and the others mail."""
    method = PortalMethod("rest", object())
    fake = FakePortal(DCC, world.clock)
    world.desks[DCC] = fake
    around = world.around
    world.around = (
        world.with_(connectors=dict(world.desks), collectors=[*around.collectors, fake.collector()])
        .with_desk(desk("dcc", method=method))
        .around
    )
    return fake


def test_the_record_that_the_portal_makes_is_received_with_reference_and_link(world, portal):
    world.engaged()
    world.cycle()
    engagement = world.engagement()
    assert (engagement.state.value, engagement.desk_record) == ("open", "1")
    assert (engagement.desk_reference, engagement.desk_link) == ("REQ-1", "https://dcc.example/tickets/1")
    assert "https://dcc.example/tickets/1" in world.notes()
    assert world.servicenow.value(world.case, "correlation_display") == "REQ-1"


def test_a_later_message_names_the_record(world, portal):
    world.engaged()
    frozen = []
    freeze, portal.freeze = portal.freeze, lambda message, at: (frozen.append(message), freeze(message, at))[1]
    world.note("#desk: which job was it?")
    world.cycle(2)
    assert [(message.kind.value, message.desk_record) for message in frozen] == [("text", "1")]


def test_a_lost_answer_after_the_record_was_made_makes_no_second_one(world, portal):
    portal.fail(OutcomeUnknown("cut"), arrives=True)
    world.engaged()
    world.cycle(10)
    assert len(portal.tickets) == 1
    assert (world.engagement().desk_record, world.engagement().standing.value) == ("1", "sent")


def test_a_status_moves_the_engagement_once_however_often_it_is_seen(world, portal):
    world.engaged()
    portal.says("acknowledged", status="open")
    world.cycle()
    notes = world.notes()
    portal.says("acknowledged", status="open")
    portal.says("acknowledged", status="open")
    world.cycle(2)
    assert world.state() == "acknowledged"
    assert world.notes() == notes
    assert len(world.events("desk_status_seen")) == 1


def test_a_rejected_resolution_does_not_come_back_because_the_portal_still_shows_it(world, portal):
    world.engaged()
    portal.says("resolved", "The job was restarted.", status="solved")
    world.cycle(2)
    assert world.state() == "resolution_reported"
    world.note("#reject: the readings are still missing")
    world.cycle(2)
    assert world.state() == "in_progress"
    portal.says("resolved", "The job was restarted.", status="solved")
    world.cycle(2)
    assert world.state() == "in_progress"
    portal.says("progress", status="open")
    portal.says("resolved", "Now they are sent.", status="solved")
    world.cycle(2)
    assert world.state() == "resolution_reported"


def test_an_older_status_that_comes_late_reports_nothing(world, portal):
    world.engaged()
    now = world.clock.now()
    portal.says("resolved", "Done.", status="solved", at=now)
    world.cycle()
    portal.says("progress", status="open", at=now - timedelta(minutes=1))
    world.cycle()
    assert world.state() == "resolution_reported"
    assert world.engagement().desk_status == "solved"


def test_a_status_without_a_meaning_of_its_own_is_remembered_and_sets_nothing(world, portal):
    world.engaged()
    portal.says("", status="vendor hold")
    world.cycle()
    assert (world.state(), world.engagement().desk_status) == ("open", "vendor hold")


def test_what_came_from_a_desk_that_is_gone_waits_for_a_person(world, portal):
    world.engaged()
    portal.name = DeskName("gone")
    portal.says("resolved", "Done.", status="solved")
    world.cycle()
    assert world.quarantined() == ["no_such_desk"]


def test_a_case_with_a_mail_desk_and_a_portal_desk_is_held_until_both_are_done(world, portal):
    world.engaged()
    world.note("#engage @ldso")
    world.cycle(2)
    portal.says("resolved", "Restarted.", status="solved")
    world.cycle(2)
    world.note("#confirm @dcc")
    world.cycle(2)
    assert world.state(DCC) == "confirmed"
    assert world.phase() == "open"
    world.report("resolved", "The MPAN is live.", desk=LDSO)
    world.cycle(2)
    world.note("#confirm @ldso")
    world.cycle(3)
    assert world.phase() == "resolved"


def test_many_comments_at_once_are_all_taken_because_a_portal_does_not_answer_itself(world, portal):
    world.engaged()
    for number in range(20):
        portal.says("comment", f"note {number}")
    world.cycle(2)
    assert all(f"note {number}\n" in world.notes() for number in range(20))
    assert world.quarantined() == []


def test_a_portal_that_is_down_for_a_day_delays_its_own_engagements_only_and_drains_in_order(world, portal):
    lasting = replace(world.around.timing, most_attempts=Timing().most_attempts, breaker_after=5)
    world = world.with_(timing=lasting)
    world.engaged()
    world.note("#engage @ldso")
    world.cycle(2)
    portal.fail(TryLater("the portal is away"), times=100_000)
    for number in range(3):
        world.note(f"#desk @dcc: question {number}")
        world.cycle(2)
    service = Cycle(world.around)
    for hour in range(24):
        world.note(f"#desk @ldso: hour {hour}")
        for _ in range(12):
            world.clock.forward(minutes=5)
            service.once()
    assert len([kind for kind in world.kinds(LDSO) if kind == "text"]) == 24
    assert portal.kinds() == ["open"]
    assert "unreachable" in world.alerts.codes()
    assert "dead_letter" not in world.alerts.codes()
    portal.faults.clear()
    world.cycle(20, seconds=120)
    assert [mail.told["text"] for mail in portal.received if mail.kind == "text"] == [
        f"question {number}" for number in range(3)
    ]


@pytest.mark.parametrize("error", [TryLater("451 later"), OutcomeUnknown("cut after DATA")])
def test_a_mail_that_was_under_way_when_the_desk_got_a_portal_is_a_persons_matter(world, error):
    world.engaged()
    world.desks[DCC].fail(error)
    world.note("#desk: which job was it?")
    world.cycle(1)
    fake = FakePortal(DCC, world.clock)
    world = world.with_(connectors={**world.around.connectors, DCC: fake}).with_desk(
        desk("dcc", method=PortalMethod("rest", object()))
    )
    world.cycle(6, seconds=3600)
    (text,) = [one for one in world.deliveries() if one.payload.get("kind") == "text"]
    assert text.status.value == "dead"
    assert "method of contact was changed" in text.last_error
    assert fake.received == []
    assert "dead_letter" in world.alerts.codes()


def test_a_connector_that_fails_to_find_by_a_defect_is_told_of(world, portal):
    portal.fail(OutcomeUnknown("cut"))
    portal.find = lambda delivery: {}["no such key"]
    world.raise_case()
    world.cycle(6, seconds=60)
    assert "cannot_settle" in world.alerts.codes()


def test_a_status_of_which_nobody_said_what_it_means_is_asked_about_once(world, portal):
    world.engaged()
    receive = portal.receive
    portal.receive = lambda raw, at, known: replace(
        receive(raw, at, known), kind="review", verdict="quarantine", report=None, reasons=("unknown_status",)
    )
    for _ in range(3):
        portal.says("", status="vendor hold")
        world.cycle()
    assert world.quarantined() == ["unknown_status"]
    assert world.engagement().desk_status == "vendor hold"


def test_a_message_on_which_the_portal_breaks_each_time_becomes_a_persons_matter(world, portal):
    world.engaged()
    portal.fail(OutcomeUnknown("the portal answered 500"), times=100_000)
    world.note("#desk: a text on which their system breaks")
    world.cycle(60, seconds=600)
    (text,) = [one for one in world.deliveries() if one.payload.get("kind") == "text"]
    assert text.status.value == "dead"
    assert 100_000 - len(portal.faults) == world.around.timing.most_repeats
    assert "dead_letter" in world.alerts.codes()
    assert len(portal.received) == 1


def test_the_first_status_of_a_record_that_we_made_tells_nothing_new(world, portal):
    world.engaged()
    world.cycle()
    before = world.notes()
    portal.says("received", status="new")
    world.cycle(2)
    assert world.notes() == before
    assert world.engagement().desk_status == "new"
