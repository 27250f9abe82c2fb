import itertools

import pytest

from bridge.domain.agreement import Push
from bridge.domain.case import PROFILES, Case, Phase
from bridge.domain.engagement import State
from bridge.domain.facts import Report, ReportKind
from bridge.domain.ids import DeskName, EngagementId, SysId
from bridge.mapping.update import PUSH_STATES, case_update
from tests.unit.mapping.cases import NOW, agreement, case, engagement

RESOLVED = {ReportKind.RESOLVED: Push(state="awaiting_confirmation")}


def report(kind=ReportKind.RESOLVED, text="The cable was cut.", **fields) -> Report:
    return Report(kind, NOW, text, **fields)


def state_after(others=(), *, push=RESOLVED, mine=None, kind=ReportKind.RESOLVED, subject=None) -> str | None:
    about = mine or engagement(state=State.RESOLUTION_REPORTED)
    return case_update(report(kind), subject or case(), about, agreement(push=push), others).fields.get("state")


@pytest.mark.parametrize("kind", ReportKind)
def test_where_the_agreement_is_silent_every_report_makes_a_note_and_nothing_else(kind):
    update = case_update(report(kind), case(), engagement(), agreement(), ())
    assert "ldso" in update.note
    assert update.comment == ""
    assert update.fields == {}


def test_the_agreement_may_keep_a_report_out_of_the_notes_and_show_it_to_the_customer():
    push = {ReportKind.RESOLVED: Push(note=False, comment=True)}
    update = case_update(report(), case(), engagement(), agreement(push=push), ())
    assert update.note == ""
    assert "The cable was cut." in update.comment


def test_a_question_puts_the_case_into_awaiting_information_in_the_words_of_its_table():
    push = {ReportKind.QUESTION: Push(state="awaiting_information")}
    asked = engagement(state=State.AWAITING_INFORMATION)
    for table, fields in (
        ("sn_customerservice_case", {"state": "18"}),
        ("incident", {"state": "3", "hold_reason": "1"}),
        ("problem", {}),
    ):
        subject = Case(table, SysId("1"), {"number": "N1", "state": "2"})
        assert case_update(report(ReportKind.QUESTION), subject, asked, agreement(push=push), ()).fields == fields


def test_with_several_desks_the_state_is_that_of_the_least_advanced():
    assert state_after() == "18"
    for state, expected in (
        (State.OPEN, "10"),
        (State.IN_PROGRESS, "10"),
        (State.AWAITING_INFORMATION, "18"),
        (State.RESOLUTION_REPORTED, "18"),
        (State.CONFIRMED, "18"),
        (State.WITHDRAWN, "18"),
        (State.DECLINED, "10"),
        (State.INCOMPLETE, "10"),
    ):
        assert state_after([engagement("dcc", state)]) == expected, state
    assert state_after([engagement("dcc", State.RESOLUTION_REPORTED), engagement("rec", State.OPEN)]) == "10"


def test_the_own_desk_counts_by_what_it_reports_and_not_by_where_it_stood():
    subject = Case("problem", SysId("1"), {"number": "PRB1", "state": "102"})
    push = {ReportKind.ACKNOWLEDGED: Push(state="in_progress")}
    mine = engagement(state=State.ACKNOWLEDGED)
    assert state_after(push=push, mine=mine, kind=ReportKind.ACKNOWLEDGED, subject=subject) == "104"


def test_a_decline_that_has_a_successor_or_was_accepted_holds_nothing_back():
    assert state_after([engagement("dcc", State.DECLINED, successor=EngagementId("x"))]) == "18"
    assert state_after([engagement("dcc", State.DECLINED, decline_accepted_by="ann")]) == "18"


def test_desks_that_the_case_does_not_wait_for_do_not_count():
    assert state_after([engagement("dcc", State.OPEN, required=False)]) == "18"
    optional = engagement(state=State.RESOLUTION_REPORTED, required=False)
    assert state_after([engagement("dcc", State.OPEN)], mine=optional) is None
    assert state_after(mine=optional) == "18"


def test_of_each_desk_the_newest_round_counts():
    old, new = engagement("dcc", State.OPEN), engagement("dcc", State.RESOLUTION_REPORTED, round=2)
    assert state_after([old, new]) == state_after([new, old]) == "18"


def test_a_report_never_resolves_or_closes_whatever_is_reported():
    for table, profile in PROFILES.items():
        over = {value for value, phase in profile.phases.items() if phase.is_over}
        for kind, target, state in itertools.product(ReportKind, PUSH_STATES, State):
            subject = Case(table, SysId("1"), {"number": "N1", "state": "1"})
            push = {kind: Push(state=target)}
            update = case_update(report(kind), subject, engagement(state=state), agreement(push=push), ())
            assert update.fields.get("state") not in over


@pytest.mark.parametrize("value", [v for v, p in PROFILES["sn_customerservice_case"].phases.items() if p.is_over])
def test_a_case_that_is_over_keeps_its_state(value):
    assert Phase.RESOLVED.is_over
    assert state_after(subject=case(state=value)) is None


def test_the_reference_of_the_only_desk_goes_beside_the_number():
    told = report(ReportKind.ACKNOWLEDGED, desk_reference="INC000000000001")
    update = case_update(told, case(), engagement(), agreement(), ())
    assert update.fields == {"correlation_display": "INC000000000001"}
    assert "INC000000000001" in update.note
    assert case_update(told, case(), engagement(), agreement(), [engagement("dcc")]).fields == {}
    gone = [engagement("dcc", State.WITHDRAWN), engagement("rec", State.DECLINED)]
    assert case_update(told, case(), engagement(), agreement(), gone).fields != {}


def test_a_reference_known_before_is_kept_and_a_long_one_cut_to_the_field():
    known = engagement(desk_reference="R" * 200)
    assert case_update(report(), case(), known, agreement(), ()).fields == {"correlation_display": "R" * 100}


def test_the_note_says_where_a_decline_points_to():
    told = report(ReportKind.DECLINED, direction=DeskName("ees"))
    assert "points to ees" in case_update(told, case(), engagement(), agreement(), ()).note


def test_the_desks_own_record_is_named_where_nobody_else_uses_the_field():
    told = report(desk_reference="INC7", desk_record="r7")
    named = {"correlation_display": "INC7", "correlation_id": "r7"}
    assert case_update(told, case(), engagement(), agreement(), ()).fields == named
    assert case_update(told, case(correlation_id="r7"), engagement(), agreement(), ()).fields == named
    taken = case_update(told, case(correlation_id="of-another-integration"), engagement(), agreement(), ())
    assert taken.fields == {"correlation_display": "INC7"}


def test_with_two_desks_no_record_is_named():
    told = report(desk_reference="INC7", desk_record="r7")
    assert case_update(told, case(), engagement(), agreement(), [engagement("dcc")]).fields == {}
