"""Manners: how many calls at once and in an hour, and when an instance is left alone."""

import contextlib
import threading

import pytest
import requests

from bridge.connectors.servicenow import Connection, Patience
from bridge.connectors.snow.manners import Limits, Manners
from bridge.domain.errors import BridgeError, CallBudgetSpent, NotBegun, TryLater
from tests.pulling.connecting import connected
from tests.unit.connectors.servicenow.conftest import URL

CASE, ID = "sn_customerservice_case", "0" * 32
NONE = {"body": {"result": []}, "X_Total_Count": "0"}
ROW = {"sys_id": ID, "sys_mod_count": "1", "sys_updated_on": "2026-06-01 09:00:00"}
ONCE = Patience(attempts=1)


@pytest.fixture
def reach(quiet):
    made = []

    def connect(patience=ONCE, **limits):
        made.append(connected(Connection(URL, patience=patience, limits=Limits(**limits)), quiet))
        return made[-1]

    yield connect
    for source in made:
        source.close()


def fail(source, times=1):
    for _ in range(times):
        with pytest.raises(BridgeError):
            source.read_many(CASE, [ID])


UNWELL = {
    "error": {"status": 500, "body": ""},
    "page": {"body": "<html>hibernating</html>", "Content_Type": "text/html"},
    "dropped": {"status": 202, "body": ""},
    "cut": {"body": requests.ConnectionError("cut")},
    "slow": {"body": requests.ReadTimeout("slow")},
}


@pytest.mark.parametrize("answer", UNWELL.values(), ids=UNWELL)
def test_an_instance_that_is_unwell_is_left_alone_and_then_tried_by_one_call(edge, quiet, reach, answer):
    source = reach(breaker_after=3, breaker_pause=30)
    edge.answers(**{name.replace("Content_Type", "Content-Type"): value for name, value in answer.items()})
    fail(source, 3)
    assert len(edge.requests) == 3
    with pytest.raises(TryLater) as raised:
        source.write(CASE, ID, {"work_notes": "x"})
    assert raised.value.retry_after == 30
    assert len(edge.requests) == 3
    quiet.forward(30)
    fail(source)
    fail(source, 5)
    assert len(edge.requests) == 4
    quiet.forward(30)
    edge.mocked.reset()
    edge.answers(**NONE)
    for _ in range(5):
        source.read_many(CASE, [ID])
    assert len(edge.requests) == 5


def test_failures_count_only_in_a_row(edge, reach):
    source = reach(breaker_after=3)
    for _ in range(4):
        edge.answers(status=503, body="")
        edge.answers(status=503, body="")
        edge.answers(**NONE)
    for _ in range(4):
        fail(source, 2)
        source.read_many(CASE, [ID])
    assert len(edge.requests) == 12


def test_a_refusal_is_the_answer_of_an_instance_that_works(edge, reach):
    source = reach(breaker_after=2)
    edge.answers(status=403, body={"error": {"message": "Insufficient rights", "detail": None}})
    fail(source, 6)
    assert len(edge.requests) == 6


def test_only_one_call_tries_an_instance_that_was_broken():
    now = [0.0]
    manners = Manners(Limits(breaker_after=1, breaker_pause=10), monotonic=lambda: now[0])
    manners.unwell()
    now[0] = 10.0
    refused = []

    def other():
        try:
            with manners.turn(low_priority=False):
                refused.append(False)
        except TryLater:
            refused.append(True)

    with manners.turn(low_priority=False):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert refused == [True]
    with manners.turn(low_priority=False):
        manners.served()
    other()
    assert refused == [True, False]


LIMITED = {
    "retry after": {"Retry_After": "40"},
    "rate rule": {"Retry_After": "40", "X_RateLimit_Limit": "100", "X_RateLimit_Rule": "Table API"},
    "reset only": {"X_RateLimit_Reset": "1780304440", "X_RateLimit_Rule": "Table API"},
}


@pytest.mark.parametrize("headers", LIMITED.values(), ids=LIMITED)
def test_when_one_call_is_told_to_wait_none_is_sent_until_then(edge, quiet, reach, headers):
    assert quiet.now().timestamp() == 1780304400
    source = reach()
    edge.answers(status=429, body={"error": {"message": "Rate limit exceeded", "detail": None}}, **headers)
    edge.answers(**NONE)
    edge.answers("PATCH", body={"result": ROW})
    fail(source)
    quiet.forward(39.9)
    for call in (lambda: source.read_many(CASE, [ID]), lambda: source.write(CASE, ID, {"work_notes": "x"})):
        with pytest.raises(TryLater) as raised:
            call()
        assert raised.value.retry_after == pytest.approx(0.1)
    assert len(edge.requests) == 1
    quiet.forward(0.2)
    source.write(CASE, ID, {"work_notes": "x"})
    source.read_many(CASE, [ID])
    assert len(edge.requests) == 3


def most_at_once(manners, threads=8):
    """How many of these threads have their turn at the same time when as many as may are inside."""
    inside, most, lock = [], [0], threading.Lock()
    full = threading.Event()

    def call():
        with manners.turn(low_priority=False):
            with lock:
                inside.append(1)
                most[0] = max(most[0], len(inside))
            full.wait(0.05)
            with lock:
                inside.pop()

    calls = [threading.Thread(target=call) for _ in range(threads)]
    for one in calls:
        one.start()
    for one in calls:
        one.join()
    return most[0]


