import pytest

from bridge.mapping.completeness import REQUIREMENTS, missing
from tests.unit.mapping.cases import agreement, case

LACKING = {
    "short_description": {"short_description": " "},
    "description": {"description": "It fails."},
    "impact_statement": {"business_impact": ""},
    "references": {"description": "It has failed since the morning.", "business_impact": "Many customers."},
    "mpan": {"description": "IF-036 has failed since the morning."},
    "evidence": {"description": "MPAN 2000012345678 cannot be registered."},
    "suspected_cause": {},
    "priority": {"priority": ""},
    "category": {"category": ""},
    "contact": {"contact": "", "opened_by": ""},
    "start_time": {"opened_at": ""},
}


@pytest.mark.parametrize("name", sorted(REQUIREMENTS))
def test_what_is_missing_is_named_with_the_field_it_belongs_in(name):
    (found,) = missing(case(**LACKING[name]), agreement(needs=(name,)))
    assert found.name == name
    assert "missing" in found.sentence or "not said" in found.sentence
    assert ": " in found.sentence


@pytest.mark.parametrize("name", sorted(REQUIREMENTS))
def test_what_is_there_is_not_missing(name):
    assert missing(case(probable_cause="A wrong certificate"), agreement(needs=(name,))) == ()


def test_only_what_the_agreement_needs_is_asked_for_in_its_order():
    empty = case(description="", business_impact="", short_description="")
    needs = ("references", "impact_statement")
    assert tuple(found.name for found in missing(empty, agreement(needs=needs))) == needs
    assert missing(empty, agreement()) == ()
