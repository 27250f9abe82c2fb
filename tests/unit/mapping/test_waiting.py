from datetime import UTC, datetime

import pytest

from bridge.mapping.waiting import waiting_until


@pytest.mark.parametrize(
    "text, until",
    [
        ("waiting for a change until 2027-01-31.", datetime(2027, 2, 1, tzinfo=UTC)),
        ("fixed by 31/01/2027", datetime(2027, 2, 1, tzinfo=UTC)),
        ("till 2026-06-30", datetime(2026, 6, 30, 23, tzinfo=UTC)),
        ("until 2027-02-30, or until 2027-03-01", datetime(2027, 3, 2, tzinfo=UTC)),
        ("since 2027-01-31", None),
        ("until further notice", None),
        ("until 2027-01-311", None),
        ("by 31/31/2027", None),
    ],
)
def test_a_day_that_a_desk_waits_for_ends_at_midnight_in_london(text, until):
    assert waiting_until(text) == until
