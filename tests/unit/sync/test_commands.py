"""What resolvers write into work notes, and how it is answered."""

import pytest

from bridge.domain.agreement import Share
from bridge.domain.errors import OutcomeUnknown
from bridge.mapping.routing import Route
from tests.syncing.world import DCC, LDSO, REC, STRANGER, World, desk


@pytest.fixture
def unrouted(build_world) -> World:
    """A case that no route takes."""
    world = build_world(routes=())
    world.raise_case()
    return world


def refusals(world: World) -> list[str]:
    return [note for note in world.servicenow.notes(world.case) if "was not carried out" in note]


def test_a_resolver_engages_a_desk(unrouted):
    unrouted.note("#engage @ldso")
    unrouted.cycle(2)
    assert unrouted.kinds(LDSO) == ["open"]
    assert "ldso is engaged by priya.shah" in unrouted.notes()


def test_a_stranger_commands_nothing(unrouted):
    unrouted.note("#engage @ldso", by=STRANGER)
    unrouted.cycle(2)
    assert unrouted.mails(LDSO) == []


def test_a_stranger_commands_nothing_in_a_case_that_the_bridge_deals_with_either(world):
    world.reported()
    world.note("#confirm @dcc\n#engage @ldso", by=STRANGER)
    world.cycle(2)
    assert world.state() == "resolution_reported"
    assert world.mails(LDSO) == []
    assert refusals(world) == [], "nor is a stranger answered"


def test_a_comment_is_no_command(unrouted):
    unrouted.comment("#engage @ldso", by="priya.shah")
    unrouted.cycle(2)
    assert unrouted.mails(LDSO) == []


def test_contents_that_are_missing_hold_the_case_back_and_are_named(world):
    world.raise_case(business_impact="")
    world.cycle(2)
    assert world.mails() == []
    assert world.state() == "incomplete"
    assert "The impact statement is missing" in world.notes()


def test_it_goes_out_once_the_contents_are_there(world):
    world.raise_case(business_impact="")
    world.cycle(2)
    world.servicenow.update(world.case, "priya.shah", business_impact="Two suppliers cannot bill.")
    world.cycle(2)
    assert world.kinds() == ["open"]
    assert "Two suppliers cannot bill." in world.desks[DCC].texts()


def test_or_when_a_resolver_overrides(world):
    world.raise_case(business_impact="")
    world.cycle(2)
    world.note("#override @dcc: it is urgent")
    world.cycle(2)
    assert world.kinds() == ["open"]
    assert "although contents are missing" in world.notes()


def test_a_question_is_answered_and_the_desks_clock_runs_again(world):
    world.engaged()
    world.report("question", "Which meter?")
    world.cycle(2)
    assert (world.state(), world.phase()) == ("awaiting_information", "awaiting")
    assert "Which meter?" in world.notes()
    world.note("#desk: 17K0012345")
    world.cycle(2)
    assert world.mails()[-1].told["text"] == "17K0012345"
    assert world.state() == "in_progress"


def test_an_answer_that_was_not_delivered_ends_no_wait(world):
    world.engaged()
    world.report("question", "Which meter?")
    world.cycle(2)
    world.desks[DCC].fail(OutcomeUnknown("broke off"))
    world.note("#desk: 17K0012345")
    world.cycle(1)
    assert world.state() == "awaiting_information"
    world.cycle(3)
    assert world.state() == "in_progress"


def test_a_rejected_resolution_goes_back_to_the_desk_with_the_reason(world):
    world.reported()
    world.note("#reject @dcc: still no reads")
    world.cycle(2)
    assert world.state() == "in_progress"
    assert world.mails()[-1].kind == "reject"
    assert "still no reads" in world.mails()[-1].told["text"]


def test_a_problem_that_returns_opens_a_new_round_under_a_reference_of_its_own(world):
    world.reported()
    world.note("#confirm")
    world.cycle(3)
    first = world.reference()
    world.servicenow.update(world.case, "priya.shah", state="10", work_notes="#engage @dcc")
    world.cycle(1)
    world.note("#engage @dcc")
    world.cycle(3)
    assert [one.round for one in world.engagements()] == [1, 2]
    assert world.reference() != first
    assert world.notes().count("is engaged again by priya.shah, round 2") == 1
    world.written_once()


