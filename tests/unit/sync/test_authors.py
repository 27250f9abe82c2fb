"""Who really changed a field: the audit names them, also when our own next write has masked them."""

from bridge.domain.errors import NotPermitted, TryLater
from tests.syncing.servicenow import OURS, Fault
from tests.syncing.world import DCC, OTHER_RESOLVER, RESOLVER, STRANGER


def masked(world, by=RESOLVER, **values):
    """Somebody's change, and a write of ours before anybody has read it."""
    world.servicenow.update(world.case, by, **values)
    world.servicenow.update(world.case, OURS, work_notes="")
    assert world.servicenow.value(world.case, "sys_updated_by") == OURS


def last(world, kind):
    told = world.events(kind)[-1].event
    return told.facts, told.personal


def test_an_early_resolution_is_put_down_to_who_made_it(world):
    world.servicenow.audited = True
    world.engaged()
    masked(world, STRANGER, state="6", close_notes="done")
    world.cycle(1)
    facts, personal = last(world, "case_changed")
    assert (facts, personal["by"]) == ({"fields": ["state"], "named_by": "sys_audit"}, STRANGER)
    assert last(world, "resolution_judged")[1]["by"] == STRANGER


def test_without_the_audit_the_last_writer_is_named_and_it_says_so(world):
    world.engaged()
    masked(world, STRANGER, state="6", close_notes="done")
    world.cycle(1)
    facts, personal = last(world, "case_changed")
    assert (facts["named_by"], personal["by"]) == ("sys_updated_by", OURS)


def test_a_resolver_who_puts_a_case_back_to_work_is_heard_although_we_wrote_after_them(world):
    world.servicenow.audited = True
    world.reported()
    masked(world, OTHER_RESOLVER, state="10")
    world.cycle(2)
    assert world.state() == "in_progress"
    assert world.kinds() == ["open", "reject"]


def test_a_stranger_who_puts_a_case_back_to_work_is_not_taken_for_a_resolver(world):
    world.servicenow.audited = True
    world.reported()
    world.servicenow.update(world.case, STRANGER, state="10")
    world.servicenow.update(world.case, RESOLVER, priority="2")
    world.cycle(2)
    assert world.state() == "resolution_reported"


def test_an_assignment_is_put_down_to_who_made_it(world):
    world.servicenow.audited = True
    world.engaged()
    masked(world, RESOLVER, assignment_group="Billing")
    world.cycle(1)
    facts, personal = last(world, "case_changed")
    assert (facts, personal["by"]) == ({"fields": ["assignment_group"], "named_by": "sys_audit"}, RESOLVER)


def test_an_audit_that_is_away_holds_nothing_up(world, monkeypatch):
    world.engaged()
    for error in (TryLater("503"), NotPermitted("closed", status=403)):

        def away(*_, error=error):
            raise error

        monkeypatch.setattr(world.servicenow, "authors", away)
        group = world.servicenow.value(world.case, "assignment_group") + "1"
        world.servicenow.update(world.case, RESOLVER, priority=group, assignment_group=group)
        world.cycle(2)
    assert world.kinds(DCC) == ["open", "update", "update"]
    assert last(world, "case_changed")[0]["named_by"] == "sys_updated_by"


def test_nobody_is_asked_about_where_nothing_that_tells_has_changed(world, monkeypatch):
    world.engaged()
    asked = []
    monkeypatch.setattr(world.servicenow, "authors", lambda *wanted: asked.append(wanted) or {})
    world.note("Only a note.")
    world.servicenow.update(world.case, RESOLVER, description="Longer", priority="2")
    world.cycle(3)
    assert asked == []
    world.servicenow.update(world.case, RESOLVER, state="18")
    world.cycle(2)
    ((table, cases, fields, _),) = asked
    assert (table, cases, fields) == ("sn_customerservice_case", [world.case], ["state"])


def test_a_lost_write_of_ours_is_nobodys_change(world):
    world.servicenow.audited = True
    world.engaged()
    world.report("question", "Which meter?")
    world.servicenow.fail(Fault.LOST, when=lambda body: body.get("state") == "18")
    world.cycle(3)
    assert world.events("case_changed") == []
