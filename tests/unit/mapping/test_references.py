import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mapping.references import (
    FoundReference,
    ReferenceKind,
    find_references,
    has_evidence,
    mpan_check_digit_holds,
)

UUID = "9f0c1d2e-3b4a-4c5d-8e6f-708192a3b4c5"


@pytest.mark.parametrize(
    "text, kind, value",
    [
        ("MPAN 2000012345678 is wrong", "mpan", "2000012345678"),
        ("MPAN: 20 0001 2345 678", "mpan", "2000012345678"),
        ("(2000012345678)", "mpan", "2000012345678"),
        ("flow IF-036 was late", "flow", "IF-036"),
        ("see pub-021.", "flow", "PUB-021"),
        (f"message {UUID} failed", "message", UUID),
        ("Transaction ID: S-20260601-000123.", "message", "S-20260601-000123"),
        ("DIP reference=ABC12345", "message", "ABC12345"),
        ("since 2026-06-01T08:55:00Z", "timestamp", "2026-06-01T08:55:00Z"),
        ("since 01/06/2026 08:55", "timestamp", "01/06/2026 08:55"),
        ("since 1 June 2026 at 08:55", "timestamp", "1 June 2026 at 08:55"),
    ],
)
def test_references_are_found_in_text(text, kind, value):
    assert find_references(text) == (FoundReference(ReferenceKind(kind), value),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no reference here",
        "12345678901234",
        "call 0800 123 4567",
        "IF-36",
        "transaction id unknown",
        "at 08:55",
        "CS0000871",
    ],
)
def test_what_is_no_reference_is_not_taken_for_one(text):
    assert find_references(text) == ()


def test_a_reference_is_told_once():
    assert len(find_references("2000012345678 and 20 0001 2345 678 and IF-036, if-036")) == 2


def test_the_check_digit_of_an_mpan():
    assert mpan_check_digit_holds("2000012345671") != mpan_check_digit_holds("2000012345672")
    body = "200001234567"
    weights = (3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43)
    digit = sum(int(one) * weight for one, weight in zip(body, weights, strict=True)) % 11 % 10
    assert [other for other in range(10) if mpan_check_digit_holds(f"{body}{other}")] == [digit]


@pytest.mark.parametrize(
    "text",
    [
        "error code: E042",
        "Returned error E042",
        "response code=422",
        "HTTP 503 from the gateway",
        "DIP Portal shows the message as undelivered",
        "status: REJECTED",
        "reason code 17",
    ],
)
def test_codes_and_statuses_are_evidence(text):
    assert has_evidence(text)


@pytest.mark.parametrize(
    "text", ["", "it does not work", "please look at the error", "status unknown to us", "12 customers"]
)
def test_complaints_are_no_evidence(text):
    assert not has_evidence(text)


@given(st.text(max_size=300))
def test_no_text_breaks_the_search(text):
    find_references(text)
    has_evidence(text)


@pytest.mark.parametrize("piece", ["error code ", "1", "a-", "DIP portal ", "message id:", "12/", "IF-", "E12", " "])
def test_a_hostile_text_costs_little(piece):
    text = piece * (60_000 // len(piece))
    began = time.perf_counter()
    find_references(text)
    has_evidence(text)
    assert time.perf_counter() - began < 2
