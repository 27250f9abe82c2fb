"""Guarantee 19: a case is resolved when the hold allows it; a foreign early resolution is undone, or flagged."""

from datetime import timedelta

import pytest

from bridge.domain.agreement import OnEarlyResolution
from bridge.domain.hold import MOST_REOPENS
from bridge.sync.apply import apply
from bridge.sync.cycle import Cycle
from tests.syncing.servicenow import Fault
from tests.syncing.world import DCC, LDSO, OTHER_RESOLVER, RESOLVER, STRANGER, World, agreement, desk


def reopenings(world: World, case=None) -> list[str]:
    return [note for note in world.servicenow.notes(case or world.case) if "put back to work" in note]


def is_reopening(body) -> bool:
    return "put back to work" in body.get("work_notes", "")


def test_a_case_resolved_early_is_open_again_after_one_pull_and_one_dispatch(world):
    world.engaged()
    world.resolve()
    world.cycle(1)
    assert world.phase() == "open"
    assert "dcc: open" in reopenings(world)[0], "the note says what the case waits for"
    assert world.state() == "open", "the engagement goes on"


def test_it_is_undone_three_times_and_then_flagged(world):
    world.engaged()
    for time in range(MOST_REOPENS):
        world.resolve()
        world.cycle(2)
        assert world.phase() == "open", f"time {time + 1}"
    world.resolve()
    world.cycle(3)
    assert world.phase() == "resolved"
    assert len(reopenings(world)) == MOST_REOPENS
    assert "It is left as it is" in world.notes()
    assert "early_resolution" in world.alerts.codes()
    assert world.record().flagged


def test_where_it_was_agreed_it_is_flagged_at_once(build_world):
    world = build_world(desk("dcc", on_early_resolution=OnEarlyResolution.FLAG))
    world.engaged()
    world.resolve()
    world.cycle(3)
    assert world.phase() == "resolved"
    assert "It is left as it is" in world.notes()
    assert world.alerts.codes() == ["early_resolution"]


def test_a_closed_case_refuses_updates_so_it_is_flagged_and_a_child_is_offered(world):
    world.engaged()
    world.servicenow.update(world.case, STRANGER, state="3")
    world.cycle(3)
    assert world.phase() == "closed"
    assert world.record().flagged
    assert "open a child case" in world.alerts.sent[0]["text"]
    assert world.servicenow.ours(world.case)[-1].before != "3", "nothing is written to a closed case"


def test_a_resolution_after_our_note_confirms(world):
    world.reported()
    world.resolve(by=RESOLVER)
    world.cycle(3)
    assert (world.state(), world.phase()) == ("confirmed", "resolved")
    assert world.kinds() == ["open", "accept"]
    assert len(world.servicenow.ours(world.case, setting="6")) == 0, "it is resolved already"


def test_a_resolution_before_our_note_was_there_is_early(world):
    """The desk reported, and the resolver could not have read it."""
    world.engaged()
    world.report("resolved", "Done.")
    world.resolve(by=RESOLVER)
    world.cycle(3)
    assert world.state() == "resolution_reported"
    assert world.phase() == "open"
    assert len(reopenings(world)) == 1


def test_a_resolution_that_our_note_came_too_late_for_is_early(build_world):
    """Resolved between our last look at the record and our note: the note is in the case, and came after."""
    world = build_world(desk("dcc", push={}))
    world.engaged()

    def just_before(sys_id, body):
        world.servicenow.before_write = None
        world.resolve(by=RESOLVER)

    world.report("resolved", "Done.")
    world.servicenow.before_write = just_before
    world.cycle(3)
    assert "#confirm @dcc" in world.notes()
    assert (world.state(), world.phase()) == ("resolution_reported", "open")


def test_a_resolution_that_is_read_further_than_the_journal_waits_for_it(world, monkeypatch):
    """The command came with it, between the pull of the journal and that of the engaged cases."""
    world.reported()
    read_many = world.servicenow.read_many

    def confirmed_meanwhile(table, sys_ids):
        monkeypatch.undo()
        world.servicenow.update(world.case, RESOLVER, state="6", close_notes="done", work_notes="#confirm")
        return read_many(table, sys_ids)

    monkeypatch.setattr(world.servicenow, "read_many", confirmed_meanwhile)
    world.cycle(1)
    assert world.state() == "resolution_reported"
    world.cycle(2)
    assert (world.state(), world.phase()) == ("confirmed", "resolved")
    assert reopenings(world) == []


def test_a_command_that_lands_after_the_inbox_was_applied_is_not_overtaken_by_its_resolution(world, monkeypatch):
    """In a service the pull goes on while the rest works."""
    world.engaged()
    told = "#heard @dcc from Jo: resolved, it works\n#confirm @dcc"

    def applied_and_then(*arguments):
        monkeypatch.undo()
        report = apply(*arguments)
        world.servicenow.update(world.case, RESOLVER, state="6", close_notes="done", work_notes=told)
        world.clock.forward(seconds=2)
        for source in world.around.sources:
            Cycle(world.around).pull_source(source)
        return report

    monkeypatch.setattr("bridge.sync.cycle.apply", applied_and_then)
    world.cycle(3)
    assert (world.state(), world.phase()) == ("confirmed", "resolved")
    assert reopenings(world) == []


def test_after_a_reopening_the_note_that_was_told_still_lets_a_resolution_confirm(world):
    """The report's state write found the case resolved, so its words came in a note of their own."""
    test_a_resolution_before_our_note_was_there_is_early(world)
    assert "#confirm @dcc" in world.notes()
    world.resolve(by=RESOLVER)
    world.cycle(3)
    assert (world.state(), world.phase()) == ("confirmed", "resolved")


