"""How records say that they are duplicates or were merged."""

import pytest

from bridge.domain.case import Case
from bridge.domain.ids import SysId
from bridge.domain.merging import Merge, merge_of

ORIGINAL = "a" * 32


def record(table, displays=None, **values):
    return Case(table, SysId("1" * 32), {"number": "X1", "state": "6", **values}, displays or {})


@pytest.mark.parametrize(
    "case, merge",
    [
        (
            record("incident", {"parent_incident": "INC7"}, close_code="Duplicate", parent_incident=ORIGINAL),
            Merge("close_code", "Duplicate", "INC7", SysId(ORIGINAL)),
        ),
        (
            record("sn_customerservice_case", {"resolution_code": "Closed - Duplicate"}, resolution_code="9"),
            Merge("resolution_code", "Closed - Duplicate"),
        ),
        (
            record("sn_customerservice_case", {"state": "Merged", "parent": "CS7"}, state="42", parent=ORIGINAL),
            Merge("state", "Merged", "CS7", SysId(ORIGINAL)),
        ),
        (
            record("problem", {"duplicate_of": "PRB7"}, state="107", duplicate_of=ORIGINAL),
            Merge("duplicate_of", "PRB7", "PRB7", SysId(ORIGINAL)),
        ),
        (record("problem", {"resolution_code": "Dupliziert"}, resolution_code="duplicate"),
         Merge("resolution_code", "Dupliziert")),
    ],
)  # fmt: skip
def test_it_is_said_by_a_code_a_state_or_a_pointer(case, merge):
    assert merge_of(case) == merge


@pytest.mark.parametrize(
    "case",
    [
        record("incident", close_code="Solved (Permanently)", parent_incident=ORIGINAL),
        record("sn_customerservice_case", resolution_code="1", parent=ORIGINAL),
        record("sc_req_item", state="3"),
        record("sn_customerservice_case", close_notes="Was no duplicate."),
        record("sn_customerservice_case", {"resolution_code": "Deduplicated data"}, resolution_code="5"),
    ],
)
def test_a_family_or_a_remark_is_no_merge(case):
    assert merge_of(case) is None


def test_what_was_seen_is_said_in_words():
    assert Merge("close_code", "Duplicate", "INC7").seen == "close_code is Duplicate, of INC7"
    assert Merge("close_code", "Duplicate").seen == "close_code is Duplicate"