def test_the_desk_may_be_left_out_when_only_one_is_open(world):
    world.reported()
    world.note("#confirm")
    world.cycle(2)
    assert world.state() == "confirmed"


def test_where_several_are_open_it_must_be_named(world):
    world.reported()
    world.note("#engage @ldso")
    world.cycle(2)
    world.note("#confirm")
    world.cycle(2)
    assert world.state() == "resolution_reported"
    assert "several desks are engaged; name one: @dcc, @ldso" in refusals(world)[0]


def test_engage_without_a_name_takes_the_desk_that_was_proposed(build_world):
    world = build_world(routes=[Route(1, "assignment_group == 'CPSD LDSO'", LDSO)])
    world.raise_case(LDSO)
    world.cycle(2)
    world.note("#engage")
    world.cycle(2)
    assert world.kinds(LDSO) == ["open"]


@pytest.mark.parametrize(
    "note, why",
    [
        ("#engage @dcc", "the desk is engaged already"),
        ("#engage @nobody", "there is no desk @nobody"),
        ("#confirm @dcc", "the desk has reported no resolution"),
        ("#confirm @ldso", "@ldso is not engaged in this case"),
        ("#reject @dcc: no", "the desk has reported nothing that could be rejected"),
        ("#override @dcc: go", "nothing is held back"),
        ("#withdraw @dcc", "the words after the colon are missing"),
        ("#resolved @dcc", "there is no command #resolved"),
        ("#heard @dcc from Jo: bananas", "After the colon write one of"),
    ],
)
def test_a_command_that_cannot_be_done_is_answered_by_a_note_that_says_why(world, note, why):
    world.engaged()
    world.note(note)
    world.cycle(2)
    (answer,) = refusals(world)
    assert why in answer
    assert world.state() == "open"
    assert world.kinds() == ["open"]


def test_several_commands_in_one_note_are_done_in_order(world):
    world.reported()
    world.note("Spoke to the raiser.\n#reject @dcc: still no reads\n#desk @dcc: see meter 17K\n#engage @ldso")
    world.cycle(2)
    assert world.kinds() == ["open", "reject", "text"]
    assert world.kinds(LDSO) == ["open"]


def test_what_was_heard_by_telephone_is_a_report(world):
    world.engaged()
    world.note("#heard @dcc from Jo Miller: acknowledged INC000000000077")
    world.cycle(2)
    assert world.state() == "acknowledged"
    assert world.engagement().desk_reference == "INC000000000077"
    world.note("#heard @dcc from Jo Miller: resolved, the job was restarted")
    world.cycle(2)
    assert world.state() == "resolution_reported"
    assert "by telephone" in world.notes()


def test_a_withdrawal_before_anything_left_tells_nobody(world):
    world.desks[DCC].faults = []
    world.raise_case()
    with world.store.transaction() as tx:
        tx.set_control("pause/desk/dcc", "held", "operator")
    world.cycle(2)
    world.note("#withdraw: raised twice")
    world.cycle(2)
    with world.store.transaction() as tx:
        tx.set_control("pause/desk/dcc", None, "operator")
    world.cycle(2)
    assert world.state() == "withdrawn"
    assert world.mails() == []


def test_a_withdrawal_of_an_incomplete_engagement_tells_nobody(world):
    world.raise_case(business_impact="")
    world.cycle(2)
    world.note("#withdraw: raised twice")
    world.cycle(2)
    assert world.state() == "withdrawn"
    assert world.mails() == []


def test_a_withdrawal_of_what_the_desk_has_is_told_to_it(world):
    world.engaged()
    world.note("#desk: one moment")
    world.note("#withdraw: raised twice")
    world.cycle(2)
    assert world.state() == "withdrawn"
    assert world.kinds() == ["open", "withdraw"], "what never left is not sent"