def test_a_crowded_instance_gets_half_as_many_calls_at_once_until_it_has_served_enough(quiet):
    manners = Manners(Limits(concurrency=4), monotonic=quiet.monotonic)
    assert most_at_once(manners) == 4
    manners.crowded()
    assert most_at_once(manners) == 2
    manners.crowded()
    manners.crowded()
    assert most_at_once(manners) == 1
    for _ in range(20):
        manners.served()
    assert most_at_once(manners) == 2
    for _ in range(200):
        manners.served()
    assert most_at_once(manners) == 4


def test_a_full_queue_makes_fewer_calls_at_once_and_stops_nobody(edge, quiet, reach):
    source = reach(concurrency=4)
    edge.answers(status=429, body={"error": {"message": "Too many requests", "detail": None}})
    edge.answers(**NONE)
    fail(source)
    source.read_many(CASE, [ID])
    assert len(edge.requests) == 2
    assert most_at_once(source._session.manners) == 2


def test_work_that_may_wait_leaves_its_part_of_the_hour_to_the_cases(edge, quiet, reach):
    source = reach(calls_per_hour=10, low_priority_share=0.5)
    edge.answers(**NONE)
    later = source.at_low_priority()
    for one in (source, later, source, later, source):
        one.read_many(CASE, [ID])
    with pytest.raises(CallBudgetSpent) as raised:
        later.read_many(CASE, [ID])
    assert 3600 <= raised.value.retry_after <= 3660
    for _ in range(20):
        source.read_many(CASE, [ID])
    assert len(edge.requests) == 25
    assert source._session.manners.calls_left() == 0


def test_an_hour_later_there_is_a_part_again(edge, quiet, reach):
    source = reach(calls_per_hour=4, low_priority_share=0.5)
    edge.answers(**NONE)
    later = source.at_low_priority()
    later.read_many(CASE, [ID])
    quiet.forward(1800)
    later.read_many(CASE, [ID])
    with pytest.raises(CallBudgetSpent) as raised:
        later.read_many(CASE, [ID])
    quiet.forward(raised.value.retry_after)
    later.read_many(CASE, [ID])
    with pytest.raises(CallBudgetSpent):
        later.read_many(CASE, [ID])


def test_without_a_number_nothing_has_to_wait(edge, reach):
    source = reach()
    edge.answers(**NONE)
    for _ in range(50):
        source.at_low_priority().read_many(CASE, [ID])
    assert source._session.manners.calls_left() is None


def test_both_priorities_share_slots_breaker_and_waits(edge, quiet, reach):
    source = reach(breaker_after=2, breaker_pause=30)
    edge.answers(status=503, body="")
    fail(source.at_low_priority(), 2)
    with contextlib.suppress(BridgeError):
        source.read_many(CASE, [ID])
    assert len(edge.requests) == 2


def test_replicas_divide_the_calls_at_once_and_each_makes_at_least_one(quiet):
    manners = Manners(Limits(concurrency=4), monotonic=quiet.monotonic)
    for replicas, mine in ((2, 2), (3, 1), (9, 1), (1, 4)):
        manners.share_among(replicas)
        assert most_at_once(manners) == mine


def test_a_larger_part_does_not_give_back_what_a_crowded_instance_took(quiet):
    manners = Manners(Limits(concurrency=8), monotonic=quiet.monotonic)
    manners.share_among(2)
    manners.crowded()
    manners.share_among(1)
    assert most_at_once(manners) == 2
    for _ in range(200):
        manners.served()
    assert most_at_once(manners) == 8


def test_a_smaller_part_waits_for_the_calls_that_are_under_way(quiet):
    manners = Manners(Limits(concurrency=2), monotonic=quiet.monotonic)
    entered = threading.Event()

    def call():
        with manners.turn(low_priority=False):
            entered.set()

    with contextlib.ExitStack() as calls:
        calls.enter_context(manners.turn(low_priority=False))
        manners.share_among(2)
        waiting = threading.Thread(target=call)
        waiting.start()
        assert not entered.wait(0.1)
    waiting.join()
    assert entered.is_set()


def test_replicas_divide_the_hour(quiet):
    manners = Manners(Limits(calls_per_hour=100, low_priority_share=0.5), monotonic=quiet.monotonic)
    for _ in range(10):
        with manners.turn(low_priority=False):
            pass
    assert manners.calls_left() == 40
    manners.share_among(2)
    assert manners.calls_left() == 15
    manners.share_among(1)
    assert manners.calls_left() == 40


def test_a_turn_is_not_waited_for_longer_than_a_lease_can_bear():
    manners, ended = Manners(Limits(concurrency=1, patience=0.05), monotonic=lambda: 0.0), []

    def second():
        try:
            with manners.turn(low_priority=False):
                ended.append(None)
        except TryLater as error:
            ended.append(error)

    with manners.turn(low_priority=False):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(60)
    assert [type(one) for one in ended] == [NotBegun]
    with manners.turn(low_priority=False):
        pass
