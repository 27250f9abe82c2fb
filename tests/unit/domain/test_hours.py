from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.domain.agreement import ResponseTime, WorkingHours
from bridge.domain.hours import (
    NeverOpenError,
    add_business_days,
    add_working_time,
    due,
    is_business_day,
    is_open,
    next_open,
    public_holidays,
    spans,
    working_time,
)

LONDON = ZoneInfo("Europe/London")
OFFICE = WorkingHours(open=dict.fromkeys(range(1, 6), ((8 * 60, 18 * 60),)))
ALWAYS = WorkingHours(calendar="none", open=dict.fromkeys(range(1, 8), ((0, 24 * 60),)))
NIGHT = WorkingHours(calendar="none", open=dict.fromkeys(range(1, 8), ((30, 90), (22 * 60, 24 * 60))))


def london(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON).astimezone(UTC)


def minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


@pytest.mark.parametrize(
    "start, amount, end",
    [
        ("2026-06-01 09:00", 60, "2026-06-01 10:00"),
        ("2026-06-01 17:30", 60, "2026-06-02 08:30"),
        ("2026-06-05 17:30", 60, "2026-06-08 08:30"),
        ("2026-06-01 17:00", 60, "2026-06-01 18:00"),
        ("2026-06-01 05:00", 60, "2026-06-01 09:00"),
        ("2026-06-06 12:00", 60, "2026-06-08 09:00"),
        ("2026-12-24 17:30", 60, "2026-12-29 08:30"),
        ("2026-04-02 17:30", 60, "2026-04-07 08:30"),
        ("2026-06-01 09:00", 1200, "2026-06-03 09:00"),
    ],
)
def test_working_time_passes_only_while_the_desk_works(start, amount, end):
    assert add_working_time(london(start), minutes(amount), OFFICE) == london(end)


@pytest.mark.parametrize(
    "start, days, end",
    [
        ("2026-06-01 10:00", 1, "2026-06-02 10:00"),
        ("2026-06-05 10:00", 1, "2026-06-08 10:00"),
        ("2026-06-06 10:00", 1, "2026-06-09 08:00"),
        ("2026-06-01 22:00", 1, "2026-06-03 08:00"),
        ("2026-12-23 10:00", 2, "2026-12-29 10:00"),
        ("2026-03-27 10:00", 1, "2026-03-30 10:00"),
    ],
)
def test_business_days_end_at_the_same_time_of_day(start, days, end):
    assert add_business_days(london(start), days, OFFICE) == london(end)


def test_a_business_day_with_other_hours_ends_within_them():
    short_friday = WorkingHours(open={4: ((540, 1020),), 5: ((600, 960),)})
    assert add_business_days(london("2026-06-04 16:30"), 1, short_friday) == london("2026-06-05 16:00")
    assert add_business_days(london("2026-06-04 09:10"), 1, short_friday) == london("2026-06-05 10:00")
    with_a_break = WorkingHours(open={4: ((540, 1020),), 5: ((540, 720), (780, 1020))})
    assert add_business_days(london("2026-06-04 12:30"), 1, with_a_break) == london("2026-06-05 13:00")


def test_public_holidays_are_those_of_the_calendar():
    may, saint_patrick, second_january = date(2026, 5, 25), date(2026, 3, 17), date(2026, 1, 2)
    assert may in public_holidays("england-wales", 2026)
    assert date(2023, 5, 8) in public_holidays("england-wales", 2023)
    assert saint_patrick in public_holidays("northern-ireland", 2026)
    assert saint_patrick not in public_holidays("england-wales", 2026)
    assert second_january in public_holidays("scotland", 2026)
    assert second_january not in public_holidays("england-wales", 2026)
    assert public_holidays("none", 2026) == frozenset()


def test_an_agreement_may_close_more_days_and_open_on_holidays():
    hours = replace(OFFICE, closed=frozenset({date(2026, 6, 2)}), open_on=frozenset({date(2026, 5, 25)}))
    assert not is_business_day(date(2026, 6, 2), hours)
    assert is_business_day(date(2026, 5, 25), hours)
    assert not is_business_day(date(2026, 5, 25), OFFICE)
    assert not is_business_day(date(2026, 6, 6), replace(hours, open_on=frozenset({date(2026, 6, 6)})))