def test_a_resolution_is_early_for_all_while_one_desk_has_not_reported(build_world):
    world = build_world()
    world.reported()
    world.note("#engage @ldso")
    world.cycle(2)
    world.resolve(by=RESOLVER)
    world.cycle(3)
    assert (world.state(DCC), world.state(LDSO)) == ("resolution_reported", "open")
    assert world.phase() == "open"


def test_a_confirmation_written_together_with_the_resolution_comes_first(world):
    world.reported()
    world.servicenow.update(world.case, RESOLVER, state="6", close_notes="done", work_notes="#confirm")
    world.cycle(3)
    assert (world.state(), world.phase()) == ("confirmed", "resolved")
    assert reopenings(world) == []


def test_a_declined_engagement_without_a_successor_keeps_the_case_open(world):
    world.engaged()
    world.report("declined", "Not ours.", direction=LDSO)
    world.cycle(2)
    world.resolve(by=RESOLVER)
    world.cycle(2)
    assert world.phase() == "open"


def test_a_case_that_nobody_is_engaged_for_may_be_resolved_by_anybody(build_world):
    world = build_world(routes=())
    world.raise_case()
    world.note("#engage @dcc")
    world.cycle(2)
    world.note("#withdraw: raised twice")
    world.cycle(2)
    world.resolve()
    world.cycle(2)
    assert world.phase() == "resolved"
    assert reopenings(world) == []


def test_the_linked_incident_is_held_open_too(world):
    incident = world.raise_case("", table="incident")
    case = world.engaged(incident=incident)
    world.resolve(case=incident)
    world.cycle(2)
    assert world.phase(incident) == "open"
    assert "put back to work" in world.notes(incident)
    assert world.phase(case) == "open"


def test_the_linked_incident_is_held_open_although_the_link_came_later(world):
    incident = world.raise_case("", table="incident")
    case = world.engaged()
    world.servicenow.update(case, RESOLVER, incident=incident)
    world.cycle(2)
    world.resolve(case=incident)
    world.cycle(2)
    assert world.phase(incident) == "open"


def test_the_parent_is_held_open_too(world):
    parent = world.raise_case("")
    child = world.engaged(parent=parent)
    world.cycle(1)
    world.resolve(case=parent)
    world.cycle(2)
    assert world.phase(parent) == "open"
    assert world.phase(child) == "open"


def test_an_incident_that_was_resolved_before_anybody_was_engaged_stays_resolved(world):
    incident = world.raise_case("", table="incident")
    world.resolve(case=incident)
    world.cycle(2)
    world.engaged(incident=incident)
    world.servicenow.update(incident, STRANGER, priority="2")
    world.cycle(3)
    assert world.phase(incident) == "resolved"


def test_when_all_of_a_family_is_confirmed_each_engaged_record_is_resolved(build_world):
    world = build_world()
    incident = world.raise_case(DCC, table="incident")
    case = world.raise_case(LDSO, incident=incident)
    world.cycle(2)
    for sys_id, name in ((incident, DCC), (case, LDSO)):
        world.report("resolved", desk=name, case=sys_id)
        world.cycle(2)
        world.note("#confirm", case=sys_id)
        world.cycle(3)
        if sys_id == incident:
            assert world.phase(incident) != "resolved", "the family waits for the case's desk"
    assert (world.phase(incident), world.phase(case)) == ("resolved", "resolved")


def test_a_reopening_that_is_no_longer_needed_is_withheld(world):
    """Confirmed between the early resolution and our write: nothing is undone."""
    world.engaged()
    world.servicenow.fail(Fault.BUSY, when=is_reopening, after=timedelta(seconds=9))
    world.resolve(by=RESOLVER)
    world.cycle(1)
    world.note("#heard @dcc from Jo: resolved, it works again\n#confirm @dcc", by=OTHER_RESOLVER)
    world.cycle(8)
    assert (world.state(), world.phase()) == ("confirmed", "resolved")
    assert reopenings(world) == []
    assert world.events("write_withheld")


def test_a_case_confirmed_while_our_reopening_is_uncertain_is_resolved_in_the_end(world):
    world.engaged()
    world.resolve(by=RESOLVER)
    world.servicenow.fail(Fault.LATE, when=is_reopening, after=timedelta(seconds=9))
    world.cycle(1)
    world.note("#heard @dcc from Jo: resolved, it works again\n#confirm @dcc")
    world.cycle(1)
    assert (world.state(), world.phase()) == ("confirmed", "resolved")
    world.cycle(14)
    assert len(reopenings(world)) == 1
    assert (world.state(), world.phase()) == ("confirmed", "resolved")


def test_our_own_resolution_withheld_by_a_change_just_before_it_is_not_written(world):
    """The record is read again just before: the verdict is taken on what is there now."""
    world.reported()
    world.note("#confirm")
    world.servicenow.fail(Fault.BUSY, when=lambda body: body.get("state") == "6")
    world.cycle(1)
    world.note("#engage @dcc")
    world.cycle(8)
    assert world.engagement().round == 2
    assert world.servicenow.ours(world.case, setting="6") == []


@pytest.mark.parametrize("who", [RESOLVER, STRANGER])
def test_agreements_decide_and_not_who_resolved(world, who):
    assert agreement().on_early_resolution is OnEarlyResolution.REOPEN
    world.engaged()
    world.resolve(by=who)
    world.cycle(2)
    assert world.phase() == "open"
