"""Collecting from mailboxes and portals: one that is away holds up nobody else, and people are told."""

import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from bridge.domain.errors import NotPermitted, TryLater
from bridge.sync import restored
from bridge.sync.collect import Collecting
from bridge.sync.replicas import Replica
from bridge.sync.schedule import Service
from tests.syncing.world import LDSO


@dataclass
class Away:
    """A portal that cannot be reached, or hangs."""

    name: str = "portal:rec"
    is_away: bool = True
    refuses: bool = False
    hangs: threading.Event | None = None
    passes: int = 0
    begun: threading.Event = field(default_factory=threading.Event)

    def collect(self, keep):
        self.passes += 1
        self.begun.set()
        if self.hangs is not None:
            self.hangs.wait(60)
        if self.refuses:
            raise NotPermitted("403", status=403)
        if self.is_away:
            raise TryLater("the portal is away")
        return 0

    def overlooked(self, received, since):
        return iter(())


@pytest.fixture
def portal(world):
    away = Away()
    world.around = world.with_(collectors=[away, world.mailbox]).around
    return away


def told(world):
    return [alert["code"] for alert in world.alerts.sent if alert["code"] == "not_collected"]


def test_what_lies_in_the_mailbox_is_read_while_a_portal_is_away(world, portal):
    world.engaged()
    world.report("acknowledged")
    world.cycle()
    assert world.state() == "acknowledged"


def test_people_are_told_after_a_while_once_a_day_until_it_is_back(world, portal):
    world.cycle(3)
    assert told(world) == []
    world.clock.forward(minutes=16)
    world.cycle(3)
    assert told(world) == ["not_collected"]
    world.clock.forward(hours=24)
    world.cycle(2)
    assert told(world) == ["not_collected"] * 2
    portal.is_away = False
    world.cycle()
    with world.store.reading() as tx:
        assert "away/portal:rec" not in tx.controls()
    portal.is_away = True
    world.cycle(2)
    assert told(world) == ["not_collected"] * 2


def test_a_portal_that_hangs_keeps_the_service_from_nothing(world, portal, monkeypatch):
    """The clock stands still: whatever happens is because somebody rang, not because of the time."""
    world.engaged(LDSO)
    world.report("acknowledged", desk=LDSO)
    portal.hangs = threading.Event()
    portal.begun.clear()
    # Of several processes this one leads; the world's store was not opened for one that works alone.
    monkeypatch.setattr(world.store, "leadership", lambda _: nullcontext(enter_result=True))
    replica = Replica(
        world.store.reading,
        world.store.transaction,
        "worker",
        every=timedelta(hours=1),
        share_among=lambda replicas: None,
    )
    service = Service(world.around, tick=0.05, collect_every=3600, replica=replica)
    running = threading.Thread(target=service.run)
    running.start()
    try:
        assert portal.begun.wait(60)
        patience = threading.Event()
        for _ in range(600):
            if world.state(LDSO) == "acknowledged":
                break
            patience.wait(0.1)
        assert world.state(LDSO) == "acknowledged"
        assert not portal.hangs.is_set()
    finally:
        portal.hangs.set()
        service.stop()
        running.join(60)
    assert not running.is_alive()


def test_one_that_refuses_us_is_as_away_as_one_that_is_down(world, portal):
    portal.refuses = True
    world.engaged()
    world.report("acknowledged")
    world.cycle()
    assert world.state() == "acknowledged"
    world.clock.forward(minutes=16)
    world.cycle(2)
    assert told(world) == ["not_collected"]


def test_replicas_that_each_collect_from_one_far_side_end_the_catching_up_together(world, portal):
    portal.is_away = False
    world.engaged()
    restored.begin(world.around, "operator:ines")
    one, other = Collecting(world.around), Collecting(world.around)
    world.clock.forward(minutes=5)
    one.collect([world.mailbox])
    with world.store.reading() as tx:
        assert not tx.restored().collected
    other.collect([portal])
    with world.store.reading() as tx:
        assert tx.restored().collected
        assert not [name for name in tx.controls() if name.startswith("collected/")]
