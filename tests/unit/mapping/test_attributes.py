import pytest

from bridge.domain.case import Case
from bridge.domain.ids import SysId
from bridge.mapping.attributes import BUILT_IN, CaseAttributes, level, priority
from tests.unit.mapping.cases import case


@pytest.mark.parametrize(
    "written, shown, expected",
    [
        ("2", "2 - High", "P2"),
        ("1", "", "P1"),
        ("p3", "", "P3"),
        ("5", "5 - Planning", "P5"),
        ("", "", ""),
        ("high", "3 - Moderate", "P3"),
        ("12", "", ""),
    ],
)
def test_priorities_are_named_as_agreements_name_them(written, shown, expected):
    displays = {"priority": shown} if shown else {}
    assert priority(Case("incident", SysId("1"), {"priority": written}, displays)) == expected


def test_choices_are_reduced_to_their_digit():
    assert [level(text) for text in ("1 - High", "3", "P2", "", "none", "7")] == ["1", "3", "2", "", "", ""]


def test_references_and_states_are_read_as_people_see_them():
    values = CaseAttributes().values(case())
    assert values["assignment_group"] == "CPSD LDSO"
    assert values["state"] == "Open"
    assert values["raised_by"] == "Robin Supplier"
    assert (values["impact"], values["urgency"]) == ("2", "1")


def test_the_first_filled_field_names_who_raised_the_case():
    values = CaseAttributes().values(case(contact="", opened_by="c" * 32, displays={"opened_by": "Service Desk"}))
    assert values["raised_by"] == "Service Desk"


@pytest.mark.parametrize("column", ["major_case_state", "major_incident_state"])
def test_only_an_accepted_candidate_is_a_major_incident(column):
    assert CaseAttributes().values(case(**{column: "accepted"}))["major_incident"] is True
    assert CaseAttributes().values(case(**{column: "proposed"}))["major_incident"] is False


def test_every_attribute_reads_a_record_with_nothing_in_it():
    empty = Case("problem", SysId("1"), {})
    for name, value in CaseAttributes().values(empty, BUILT_IN).items():
        assert value in {"", False, "problem"}, name
