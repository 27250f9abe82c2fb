"""Guarantee 15 where one replica decides while another one reads: nobody decides on an engagement as it was.

With PostgreSQL, whose transactions see what others commit meanwhile; SQLite has one writer at a time.
"""

import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bridge.domain.errors import StaleCase
from bridge.domain.facts import Confirm, Withdraw
from bridge.store import open_store
from bridge.sync.casework import Casework, Cause
from bridge.sync.cycle import Cycle
from tests.syncing.desks import FakeReader
from tests.syncing.world import build

PATIENCE = 60


@pytest.fixture
def world(postgres_store_url, hand_clock):
    store = open_store(postgres_store_url, clock=hand_clock)
    yield build(store, hand_clock)
    store.close()


def decided_elsewhere(world, fact):
    """What decides on the engagement in another transaction, once."""
    engagement, rest = world.engagement(), [fact]

    def decide():
        with world.store.transaction() as tx:
            work = Casework(tx, world.around, tx.case(world.case), Cause("priya.shah", "command"))
            work.apply(tx.engagement(engagement.id), fact)
            work.close()

    def once():
        if rest:
            rest.clear()
            thread = threading.Thread(target=decide)
            thread.start()
            thread.join(PATIENCE)

    return once


class WhileReading(FakeReader):
    """Reads as the real reader does, which looks at the engagement; then something else is decided."""

    def __init__(self, meanwhile):
        self._meanwhile = meanwhile

    def receive(self, raw, received_at, known, found=None):
        reading = super().receive(raw, received_at, known, found)
        if reading.engagement:
            known.engagement(reading.engagement)
            self._meanwhile()
        return reading


class BeforeTheCase:
    """A store whose transactions are overtaken between the reading of an engagement and that of its case."""

    def __init__(self, store, meanwhile):
        self._store, self.meanwhile, self.stale = store, meanwhile, 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    @contextmanager
    def transaction(self):
        try:
            with self._store.transaction() as tx:
                yield _Overtaken(tx, self.meanwhile)
        except StaleCase:
            self.stale += 1
            raise


class _Overtaken:
    def __init__(self, tx, meanwhile):
        self._tx, self._meanwhile, self._has_read = tx, meanwhile, False

    def __getattr__(self, name):
        return getattr(self._tx, name)

    def engagement(self, engagement):
        self._has_read = True
        return self._tx.engagement(engagement)

    def case(self, sys_id):
        if self._has_read:
            self._meanwhile()
        return self._tx.case(sys_id)


def test_an_engagement_that_is_withdrawn_while_a_mail_is_read_stays_withdrawn(world):
    world.engaged()
    meanwhile = decided_elsewhere(world, Withdraw("priya.shah", "not needed any more"))
    world.report("progress", "engineers are on site")
    Cycle(replace(world.around, reader=WhileReading(meanwhile))).once()
    assert world.state() == "withdrawn"


@pytest.mark.parametrize(
    "report,fact,state",
    [
        ("progress", Withdraw("priya.shah", "not needed any more"), "withdrawn"),
        ("comment", Confirm("priya.shah"), "confirmed"),
    ],
)
def test_what_is_decided_before_the_case_is_read_is_not_undone(world, report, fact, state):
    if state == "confirmed":
        world.reported()
    else:
        world.engaged()
    store = BeforeTheCase(world.store, decided_elsewhere(world, fact))
    world.report(report, "by the way")
    world.clock.forward(seconds=2)
    Cycle(replace(world.around, store=store)).once()
    assert world.state() == state
    assert store.stale == 1, "the mail was decided upon once more, on the engagement as it is"
    world.cycle(4)
    assert world.state() == state
