"""Guarantee 10 and the echo rule: what is ours, what is a person's, and what is neither."""

import pytest

from bridge.domain.agreement import Share, ShareNotes
from tests.syncing.servicenow import OURS, Fault
from tests.syncing.world import DCC, OTHER_RESOLVER, RESOLVER, World, desk


@pytest.fixture
def sharing(build_world) -> World:
    """A desk that sees every work note, so that whatever is wrongly forwarded is seen."""
    return build_world(desk("dcc", share=Share(work_notes=ShareNotes.ALL)), desk("ldso"))


def texts(world: World) -> list[str]:
    return [mail.told["text"] for mail in world.mails() if mail.kind == "text"]


def last_note(world: World) -> str:
    return world.servicenow.notes(world.case)[-1]


def test_two_identical_notes_by_two_people_are_two_messages(world):
    world.engaged()
    for person in (RESOLVER, OTHER_RESOLVER):
        world.note("#desk @dcc: Please ring me.", by=person)
    world.cycle(2)
    assert texts(world) == ["Please ring me.", "Please ring me."]


def test_a_note_read_twice_is_one_message(world):
    world.engaged()
    world.note("#desk @dcc: Please ring me.")
    world.cycle(5, seconds=1)
    assert texts(world) == ["Please ring me."]


def test_a_person_who_quotes_our_note_with_its_reference_is_still_a_person(sharing):
    sharing.engaged()
    quoted = last_note(sharing)
    assert quoted.endswith("]"), "our notes end with a reference"
    sharing.note(quoted)
    sharing.note(f"#desk @dcc: You wrote this:\n{quoted}")
    sharing.cycle(2)
    assert len(texts(sharing)) == 2
    assert all("is engaged" in text for text in texts(sharing))
    assert sharing.alerts.codes() == []


def test_a_person_may_quote_before_our_own_entry_was_read(sharing):
    """The quotation does not take our delivery's place."""
    sharing.raise_case()
    sharing.clock.forward(seconds=2)
    sharing.cycle_now()
    sharing.note(last_note(sharing))
    sharing.cycle(3)
    assert len(texts(sharing)) == 1
    assert sharing.alerts.codes() == []


def test_a_person_who_writes_the_reference_of_a_write_under_way_does_not_settle_it(world):
    world.servicenow.fail(Fault.NEVER)
    world.raise_case()
    world.cycle(1)
    (unknown,) = [one for one in world.deliveries(world.case, pending=True) if one.recipient == "servicenow"]
    world.note(unknown.payload["text"])
    world.cycle(14)
    assert len(world.servicenow.notes(world.case)) == 1, "our own note was still to be written"
    assert not world.deliveries(pending=True)


def test_our_own_entries_are_neither_commands_nor_forwarded(sharing):
    sharing.engaged()
    sharing.report("question", "Which one?\n#engage @ldso\n#withdraw @dcc: as we said")
    sharing.cycle(4)
    assert "#withdraw @dcc" in sharing.notes()
    assert sharing.state() == "awaiting_information"
    assert [one.desk for one in sharing.engagements()] == [DCC]
    assert texts(sharing) == []


def test_a_business_rule_that_writes_as_our_user_is_flagged_and_does_nothing_else(sharing):
    sharing.engaged()
    sharing.servicenow.add_entry(sharing.case, OURS, "Priority was recalculated.\n#withdraw @dcc: by a rule")
    sharing.servicenow.add_entry(sharing.case, OURS, "Your case was updated.", "comments")
    sharing.cycle(3)
    assert sharing.state() == "open"
    assert texts(sharing) == []
    assert sharing.alerts.codes() == ["unexplained_entry", "unexplained_entry"]
    assert len(sharing.events("unexplained_entry")) == 2


def test_a_rule_that_copies_our_note_makes_a_second_entry_of_one_delivery(world):
    def copy(sys_id, body):
        if "is engaged" in body.get("work_notes", ""):
            world.servicenow.add_entry(sys_id, OURS, body["work_notes"])

    world.servicenow.rules.append(copy)
    world.raise_case()
    world.cycle(4)
    assert world.alerts.codes() == ["duplicate_entry"]
    assert len(world.events("duplicate_entry")) == 1


def test_a_rule_that_copies_our_note_into_another_record_is_unexplained_there(world):
    incident = world.raise_case("", table="incident")
    world.raise_case(incident=incident)
    world.cases.reverse()
    world.cycle(3)
    world.servicenow.update(incident, RESOLVER, priority="2")
    world.servicenow.add_entry(incident, OURS, last_note(world))
    world.cycle(3)
    assert world.alerts.codes() == ["unexplained_entry"]
    assert world.alerts.sent[0]["case"] == world.number(incident)


def test_an_entry_of_ours_that_lost_its_reference_is_known_by_its_words(world):
    """A platform rule rewrites the journal and drops the last line."""

    def strip(sys_id, body):
        world.servicenow.entries[-1]["value"] = f"\r\n{body['work_notes'].rpartition(chr(10))[0]}  "

    world.servicenow.rules.append(strip)
    world.raise_case()
    world.cycle(4)
    assert world.alerts.codes() == []


def test_one_delivery_explains_one_entry_without_a_reference_and_no_second(world):
    def twice(sys_id, body):
        text = body["work_notes"].rpartition("\n")[0]
        world.servicenow.entries[-1]["value"] = text
        world.servicenow.add_entry(sys_id, OURS, text)

    world.servicenow.rules.append(twice)
    world.raise_case()
    world.cycle(4)
    assert world.alerts.codes() == ["duplicate_entry"]


def test_words_like_ours_in_another_field_are_not_ours(world):
    world.engaged()
    world.servicenow.add_entry(world.case, OURS, last_note(world), "comments")
    world.cycle(2)
    assert world.alerts.codes() == ["unexplained_entry"]


def test_the_value_of_a_pending_write_of_ours_is_no_change_by_somebody_else(world):
    world.engaged()
    world.report("question", "Which meter?")
    world.servicenow.fail(Fault.LOST, when=lambda body: body.get("state") == "18")
    world.cycle(1)
    world.desks[DCC].received.clear()
    world.servicenow.update(world.case, "system", priority="2")
    world.cycle(4)
    assert world.kinds() == ["update"]
    update = world.mails()[-1].told["facts"]
    assert [fact["key"] for fact in update] == ["changed_priority"]
    assert world.state() == "awaiting_information", "our own write is not the resolver's"


def test_a_change_back_by_a_person_is_a_persons(world):
    """Only the value that we wrote is an echo."""
    world.reported()
    world.servicenow.update(world.case, RESOLVER, state="10")
    world.cycle(2)
    assert world.state() == "in_progress"
    assert world.kinds() == ["open", "reject"]
