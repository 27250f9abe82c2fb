"""The agreed number of mails an hour: never more in any hour, nothing lost, order kept, people told once."""

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import text

from bridge.domain.agreement import EmailMethod
from bridge.domain.errors import OutcomeUnknown, TryLater
from bridge.store import open_store
from bridge.sync.dispatch import paused_desk
from bridge.sync.messages import MessagePerformer
from bridge.sync.pacing import HOUR, at_their_cap, has_room
from tests.syncing.world import DCC, LDSO, TIMING, World, build, desk


def capped(most: int):
    return desk("dcc", method=EmailMethod(("desk@dcc.example",), most_per_hour=most))


def raise_cases(world: World, amount: int) -> list[str]:
    return [world.number(world.raise_case()) for _ in range(amount)]


def most_in_any_hour(world: World) -> int:
    at = [mail.at for mail in world.mails()]
    return max(sum(begin <= other < begin + HOUR for other in at) for begin in at)


def test_never_more_than_agreed_in_any_hour_and_all_arrive(build_either):
    world = build_either(capped(3), concurrency=4)
    numbers = raise_cases(world, 8)
    world.cycle(20, seconds=900)
    assert sorted(mail.told["case_number"] for mail in world.mails()) == numbers
    assert most_in_any_hour(world) == 3
    assert all(mail.attempt == 1 for mail in world.mails()), "to wait is no failure"


def test_who_waited_longest_comes_first(build_world):
    world = build_world(capped(2))
    numbers = raise_cases(world, 5)
    world.cycle(20, seconds=900)
    assert [mail.told["case_number"] for mail in world.mails()] == numbers


def test_what_waits_in_a_case_keeps_its_order(build_world):
    world = build_world(capped(1))
    world.engaged()
    for word in ("first", "second"):
        world.note(f"#desk: {word}")
        world.cycle(2)
    assert world.kinds() == ["open"]
    world.cycle(40, seconds=300)
    assert ["first" in world.mails()[1].content.decode(), "second" in world.mails()[2].content.decode()] == [True, True]
    assert most_in_any_hour(world) == 1


def test_people_are_told_once_a_day_and_only_if_something_waits(build_world):
    world = build_world(capped(1))
    raise_cases(world, 1)
    world.cycle(3)
    assert "desk_at_its_cap" not in world.alerts.codes(), "the desk has had its mail, and nothing waits"
    raise_cases(world, 3)
    world.cycle(20, seconds=300)
    assert world.alerts.codes().count("desk_at_its_cap") == 1


def test_other_desks_and_desks_without_a_cap_are_not_held_up(build_world):
    world = build_world(capped(1), desk("ldso"))
    raise_cases(world, 2)
    others = [world.raise_case(LDSO) for _ in range(3)]
    world.cycle(3)
    assert len(world.mails()) == 1
    assert [world.kinds(LDSO, case) for case in others] == [["open"]] * 3


def test_what_the_desk_may_have_counts_and_what_its_server_refused_does_not(build_world):
    refused = build_world(capped(1))
    refused.desks[DCC].fail(TryLater("busy"), times=2)
    refused.raise_case()
    refused.cycle(10, seconds=70)
    assert refused.kinds() == ["open"], "two attempts that reached nobody used nothing up"


def test_a_mail_of_unknown_end_is_repeated_within_the_cap(build_world):
    world = build_world(capped(1))
    world.desks[DCC].fail(OutcomeUnknown("broke off"), arrives=True)
    world.raise_case()
    world.cycle(3)
    world.cycle(40, seconds=300)
    assert [mail.attempt for mail in world.mails()] == [1, 2]
    assert most_in_any_hour(world) == 1


def claimed(world: World, amount: int):
    """Deliveries to the desk that several workers hold before any of them has begun."""
    return [
        world.store.claim(f"w{number}", TIMING.lease, excluded=["servicenow", "alerts"]) for number in range(amount)
    ]


def wait_unsent(world: World, amount: int) -> None:
    """Opening messages are decided and nothing of them was sent."""
    with world.store.transaction() as tx:
        tx.set_control(paused_desk(DCC), "for a test", "tester")
    raise_cases(world, amount)
    world.cycle(2)
    with world.store.transaction() as tx:
        tx.set_control(paused_desk(DCC), None, "tester")


@pytest.fixture
def two_waiting(build_either):
    """Two lanes with an opening message each, and one mail an hour."""
    world = build_either(capped(1))
    wait_unsent(world, 2)
    return world


def test_workers_that_claimed_before_the_cap_was_reached_do_not_pass_it(two_waiting):
    performer = MessagePerformer(two_waiting.around)
    first, second = claimed(two_waiting, 2)
    begun = [performer.intend(claim, performer.prepare(claim), timedelta(seconds=10)) for claim in (first, second)]
    assert [claim is not None for claim in begun] == [True, False]
    assert at_their_cap(two_waiting.around) == {DCC}
    again = two_waiting.store.claim("w", TIMING.lease, excluded=["servicenow", "alerts"])
    assert (again.delivery.id, again.due) == (second.delivery.id, second.due), "given back to its place"


def test_two_replicas_at_the_same_instant_do_not_both_take_the_last_place(postgres_store_url, hand_clock):
    mine, other = (open_store(postgres_store_url, clock=hand_clock) for _ in range(2))
    world = build(mine, hand_clock, [capped(1)])
    wait_unsent(world, 1)
    (claim,) = claimed(world, 1)
    told: list[bool] = []

    def ask() -> None:
        with other.transaction() as tx:
            told.append(has_room(tx, world.around, DCC))

    asking = threading.Thread(target=ask)
    with mine.transaction() as tx:
        assert has_room(tx, world.around, DCC)
        asking.start()
        waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        deadline = time.monotonic() + 30
        while asking.is_alive() and not tx._execute(waiting).scalar_one():
            assert time.monotonic() < deadline
        tx.intend(claim, None, timedelta(seconds=10))
    asking.join(30)
    assert told == [False]
    mine.close()
    other.close()
