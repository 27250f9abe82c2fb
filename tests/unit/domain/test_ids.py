"""Identifiers come out the same from a restored backup; if these tests fail, far sides would see everything twice."""

import pytest

from bridge.domain.ids import DeskName, SysId, delivery_id, engagement_id, reference

INSTANCE = "https://example.service-now.com"
CASE = SysId("9d385017c611228701d22104cc95c371")
DESK = DeskName("dcc-service-desk")


def test_the_identity_of_a_round_is_what_it_always_was():
    assert engagement_id(INSTANCE, CASE, DESK, 1) == "3edd1664-ca66-57a9-8d67-8cd047dcd5d3"
    assert engagement_id(INSTANCE, CASE, DESK, 2) == "a63d1816-f70b-5bf6-807a-2203da793338"


def test_the_identity_of_a_delivery_is_what_it_always_was():
    assert delivery_id(INSTANCE, CASE, DESK, 1, 1) == "fc022700-f8bf-55e6-8a5d-91cac5608f5b"
    assert delivery_id(INSTANCE, CASE, "sn_customerservice_case", 0, 12) == "b356dd8b-8193-514b-8925-09e78e15e120"


def test_the_short_reference_is_what_it_always_was():
    assert reference(engagement_id(INSTANCE, CASE, DESK, 1)) == "7VEHCS6ACS"
    assert reference("00000000-0000-0000-0000-000000000000") == "0000000000"
    assert reference("ffffffff-ffff-ffff-ffff-ffffffffffff") == "ZZZZZZZZZZ"
    assert reference("00000000-0000-3fff-ffff-ffffffffffff") == "0000000000"
    assert reference("00000000-0000-4000-0000-000000000000") == "0000000001"


@pytest.mark.parametrize(
    "other",
    [
        ("https://test.service-now.com", CASE, DESK, 1, 1),
        (INSTANCE, SysId("0" * 32), DESK, 1, 1),
        (INSTANCE, CASE, "ldso-help-desk", 1, 1),
        (INSTANCE, CASE, DESK, 2, 1),
        (INSTANCE, CASE, DESK, 1, 2),
    ],
)
def test_what_differs_in_anything_has_another_identity(other):
    assert delivery_id(*other) != delivery_id(INSTANCE, CASE, DESK, 1, 1)
    instance, case, desk, round_, _ = other
    assert (engagement_id(instance, case, desk, round_) == engagement_id(INSTANCE, CASE, DESK, 1)) is (other[4] == 2)


def test_a_round_and_a_delivery_never_share_an_identity():
    assert engagement_id(INSTANCE, CASE, DeskName(f"{DESK}/1"), 1) != delivery_id(INSTANCE, CASE, DESK, 1, 1)
