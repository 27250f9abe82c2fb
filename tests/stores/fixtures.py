"""A migrated, empty store for each test: every test that asks for one runs on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.store import SqlStore, migrate, open_store
from tests.servers.postgres import PostgresServer

ENGINES = ("sqlite", "postgresql")


class HandClock:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.time = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def forward(self, **duration: float) -> datetime:
        self.time += timedelta(**duration)
        return self.time


def prepare(url: str) -> None:
    """Brings an empty database to the newest schema."""
    migrate(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    file = tmp_path_factory.mktemp("store") / "template.db"
    prepare(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_store_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of a migrated, empty SQLite store."""
    file = tmp_path / "bridge.db"
    shutil.copy(sqlite_template, file)
    return f"sqlite:///{file}"


@pytest.fixture
def postgres_store_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a migrated, empty PostgreSQL store."""
    url = postgres_server.create_database(prepare)
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(params=ENGINES)
def store_url(request: pytest.FixtureRequest) -> str:
    """The address of a migrated, empty store."""
    name = {"sqlite": "sqlite_store_url", "postgresql": "postgres_store_url"}[request.param]
    return request.getfixturevalue(name)


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    """A store on the database's own clock."""
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def hand_clock() -> HandClock:
    """A clock that the test moves."""
    return HandClock()


@pytest.fixture
def clocked(store_url: str, hand_clock: HandClock) -> Iterator[SqlStore]:
    """A store whose clock is `hand_clock`."""
    opened = open_store(store_url, clock=hand_clock)
    yield opened
    opened.close()
