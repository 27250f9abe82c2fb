from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.case import TIME_FORMAT, format_time, parse_time


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive
def test_a_date_time_is_read_as_strptime_would_read_it(when):
    text = format_time(when)
    assert parse_time(text) == datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-31",
        "2026-01-31T23:59:58",
        "2026-01-31 23:59:5x",
        "2026-13-31 23:59:58",
        "31-01-2026 23:59:58",
        "2026-W01-1 00:00:00",
        "2026-01-31 23:59:58Z",
    ],
)
def test_what_is_no_date_time_of_servicenow_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text)
