"""Engaged cases that are not where they were: told apart, recorded, shown, and ended where the agreement says so."""

from dataclasses import replace

import pytest

from bridge.domain.agreement import OnCaseDeleted
from bridge.domain.delivery import DeliveryKind, DeliveryStatus
from bridge.ports import Stream
from bridge.sync.cycle import Cycle
from tests.syncing.world import CASE_TABLE, DCC, LDSO, RESOLVER, World, desk, source


def alerts(world: World, code: str = "case_gone") -> list[str]:
    return [alert["text"] for alert in world.alerts.sent if alert["code"] == code]


@pytest.fixture
def narrow(world):
    """A world whose only source narrows the table."""
    cases = Stream(CASE_TABLE, CASE_TABLE, "assignment_group.nameSTARTSWITHCPSD")
    return world.with_(sources=[replace(source(CASE_TABLE), cases=cases)])


def leave_the_filter(world: World) -> None:
    world.servicenow.filtered.add(world.case)
    world.servicenow.update(world.case, RESOLVER, assignment_group="Finance")


def test_a_case_that_left_the_filter_goes_on_and_the_resolver_is_told_once(narrow):
    narrow.engaged()
    leave_the_filter(narrow)
    narrow.cycle(4)
    assert narrow.record().gone == "outside"
    assert narrow.notes().count("no longer find this case") == 1
    assert len(narrow.events("case_outside")) == 1
    assert alerts(narrow) == []
    narrow.servicenow.update(narrow.case, RESOLVER, priority="1")
    narrow.report("acknowledged")
    narrow.cycle(3)
    assert narrow.kinds() == ["open", "update"]
    assert narrow.state() == "acknowledged"
    assert narrow.notes().count("no longer find this case") == 1


def test_a_case_that_comes_back_into_the_filter_is_recorded_as_such(narrow):
    narrow.engaged()
    leave_the_filter(narrow)
    narrow.cycle(2)
    narrow.servicenow.filtered.clear()
    narrow.servicenow.update(narrow.case, RESOLVER, assignment_group="CPSD DCC")
    narrow.cycle(2)
    Cycle(narrow.around).look_again()
    assert narrow.record().gone == ""
    assert [told.event.facts["was"] for told in narrow.events("case_back")] == ["outside"]
    leave_the_filter(narrow)
    narrow.cycle(2)
    assert len(narrow.events("case_outside")) == 2


def test_a_case_outside_of_the_filter_may_still_be_deleted(narrow):
    narrow.engaged()
    leave_the_filter(narrow)
    narrow.cycle(2)
    narrow.servicenow.deleted.add(narrow.case)
    narrow.cycle(2)
    assert narrow.record().gone == "deleted"


def test_no_filter_is_asked_while_nothing_changes(narrow):
    narrow.engaged()
    narrow.cycle(3)
    asked = []
    narrow.servicenow.matching = lambda *about: asked.append(about)
    narrow.cycle(3)
    assert asked == []


def test_a_source_without_a_filter_is_never_left(world):
    world.engaged()
    leave_the_filter(world)
    world.cycle(3)
    assert world.record().gone == ""


def test_a_deletion_ends_the_engagements_whose_agreement_says_so_and_flags_the_others(build_world):
    world = build_world(desk("dcc", on_case_deleted=OnCaseDeleted.WITHDRAW), desk("ldso"))
    world.engaged()
    world.note("#engage @ldso")
    world.cycle(2)
    world.servicenow.deleted.add(world.case)
    world.cycle(4)
    assert (world.state(DCC), world.state(LDSO)) == ("withdrawn", "open")
    assert world.kinds(DCC) == ["open", "withdraw"]
    assert world.kinds(LDSO) == ["open"]
    assert len(alerts(world)) == 2
    assert len(world.events("case_gone")) == 1


def test_what_is_only_hidden_ends_nothing_whatever_the_agreement_says(build_world):
    world = build_world(desk("dcc", on_case_deleted=OnCaseDeleted.WITHDRAW))
    world.engaged()
    world.servicenow.hidden.add(world.case)
    world.cycle(4)
    assert world.state() == "open"
    assert world.kinds() == ["open"]


def test_nothing_is_written_to_a_record_that_was_deleted(build_world):
    world = build_world(desk("dcc", on_case_deleted=OnCaseDeleted.WITHDRAW))
    world.engaged()
    world.servicenow.deleted.add(world.case)
    before = len(world.servicenow.attempts)
    world.cycle(4)
    assert len(world.servicenow.attempts) == before
    writes = [one for one in world.deliveries(world.case) if one.kind is DeliveryKind.WRITE]
    assert DeliveryStatus.CANCELLED in {one.status for one in writes}
    assert not any(one.status in {DeliveryStatus.PENDING, DeliveryStatus.DEAD} for one in writes)
    assert "write_refused" not in world.alerts.codes()


def test_what_was_hidden_and_is_deleted_later_is_noticed_by_the_low_schedule(world):
    world.engaged()
    world.servicenow.hidden.add(world.case)
    world.cycle(2)
    world.servicenow.deleted.add(world.case)
    world.cycle(2)
    assert world.record().gone == "hidden"
    Cycle(world.around).look_again()
    assert world.record().gone == "deleted"
    assert len(world.events("case_gone")) == 2


def test_a_case_that_is_shown_again_unchanged_is_no_longer_gone(world):
    world.engaged()
    world.cycle(2)
    world.servicenow.hidden.add(world.case)
    world.cycle(2)
    world.servicenow.hidden.clear()
    world.cycle(1)
    assert world.record().gone == ""
    assert [told.event.facts["was"] for told in world.events("case_back")] == ["hidden"]


def test_who_deleted_a_case_is_personal(world):
    world.engaged()
    world.servicenow.deleted.add(world.case)
    world.cycle(2)
    (told,) = world.events("case_gone")
    assert dict(told.event.facts) == {"why": "deleted"}
    assert told.event.personal == {"seen": "sys_audit: deleted"}
