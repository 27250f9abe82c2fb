"""A case that is closed as a duplicate while a desk works on it is a person's matter, and nothing happens by itself."""

from bridge.sync.reconcile import reconcile
from tests.syncing.world import RESOLVER, STRANGER


def merge(world, **values):
    given = {"state": "6", "resolution_code": "Duplicate", "close_notes": "see the other"}
    world.servicenow.update(world.case, STRANGER, **given | values)
    world.cycle(3)


def test_it_is_shown_and_neither_undone_nor_ended(world):
    world.engaged()
    merge(world, parent="CS0000042")
    assert world.phase() == "resolved", "it is not put back to work"
    assert world.state() == "open"
    assert world.kinds() == ["open"], "the desk is told nothing"
    assert world.notes().count("closed as a duplicate of CS0000042 by eve.other while dcc") == 1
    assert world.alerts.codes() == ["case_gone"]
    assert "merged: resolution_code is Duplicate" in world.alerts.sent[0]["text"]
    (told,) = world.events("case_merged")
    assert (told.event.facts["into"], told.event.personal["by"]) == ("CS0000042", STRANGER)
    assert world.record().flagged.startswith("merged")
    assert world.events("resolution_judged") == []


def test_what_the_person_decides_is_done(world):
    world.engaged()
    merge(world)
    world.note("#withdraw @dcc: goes on in the other case", by=RESOLVER)
    world.cycle(2)
    assert world.state() == "withdrawn"
    assert world.kinds() == ["open", "withdraw"]


def test_it_does_not_count_as_the_resolvers_confirmation(world):
    world.reported()
    merge(world)
    assert world.state() == "resolution_reported"
    assert len(world.events("case_merged")) == 1


def test_a_closed_duplicate_is_alarmed_although_nothing_can_be_written_there(world):
    world.engaged()
    merge(world, state="3")
    assert "case_gone" in world.alerts.codes()
    assert "duplicate" not in world.notes()


def test_a_cancelled_duplicate_is_shown_as_one(world):
    world.engaged()
    merge(world, state="7")
    assert world.notes().count("closed as a duplicate") == 1
    assert "was cancelled" not in world.notes()


def test_a_relative_of_an_engaged_case_may_be_its_duplicate(world):
    world.engaged()
    child = world.raise_case("", parent=world.case)
    world.cycle(2)
    world.servicenow.update(child, STRANGER, state="6", resolution_code="Duplicate", close_notes="x")
    world.cycle(3)
    assert world.phase(child) == "resolved"
    assert world.alerts.codes() == ["case_merged"]
    assert world.state() == "open"


def test_an_early_resolution_with_another_code_is_undone_as_ever(world):
    world.engaged()
    merge(world, resolution_code="Solved")
    assert world.phase() == "open"
    assert world.events("case_merged") == []


def test_a_duplicate_that_nobody_waits_for_is_nobodys_matter(world):
    world.engaged()
    world.note("#withdraw @dcc: not needed", by=RESOLVER)
    world.cycle(2)
    merge(world)
    assert world.events("case_merged") == []
    assert world.alerts.codes() == []


def test_reconciling_tells_no_second_time(world):
    world.engaged()
    merge(world)
    assert reconcile(world.around).found == []


def test_a_state_of_that_name_says_it_too(world):
    """Merging functions bring states of their own, which no profile knows."""
    world.engaged()
    merge(world, state="Merged", resolution_code="")
    assert len(world.events("case_merged")) == 1


def test_a_case_that_is_put_back_to_work_is_no_duplicate_any_more(world):
    world.engaged()
    merge(world)
    world.servicenow.update(world.case, RESOLVER, state="10")
    world.cycle(3)
    assert len(world.events("case_merged")) == 1
    assert world.state() == "open"
