import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.store.columns import Words, dump_json, from_microseconds, to_microseconds

instants = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]))


@given(instants)
def test_an_instant_survives_to_the_microsecond(when):
    stored = from_microseconds(to_microseconds(when))
    assert stored == when
    assert stored.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="without a zone"):
        to_microseconds(datetime(2026, 1, 1))  # noqa: DTZ001 - what is to be refused


@given(st.text())
def test_text_from_strangers_can_be_stored_on_both_databases(text):
    stored = Words().process_bind_param(text, None)
    assert "\0" not in stored
    stored.encode()


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_ordinary_text_is_stored_as_it_is(text):
    assert Words().process_bind_param(text, None) == text


def test_equal_values_give_equal_json_whatever_the_order():
    assert dump_json({"b": 1, "a": {"d", "c"}}) == dump_json({"a": frozenset("cd"), "b": 1}) == '{"a":["c","d"],"b":1}'


def test_times_in_json_are_iso_8601():
    when = datetime(2026, 1, 1, tzinfo=UTC)
    assert json.loads(dump_json([when, when.date()])) == ["2026-01-01T00:00:00+00:00", "2026-01-01"]


def test_what_is_not_json_is_refused():
    with pytest.raises(TypeError, match="bytes"):
        dump_json({"a": b""})
