from datetime import timedelta

from sqlalchemy import select

from bridge.store.tables import event
from tests.stores.samples import START


def test_a_switch_is_set_changed_and_cleared_and_each_change_names_who_did_it(store):
    with store.transaction() as work:
        assert work.control("pause/all") is None
        for value, by in (("1", "anna"), ("2", "ben"), (None, "carla")):
            work.set_control("pause/all", value, by)
            assert work.control("pause/all") == value
        events = work._execute(select(event).order_by(event.c.id)).all()
    assert [(one.kind, one.who, one.facts) for one in events] == [
        ("control_set", "anna", {"name": "pause/all", "value": "1"}),
        ("control_set", "ben", {"name": "pause/all", "value": "2"}),
        ("control_set", "carla", {"name": "pause/all", "value": None}),
    ]


def test_switches_are_listed_by_name(store):
    with store.transaction() as work:
        work.set_control("pause/desk/dcc", "1", "anna")
        work.set_control("pause/all", "1", "anna")
        assert work.controls() == {"pause/all": "1", "pause/desk/dcc": "1"}


def test_a_worker_says_that_it_lives(clocked, hand_clock):
    with clocked.transaction() as work:
        work.beat("w", "pull")
    hand_clock.forward(seconds=5)
    with clocked.transaction() as work:
        work.beat("w", "dispatch")
        assert work.heartbeats() == {"w": (hand_clock.now(), "dispatch")}
    assert hand_clock.now() > START


def test_the_living_are_those_who_said_so_lately_and_have_not_left(clocked, hand_clock):
    for worker in ("a", "b"):
        with clocked.transaction() as work:
            work.beat(worker, "run")
        hand_clock.forward(seconds=20)
    with clocked.transaction() as work:
        work.beat("c", "check")
        assert work.living("run", timedelta(seconds=30)) == 1
        assert work.living("run", timedelta(seconds=60)) == 2
        work.leave("b")
        assert work.living("run", timedelta(seconds=60)) == 1
    hand_clock.forward(days=2)
    with clocked.transaction() as work:
        work.leave("c")
        assert work.heartbeats() == {}, "who fell silent long ago is forgotten"