def test_a_desk_around_the_clock_has_days_of_23_24_and_25_hours():
    lengths = {
        day: sum((closes - opens for opens, closes in spans(day, ALWAYS)), timedelta())
        for day in (date(2026, 3, 29), date(2026, 6, 1), date(2026, 10, 25))
    }
    assert [length // timedelta(hours=1) for length in lengths.values()] == [23, 24, 25]


def test_hours_that_the_clock_change_swallows_or_repeats_are_real_time():
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    within_gap = WorkingHours(calendar="none", open={7: ((65, 115),)})
    assert list(spans(spring, within_gap)) == []
    (first, _) = spans(spring, NIGHT)
    assert first == (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    (first, _) = spans(autumn, NIGHT)
    assert first == (datetime(2026, 10, 24, 23, 30, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC))


def test_office_hours_follow_the_clock_of_london():
    winter, summer = date(2026, 1, 5), date(2026, 7, 6)
    assert [opens.hour for opens, _ in spans(winter, OFFICE)] == [8]
    assert [opens.hour for opens, _ in spans(summer, OFFICE)] == [7]


def test_an_agreed_time_ends_by_elapsed_hours_by_days_or_around_the_clock():
    saturday = london("2026-06-06 02:00")
    half_an_hour = ResponseTime(elapsed=minutes(30))
    major = replace(OFFICE, major_incidents_always=True)
    assert due(saturday, half_an_hour, OFFICE) == london("2026-06-08 08:30")
    assert due(saturday, half_an_hour, OFFICE, major=True) == london("2026-06-08 08:30")
    assert due(saturday, half_an_hour, major, major=True) == saturday + minutes(30)
    assert due(saturday, half_an_hour, major) == london("2026-06-08 08:30")
    assert due(saturday, ResponseTime(business_days=2), major, major=True) == london("2026-06-10 08:00")


CLOSED_FOR_LONG = replace(OFFICE, closed=frozenset(date(2026, 6, 1) + timedelta(days=n) for n in range(500)))


@pytest.mark.parametrize("hours", [WorkingHours(), WorkingHours(open={1: ()}), CLOSED_FOR_LONG])
def test_a_desk_that_never_works_is_an_error_and_not_a_wait_for_ever(hours):
    with pytest.raises(NeverOpenError):
        add_working_time(london("2026-06-01 09:00"), minutes(1), hours)
    with pytest.raises(NeverOpenError):
        add_business_days(london("2026-06-01 09:00"), 1, hours)


instants = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
amounts = st.integers(1, 60 * 60).map(minutes)


@st.composite
def working_hours(draw: st.DrawFn) -> WorkingHours:
    """One or two spans on some weekdays."""
    days = draw(st.sets(st.integers(1, 7), min_size=1))
    open_ = {}
    for day in days:
        marks = sorted(draw(st.sets(st.integers(0, 1440), min_size=2, max_size=4)))
        pairs = list(zip(marks[::2], marks[1::2], strict=False))
        open_[day] = tuple(pairs)
    return WorkingHours(calendar=draw(st.sampled_from(["england-wales", "scotland", "none"])), open=open_)


@given(instants, amounts, working_hours())
def test_exactly_the_agreed_working_time_lies_before_the_end(start, amount, hours):
    assume(sum(end - begin for spans_ in hours.open.values() for begin, end in spans_) > 60)
    end = add_working_time(start, amount, hours)
    assert working_time(start, end, hours) == amount
    assert working_time(start, end - timedelta(seconds=1), hours) < amount


@given(instants, amounts, amounts, working_hours())
def test_time_added_in_two_steps_is_time_added_at_once(start, one, other, hours):
    assume(sum(end - begin for spans_ in hours.open.values() for begin, end in spans_) > 60)
    assert add_working_time(add_working_time(start, one, hours), other, hours) == add_working_time(
        start, one + other, hours
    )


@given(instants, amounts)
def test_around_the_clock_working_time_is_elapsed_time(start, amount):
    assert add_working_time(start, amount, ALWAYS) == start + amount
    assert working_time(start, start + amount, ALWAYS) == amount


@given(instants, st.integers(1, 10), working_hours())
def test_business_days_end_within_hours_on_the_right_day(start, days, hours):
    assume(any(any(True for _ in spans(date(2026, 6, 1) + timedelta(days=n), hours)) for n in range(7)))
    end = add_business_days(start, days, hours)
    first = next_open(start, hours).astimezone(LONDON).date()
    last = end.astimezone(LONDON).date()
    # Midnight at the end of a day belongs to that day.
    if not any(opens <= end <= closes for opens, closes in spans(last, hours)):
        last -= timedelta(days=1)
    between = [first + timedelta(days=n) for n in range(1, (last - first).days + 1)]
    assert sum(any(True for _ in spans(day, hours)) for day in between) == days
    assert any(opens <= end <= closes for opens, closes in spans(last, hours))


@given(instants, working_hours())
def test_the_next_opening_is_now_or_the_first_moment_the_desk_works(start, hours):
    assume(any(any(True for _ in spans(date(2026, 6, 1) + timedelta(days=n), hours)) for n in range(7)))
    opens = next_open(start, hours)
    assert opens >= start
    assert is_open(opens, hours)
    assert working_time(start, opens, hours) == timedelta()


@given(instants, instants, working_hours())
def test_working_time_never_exceeds_the_time_that_passed(one, other, hours):
    assert (
        timedelta() <= working_time(one, min(other, one + timedelta(days=30)), hours) <= max(other - one, timedelta())
    )
