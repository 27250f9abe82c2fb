"""Reconciling by the real store and steps: what happened behind the bridge's back is seen, mended, and told once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.agreement import ResponseTime
from bridge.domain.delivery import DeliveryStatus
from bridge.domain.errors import OutcomeUnknown, TryLater
from bridge.domain.ids import DeliveryId
from bridge.sync import restored
from bridge.sync.cycle import Cycle, steps
from bridge.sync.mending import Status
from bridge.sync.reconcile import reconcile
from bridge.sync.surroundings import Reconciling
from tests.syncing.servicenow import OURS, Fault
from tests.syncing.world import DCC, RESOLVER, STRANGER, desk


def found(world, **options):
    """Difference and status, in order."""
    report = reconcile(world.around, **options)
    assert report.unreachable == []
    return [(one.difference.kind.value, one.status.value) for one in report.found]


def behind_the_back(world, text="Please look again.", *, by=RESOLVER, element="work_notes"):
    """An entry with a stamp that every window has passed."""
    world.servicenow.add_entry(world.case, by, text, element)
    entry = world.servicenow.entries[-1]
    world.clock.forward(seconds=30)
    seen = list(world.servicenow.entries)
    world.servicenow.entries.remove(entry)
    world.cycle()
    world.servicenow.entries[:] = seen
    world.servicenow.commit_late_writes()
    return entry


def test_nothing_differs_after_a_round_trip(world):
    world.reported()
    assert found(world) == []


def test_a_persons_entry_that_never_came_is_brought_in_and_obeyed(world):
    world.engaged()
    behind_the_back(world, "#desk @dcc: Please ring me.")
    assert found(world) == [("missed_entry", "mended")]
    assert found(world) == []
    world.cycle()
    assert [mail.told["text"] for mail in world.mails() if mail.kind == "text"] == ["Please ring me."]
    assert [told.event.who for told in world.events("difference_mended")] == ["bridge"]


def test_a_dry_run_changes_nothing(world):
    world.engaged()
    entry = behind_the_back(world)
    world.servicenow.entries.remove(next(one for one in world.servicenow.entries if one["sys_created_by"] == OURS))
    before = world.everything()
    assert found(world, mend=False) == [("missed_entry", "mendable"), ("entry_gone", "person")]
    assert world.everything() == before
    assert entry in world.servicenow.entries


def test_what_the_pull_has_still_to_read_is_no_difference(world):
    world.engaged()
    world.note("Just now.")
    world.servicenow.update(world.case, STRANGER, priority="2")
    assert found(world) == []


def test_what_was_said_before_the_case_was_engaged_is_no_difference(world):
    sys_id = world.raise_case("")
    world.note("Said long before.")
    world.cycle(2)
    world.servicenow.update(sys_id, STRANGER, assignment_group="CPSD DCC")
    world.cycle(3)
    assert world.state() == "open"
    assert found(world) == []


def test_a_note_of_ours_that_somebody_deleted_is_told_of_once(world):
    world.reported()
    world.servicenow.entries.remove(next(one for one in world.servicenow.entries if one["sys_created_by"] == OURS))
    report = reconcile(world.around)
    (gone,) = report.found
    assert (gone.difference.kind.value, gone.status, gone.new) == ("entry_gone", Status.PERSON, True)
    assert "dcc is engaged" in gone.difference.seen
    (again,) = reconcile(world.around).found
    assert (again.status, again.new) == (Status.PERSON, False)
    world.cycle()
    assert world.alerts.codes() == ["entry_gone"]


def test_a_note_from_before_the_engagement_is_looked_for_where_it_is(world):
    """It lies before everything that is asked for at first."""
    sys_id = world.raise_case("")
    world.note("#engage")
    world.cycle(2)
    world.clock.forward(seconds=60)
    world.servicenow.update(sys_id, STRANGER, assignment_group="CPSD DCC")
    world.cycle(3)
    assert "name the desk" in world.notes()
    assert found(world) == []


def test_an_entry_of_ours_that_never_came_is_bound_to_its_delivery(world):
    world.raise_case()
    hidden = []

    def hide(sys_id, body):
        hidden.append(world.servicenow.entries.pop())

    world.servicenow.rules.append(hide)
    world.cycle(2, seconds=30)
    world.servicenow.rules.clear()
    world.servicenow.entries.extend(hidden)
    assert len(hidden) == 1
    assert found(world) == [("missed_echo", "mended")]
    assert found(world) == []
    world.cycle()
    assert world.alerts.codes() == []


def test_an_entry_by_our_user_that_nothing_explains_is_a_persons_matter(world):
    world.engaged()
    behind_the_back(world, "Recalculated.", by=OURS)
    assert found(world) == [("unexplained_entry", "person")]
    world.cycle()
    assert world.alerts.codes() == ["unexplained_entry"]
    assert found(world) == [], "it came, and people were told"


def test_a_second_entry_of_one_delivery_is_a_persons_matter(world):
    world.engaged()
    behind_the_back(world, world.servicenow.notes(world.case)[0], by=OURS)
    assert found(world) == [("duplicate_entry", "person")]
    world.cycle()
    assert world.alerts.codes() == ["duplicate_entry"]
    assert found(world) == []


def test_a_write_whose_answer_was_lost_is_settled_by_the_entry_that_is_there(world):
    world.engaged()
    world.servicenow.fail(Fault.LOST, when=lambda body: "asks" in body.get("work_notes", ""))
    world.report("question", "Which meter?")
    world.cycle(1, seconds=0.1)
    (unknown,) = [one for one in world.deliveries(world.case, pending=True) if one.recipient == "servicenow"]
    assert unknown.status.value == "unknown"
    assert found(world) == [("write_arrived", "mended")]
    with world.store.reading() as tx:
        assert tx.delivery(DeliveryId(unknown.id)).status.value == "done"
        assert unknown.id in tx.bound_entries(world.case).values()
    written = [told.event.facts["delivery"] for told in world.events("case_written")]
    assert written.count(unknown.id) == 1
    world.cycle(3)
    world.written_once()
    assert world.state() == "awaiting_information"
    assert world.phase() == "awaiting"
    assert found(world) == []


def test_a_write_that_was_never_carried_out_is_left_to_the_outbox(world):
    world.engaged()
    world.servicenow.fail(Fault.NEVER, when=lambda body: "asks" in body.get("work_notes", ""))
    world.report("question", "Which meter?")
    world.cycle(1, seconds=0.1)
    assert found(world) == []
    world.cycle(14)
    world.written_once()


def test_a_change_without_a_stamp_is_taken_like_any_other(world):
    """A rule with automatic fields off changes a record, and neither its time nor its count."""
    world.engaged()
    world.cycle(2, seconds=20)
    world.servicenow.records[world.case]["priority"] = "1"
    assert found(world) == [("missed_revision", "mended")]
    assert found(world, mend=False) == [("missed_revision", "mendable")], "landed, and not decided upon yet"
    assert found(world) == []
    world.cycle()
    assert world.kinds() == ["open", "update"]


def test_a_case_that_ended_while_the_hold_waits_is_told_of_once(world):
    world.engaged()
    world.servicenow.fail(Fault.REFUSED, when=lambda body: body.get("state") == "10")
    world.resolve()
    world.cycle(3)
    assert world.phase() == "resolved"
    kinds = found(world)
    assert ("dead_letter", "person") in kinds
    with world.store.transaction() as tx:
        (dead,) = [one for one in tx.deliveries(pending=True) if one.status.value == "dead"]
        tx.set_delivery(dead.id, DeliveryStatus.CANCELLED)
    assert found(world) == [("ended_early", "person")]
    assert found(world) == [("ended_early", "person")]
    world.cycle()
    assert world.alerts.codes().count("ended_early") == 1


def test_a_case_that_is_gone_is_asked_about_and_stays_told(world):
    world.engaged()
    world.servicenow.deleted.add(world.case)
    report = reconcile(world.around)
    (gone,) = report.found
    assert (gone.difference.kind.value, gone.new) == ("case_gone", True)
    assert world.record().gone == "deleted"
    (again,) = reconcile(world.around).found
    assert (again.status, again.new) == (Status.PERSON, False)


def test_a_delivery_that_waits_for_long_is_told_of(world):
    world.engaged()
    world.desks[DCC].fail(TryLater("away"), times=50)
    world.note("#desk @dcc: Are you there?")
    world.cycle(1)
    assert found(world) == []
    world.clock.forward(hours=2)
    assert found(world) == [("late_delivery", "person")]
    patient = world.with_(reconciling=Reconciling(late=timedelta(hours=3)))
    assert found(patient) == []


def test_a_desk_that_owes_its_first_answer_is_told_of(build_world):
    world = build_world(desk("dcc", respond_within={"P3": ResponseTime(elapsed=timedelta(hours=4))}))
    world.engaged()
    world.clock.forward(hours=3)
    assert found(world) == []
    world.clock.forward(hours=2)
    assert found(world) == [("unanswered", "person")]
    world.report("acknowledged")
    world.cycle(2)
    assert found(world) == []


def test_recipients_that_refused_are_shown(world):
    world.engaged()
    mail = world.mails()[0]
    world.mailbox.put(
        {"bounced": mail.message_id, "recipients": ["desk@dcc.example"], "reference": world.reference(), "desk": DCC}
    )
    world.cycle(2)
    assert found(world) == [("undeliverable", "person")]


def test_a_state_and_a_reference_that_people_changed_are_noted(world):
    world.engaged()
    world.report("question", "Which meter?", desk_reference="INC1")
    world.cycle(3)
    assert (world.phase(), world.servicenow.value(world.case, "correlation_display")) == ("awaiting", "INC1")
    assert found(world) == []
    world.servicenow.update(world.case, STRANGER, state="10", correlation_display="")
    world.cycle(2)
    assert found(world) == [("reference_differs", "noted"), ("state_differs", "noted")]


def test_a_portal_is_asked_for_its_messages(world):
    world.desks[DCC].can_find = True
    world.engaged()
    assert found(world) == []
    lost = world.desks[DCC].received.pop()
    assert found(world) == [("message_gone", "person")]
    world.desks[DCC].received.append(lost)
    assert found(world) == []


def test_a_message_whose_answer_was_lost_is_settled_by_the_portal(world):
    world.desks[DCC].can_find = True
    world.desks[DCC].fail(OutcomeUnknown("the answer was lost"), arrives=True)
    world.raise_case()
    world.cycle(1)
    assert world.engagement().standing.value == "unknown"
    assert found(world) == [("message_arrived", "mended")]
    assert world.engagement().standing.value == "sent"
    assert len(world.events("message_delivered")) == 1
    world.cycle(3)
    assert len(world.mails()) == 1


def test_a_portal_that_is_away_is_named_and_the_rest_is_compared(world, monkeypatch):
    world.desks[DCC].can_find = True
    world.engaged()
    behind_the_back(world)

    def away(delivery):
        raise TryLater("503")

    monkeypatch.setattr(world.desks[DCC], "find", away)
    report = reconcile(world.around)
    assert [one.difference.kind.value for one in report.found] == ["missed_entry"]
    assert report.unreachable == [("dcc", "503")]


def test_a_servicenow_that_is_away_is_named_and_the_mailbox_is_compared(world, monkeypatch):
    world.engaged()
    world.mailbox.put({"report": "acknowledged", "reference": world.reference(), "desk": DCC})

    def away(table, sys_ids):
        raise TryLater("503")

    monkeypatch.setattr(world.servicenow, "read_many", away)
    report = reconcile(world.around)
    assert report.unreachable == [("servicenow", "503")]
    assert [one.difference.kind.value for one in report.found] == ["missed_mail"]
    monkeypatch.undo()
    world.cycle()
    assert world.state() == "acknowledged"


def test_one_case_is_compared_alone(world):
    world.engaged()
    behind_the_back(world)
    other = world.engaged(DCC)
    assert found(world, only=other) == []
    assert found(world, only=world.case) == [("missed_entry", "mended")]


def test_many_cases_cost_few_calls(world):
    for _ in range(5):
        world.raise_case()
    world.cycle(2)
    counts = []
    report = reconcile(world.around, told=lambda done, total: counts.append((done, total)))
    assert counts == [(0, 5), (5, 5)]
    assert (report.cases, report.found) == (5, [])


def test_a_parked_case_is_shown(world):
    world.engaged()
    with world.store.transaction() as tx:
        tx.save_case(replace(tx.case(world.case), parked="poison"))
    assert found(world) == [("case_parked", "person")]


def test_it_has_a_schedule_of_its_own(world):
    every, do = steps(Cycle(world.around), world.around)["reconcile"]
    assert every == timedelta(days=1).total_seconds()
    world.engaged()
    behind_the_back(world)
    do()
    assert found(world) == []


def test_nothing_is_compared_while_a_restored_store_catches_up(world):
    world.engaged()
    restored.begin(world.around, "operator:ines")
    with pytest.raises(TryLater, match="restored"):
        reconcile(world.around)
    world.cycle(3, seconds=30)
    assert found(world) == []
