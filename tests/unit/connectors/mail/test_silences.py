"""Names that the DNS does not tell of: however many, what is kept and spent on their account has a bound."""

import gc
import tracemalloc
import weakref
from datetime import UTC, datetime, timedelta

import pytest

from bridge.connectors.mail.authenticity import PATIENCE
from bridge.connectors.mail.resolving import NamesAway
from bridge.connectors.mail.silences import (
    MOST_ANSWERED,
    MOST_NAMES,
    MOST_NEW,
    MOST_UNANSWERED,
    PAUSE,
    NameSilent,
    PatientRecords,
)

AT = datetime(2026, 7, 21, 11, 5, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.time = AT

    def now(self):
        return self.time


class Names:
    """Answers every name alike, or none; remembers what it was asked, and its last error weakly."""

    def __init__(self, *, silent):
        self.silent = silent
        self.asked = []
        self.error = None
        self.answer = (b"v=DKIM1",)

    def texts(self, name):
        self.asked.append(name)
        if self.silent:
            error = NamesAway("no answer")
            self.error = weakref.ref(error)
            raise error
        return self.answer


@pytest.fixture
def clock():
    return Clock()


def key(number):
    return f"x{number}._domainkey.dcc.example"


def since(records, name):
    with pytest.raises(NameSilent) as caught:
        records.texts(name)
    return caught.value.since


@pytest.mark.parametrize("silent", [True, False])
def test_no_number_of_names_takes_more_than_so_much_memory(clock, silent):
    names = Names(silent=silent)
    records, enough = PatientRecords(names, clock), 0
    tracemalloc.start()
    try:
        for number in range(10 * MOST_NAMES):
            try:
                records.texts(key(number))
            except NameSilent:
                assert silent
            names.asked.clear()
            if number == 2 * MOST_NAMES:
                enough = tracemalloc.get_traced_memory()[0]
        assert tracemalloc.get_traced_memory()[0] < 2 * enough
    finally:
        tracemalloc.stop()


def test_no_number_of_names_makes_a_silence_look_shorter_than_it_is(clock):
    records = PatientRecords(Names(silent=True), clock)
    for number in range(MOST_NAMES + 5):
        since(records, key(number))
    clock.time += PATIENCE
    assert all(since(records, key(number)) <= AT for number in range(MOST_NAMES + 5))


def test_no_number_of_names_takes_more_than_so_many_questions(clock):
    names = Names(silent=False)
    records = PatientRecords(names, clock)
    for number in range(2 * MOST_ANSWERED):
        records.texts(key(number))
    names.silent = True
    for _ in range(20):
        names.asked.clear()
        for number in range(100):
            since(records, key(number))
        assert len(names.asked) <= MOST_ANSWERED + MOST_NEW + MOST_UNANSWERED
        clock.time += PAUSE


def test_a_name_in_other_letters_is_the_same(clock):
    names = Names(silent=True)
    records = PatientRecords(names, clock)
    since(records, key(1))
    since(records, key(1).upper())
    assert names.asked == [key(1)]


def test_a_name_that_was_answered_before_is_asked_again_soon_however_long_it_is_silent(clock):
    names = Names(silent=False)
    records = PatientRecords(names, clock)
    records.texts(key(1))
    names.silent = True
    for _ in range(40):
        since(records, key(1))
        clock.time += PAUSE
    names.silent = False
    assert records.texts(key(1)) == (b"v=DKIM1",)


def test_each_of_many_silent_names_has_its_turn(clock):
    names = Names(silent=True)
    records = PatientRecords(names, clock)
    many = [key(number) for number in range(4 * MOST_UNANSWERED)]
    while clock.time < AT + PATIENCE / 2:
        for name in many:
            since(records, name)
        clock.time += PAUSE
    assert all(names.asked.count(name) > 1 for name in many)


@pytest.mark.parametrize("published", [True, False])
def test_only_a_key_that_was_once_published_goes_before_others(clock, published):
    names = Names(silent=False)
    names.answer = (b"v=DKIM1",) if published else ()
    records = PatientRecords(names, clock)
    records.texts("_dmarc.dcc.example")
    records.texts(key(1))
    names.silent = True
    for number in range(2, 2 + MOST_NEW):
        since(records, key(number))
    names.asked.clear()
    since(records, key(1))
    since(records, "_dmarc.dcc.example")
    assert names.asked == [key(1), "_dmarc.dcc.example"][not published :]


def test_silences_of_long_ago_are_forgotten(clock):
    records = PatientRecords(Names(silent=True), clock)
    since(records, key(1))
    clock.time += timedelta(days=1)
    since(records, key(2))
    assert since(records, key(1)) == clock.time


def test_what_is_remembered_keeps_no_mail(clock):
    names = Names(silent=True)
    records = PatientRecords(names, clock)
    since(records, key(1))
    gc.collect()
    assert names.error() is None, "an error keeps what was read when it was raised"