def test_a_portal_that_turns_out_not_to_have_it_is_not_told_of_the_withdrawal(world):
    world.desks[DCC].can_find = True
    world.desks[DCC].fail(OutcomeUnknown("broke off"))
    world.raise_case()
    world.cycle(2)
    world.note("#withdraw: raised twice")
    world.cycle(2)
    assert world.state() == "open"
    world.cycle(14)
    assert world.state() == "withdrawn"
    assert world.mails() == []


def test_a_portal_that_turns_out_to_have_it_is_told_of_the_withdrawal(world):
    world.desks[DCC].can_find = True
    world.desks[DCC].fail(OutcomeUnknown("broke off"), arrives=True)
    world.raise_case()
    world.cycle(1)
    world.servicenow.commit_late_writes()
    world.note("#withdraw: raised twice")
    world.cycle(14)
    assert world.state() == "withdrawn"
    assert world.kinds() == ["open", "withdraw"]


def test_a_declined_case_stays_open_and_its_direction_is_proposed(world):
    world.engaged()
    world.report("declined", "Not ours, ask the network.", direction=LDSO)
    world.cycle(2)
    assert world.state() == "declined"
    assert world.phase() == "open"
    assert world.mails(LDSO) == [], "never sent by itself"
    assert "#engage @ldso" in world.notes()


def test_a_successor_that_confirms_settles_the_decline(world):
    world.engaged()
    world.report("declined", "Not ours.", direction=LDSO)
    world.cycle(2)
    world.note("#engage @ldso")
    world.cycle(2)
    assert world.engagement(DCC).successor == world.engagement(LDSO).id
    world.report("resolved", desk=LDSO)
    world.cycle(2)
    world.note("#confirm @ldso")
    world.cycle(3)
    assert world.phase() == "resolved"


def test_two_desks_that_name_each_other_are_shown_side_by_side_and_a_person_decides(world):
    world.engaged()
    world.report("declined", "The network has it.", direction=LDSO)
    world.cycle(2)
    world.note("#engage @ldso")
    world.cycle(2)
    world.report("declined", "The meter has it.", desk=LDSO, direction=DCC)
    world.cycle(2)
    last = world.servicenow.notes(world.case)[-1]
    assert "each point to the other" in last
    assert "The network has it." in last
    assert "The meter has it." in last
    assert "decline_loop" in world.alerts.codes()
    assert world.kinds(DCC) == ["open"], "nobody is asked again by itself"
    assert world.mails(REC) == []


def test_a_resolver_may_accept_a_decline_and_then_resolve(world):
    world.engaged()
    world.report("declined", "Not ours.")
    world.cycle(2)
    world.note("#confirm @dcc")
    world.cycle(2)
    world.resolve(by="priya.shah")
    world.cycle(3)
    assert world.phase() == "resolved"


def test_a_changed_field_of_the_agreement_is_told_and_another_is_not(world):
    world.engaged()
    world.servicenow.update(world.case, STRANGER, priority="1", assigned_to="somebody")
    world.cycle(2)
    assert world.kinds() == ["open", "update"]
    assert [fact["key"] for fact in world.mails()[-1].told["facts"]] == ["changed_priority"]


def test_a_cancelled_case_proposes_the_withdrawal(world):
    world.engaged()
    world.servicenow.update(world.case, STRANGER, state="7")
    world.cycle(2)
    assert world.state() == "open"
    assert "#withdraw @dcc" in world.notes()


def test_a_command_in_a_case_that_no_pull_has_shown_is_obeyed(build_world):
    """The source's filter does not match, the work note is read all the same."""
    world = build_world(desk("dcc", share=Share()))
    case = world.raise_case("")
    world.servicenow.filtered.add(case)
    world.note("#engage @dcc")
    world.cycle(2)
    assert world.kinds() == ["open"]
    world.servicenow.update(case, STRANGER, priority="1")
    world.cycle(2)
    assert world.kinds() == ["open", "update"], "an engaged case is read whatever the filter says"
