"""How a record of ServiceNow says where it stands."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bridge.domain.case import PROFILES, Case, Phase, format_time, parse_time
from tests.unit.domain.samples import CASE


def case(table="sn_customerservice_case", displays=None, **values):
    return Case(table, CASE, values, displays or {})


@pytest.mark.parametrize(
    "table, state, phase",
    [
        ("sn_customerservice_case", "1", Phase.NEW),
        ("sn_customerservice_case", "10", Phase.OPEN),
        ("sn_customerservice_case", "18", Phase.AWAITING),
        ("sn_customerservice_case", "6", Phase.RESOLVED),
        ("sn_customerservice_case", "3", Phase.CLOSED),
        ("sn_customerservice_case", "7", Phase.CANCELLED),
        ("incident", "1", Phase.NEW),
        ("incident", "2", Phase.OPEN),
        ("incident", "3", Phase.AWAITING),
        ("incident", "6", Phase.RESOLVED),
        ("incident", "7", Phase.CLOSED),
        ("incident", "8", Phase.CANCELLED),
        ("problem", "101", Phase.NEW),
        ("problem", "104", Phase.OPEN),
        ("problem", "106", Phase.RESOLVED),
        ("problem", "107", Phase.CLOSED),
        ("incident", "42", Phase.UNKNOWN),
        ("incident", "", Phase.UNKNOWN),
    ],
)
def test_the_platforms_state_values_have_a_phase(table, state, phase):
    assert case(table, state=state).phase is phase


def test_a_record_without_a_state_has_an_unknown_phase():
    assert case().phase is Phase.UNKNOWN


@pytest.mark.parametrize("phase", Phase)
def test_only_resolved_closed_and_cancelled_are_over(phase):
    assert phase.is_over is (phase in {Phase.RESOLVED, Phase.CLOSED, Phase.CANCELLED})


@pytest.mark.parametrize("table", PROFILES)
def test_every_named_target_puts_the_record_into_the_phase_its_name_says(table):
    expected = {
        "open": Phase.OPEN,
        "in_progress": Phase.OPEN,
        "awaiting_information": Phase.AWAITING,
        "awaiting_confirmation": Phase.AWAITING,
        "resolved": Phase.RESOLVED,
    }
    profile = PROFILES[table]
    reached = {name: case(table, **fields).phase for name, fields in profile.targets.items()}
    assert reached == {name: expected[name] for name in profile.targets}
    assert {"open", "in_progress", "resolved"} <= set(profile.targets)


@pytest.mark.parametrize("table", PROFILES)
def test_no_named_target_closes_or_cancels(table):
    phases = {case(table, **fields).phase for fields in PROFILES[table].targets.values()}
    assert not phases & {Phase.CLOSED, Phase.CANCELLED, Phase.UNKNOWN}


def test_the_family_names_each_relative_once_and_nothing_empty():
    assert case(parent="a", incident="b", problem="a").family == ("a", "b")
    assert case(parent="", incident="").family == ()


def test_a_record_without_a_number_is_called_by_its_sys_id():
    assert case(number="CS0000001").number == "CS0000001"
    assert case(number="").number == CASE


def test_a_field_is_shown_by_its_display_value_where_there_is_one():
    assert case(priority="1", displays={"priority": "1 - Critical"}).shown("priority") == "1 - Critical"
    assert case(priority="1").shown("priority") == "1"
    assert case().shown("priority") == ""


def test_a_record_never_updated_has_been_updated_zero_times():
    assert case(sys_mod_count="").mod_count == 0
    assert case(sys_mod_count="7").mod_count == 7


def test_times_are_utc_to_the_second_both_ways():
    moment = datetime(2026, 3, 29, 1, 30, 5, tzinfo=UTC)
    assert case(sys_updated_on="2026-03-29 01:30:05").updated_on == moment
    assert format_time(moment.astimezone(timezone(timedelta(hours=5, minutes=30)))) == "2026-03-29 01:30:05"
    assert parse_time(format_time(moment)) == moment


@pytest.mark.parametrize("table", ["u_market_request", "sc_task"])
def test_a_table_that_nobody_named_has_the_states_of_a_task(table):
    phases = {state: case(table, state=state).phase for state in ("-5", "1", "2", "3", "4", "7", "99")}
    assert phases == {
        "-5": Phase.AWAITING,
        "1": Phase.NEW,
        "2": Phase.OPEN,
        "3": Phase.RESOLVED,
        "4": Phase.CANCELLED,
        "7": Phase.CANCELLED,
        "99": Phase.UNKNOWN,
    }
    assert case(table, parent="a").family == ("a",)
