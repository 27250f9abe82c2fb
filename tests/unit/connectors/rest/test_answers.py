"""Reading answers: parts, words of refusal, and times."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bridge.connectors.rest.answers import Path, PathProblem, Times, is_true, text_of, words_of
from bridge.domain.errors import UntrustedAnswer


def test_a_part_of_an_answer_and_what_is_not_there():
    assert Path("data.items[0].id").of({"data": {"items": [{"id": 7}]}}) == 7
    assert Path("data.id").of({"data": None}) is None


def test_an_expression_that_cannot_be_used_is_told():
    with pytest.raises(PathProblem):
        Path("a[")
    with pytest.raises(UntrustedAnswer, match="cannot be read"):
        Path("length(a)").of({"a": 1})


@pytest.mark.parametrize(
    "payload,words",
    [
        ({"message": "No permission"}, "No permission"),
        ({"error": {"status": 409, "msg": "taken"}}, "taken"),
        ({"errorMessages": ["first", "second"], "errors": {}}, "first"),
        ({"description": "Validation failed", "errors": [{"field": "x", "message": "is missing"}]}, "is missing"),
        ({"error": "RecordInvalid"}, "RecordInvalid"),
        ({"errors": {"summary": "is required"}}, ""),
        (["Ticket 1: no"], "Ticket 1: no"),
        (None, ""),
        ("text", "text"),
    ],
)
def test_what_a_portal_says_about_a_refusal_is_found(payload, words):
    assert words_of(payload) == words


@pytest.mark.parametrize(
    "written",
    [
        "2026-07-01T10:00:00Z",
        "2026-07-01T11:00:00+01:00",
        "1782900000",
        1782900000,
        "2026-07-01.10:00:00",
        "1782900000000",
    ],
)
def test_times_are_read_in_any_of_the_forms(written):
    forms = ("iso", "%Y-%m-%d.%H:%M:%S", "epoch", "epoch_ms")
    if written == "1782900000000":
        forms = ("epoch_ms",)
    assert Times(forms).read(written) == datetime(2026, 7, 1, 10, tzinfo=UTC)


def test_a_time_without_a_zone_is_of_the_portal_s_and_what_is_none_is_none():
    times = Times(("iso", "%d/%m/%Y %H:%M"), ZoneInfo("Europe/London"))
    assert times.read("01/07/2026 11:00") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert times.read("2026-07-01T11:00:00") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert [times.read(nothing) for nothing in ("", None, "soon", {})] == [None] * 4


@pytest.mark.parametrize("form", ["iso", "epoch", "epoch_ms", "%Y-%m-%d.%H:%M:%S"])
def test_what_is_written_is_read_again(form):
    times, at = Times((form,), ZoneInfo("Europe/London")), datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert times.read(times.write(at)) == at


def test_values_are_texts_whatever_their_kind():
    assert [text_of(one) for one in (7, "7", None, True, {}, [])] == ["7", "7", "", "true", "", ""]
    assert [is_true(one) for one in (True, "True", "false", 0, None, "1")] == [True, True, False, False, False, True]
