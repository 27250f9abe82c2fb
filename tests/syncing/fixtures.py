"""Worlds for tests: on SQLite where the engine makes no difference, on both stores where it may."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event

from bridge.store import SqlStore, open_store
from tests.stores.fixtures import HandClock
from tests.syncing.world import Build, World, build


@pytest.fixture
def quick_store(sqlite_store_url: str, hand_clock: HandClock) -> Iterator[SqlStore]:
    """A store on SQLite whose clock is `hand_clock`."""
    opened = open_store(sqlite_store_url, clock=hand_clock)
    hurry(opened)
    yield opened
    opened.close()


def hurry(store: SqlStore) -> None:
    """No power is cut here: nothing need wait for the disk."""
    store._engine.dispose()
    event.listen(
        store._engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF") and None
    )


@pytest.fixture
def build_world(quick_store: SqlStore, hand_clock: HandClock) -> Build:
    """Makes a world with the desks and settings that a test wants."""
    return lambda *desks, **settings: build(quick_store, hand_clock, desks, **settings)


@pytest.fixture
def world(build_world: Build) -> World:
    """A world with three desks, on SQLite."""
    return build_world()


@pytest.fixture
def build_either(clocked: SqlStore, hand_clock: HandClock) -> Build:
    """Makes a world on SQLite, and in a second run on PostgreSQL."""
    return lambda *desks, **settings: build(clocked, hand_clock, desks, **settings)


@pytest.fixture
def either(build_either: Build) -> World:
    """A world with three desks, on both stores."""
    return build_either()
