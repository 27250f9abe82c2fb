"""A real PostgreSQL, one server for each test process and a fresh database for each test."""

import contextlib
import itertools
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.servers.processes import (
    LOOPBACK,
    REMEDY,
    ServerUnavailable,
    as_user,
    free_port,
    run,
    running,
    server_folder,
)

#: The user that the distribution's package makes; the server runs as it when the tests run as root.
SERVER_USER = "postgres"
#: Nothing here outlives the tests, so nothing is forced to the disk.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "listen_addresses": LOOPBACK,
}


@dataclass
class PostgresServer:
    """A running server; trusts every connection from loopback."""

    port: int
    _serial: Iterator[int] = field(default_factory=itertools.count)
    _templates: dict[Callable[[str], None], str] = field(default_factory=dict)

    def url(self, database: str) -> str:
        """The address of a database, in SQLAlchemy's notation."""
        return f"postgresql+psycopg://{SERVER_USER}@{LOOPBACK}:{self.port}/{database}"

    def create_database(self, prepare: Callable[[str], None] | None = None) -> str:
        """Makes a new database and returns its address.

        Args:
            prepare: brings a database, given by address, to where the tests begin (the migrations). It runs once for
                this server; every database that wants the same is a copy.
        """
        if prepare is None:
            return self._create("template0")
        if prepare not in self._templates:
            template = self._create("template0")
            prepare(template)
            self._templates[prepare] = database_name(template)
        return self._create(self._templates[prepare])

    def drop_database(self, url: str) -> None:
        """Removes a database, with whoever is still connected to it."""
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database_name(url))))

    def _create(self, template: str) -> str:
        name = f"test_{next(self._serial)}"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def wait_until_ready(self, seconds: float = 30) -> None:
        """Until it answers: the port is open somewhat earlier."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._execute(sql.SQL("SELECT 1").format())
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(host=LOOPBACK, port=self.port, user=SERVER_USER, autocommit=True) as connection:
            connection.execute(statement)


def database_name(url: str) -> str:
    """The database's name in its address."""
    return url.rpartition("/")[2]


def newest_binaries() -> Path:
    """The folder of the newest installed server's programs.

    Raises:
        ServerUnavailable: none is installed.
    """
    found = list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise ServerUnavailable(f"PostgreSQL is not installed: {REMEDY}")
    return max(found, key=lambda initdb: int(re.sub(r"\D", "", initdb.parts[-3]))).parent


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A new, empty server for the length of the block."""
    binaries, port = newest_binaries(), free_port()
    with server_folder("postgres") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, SERVER_USER, SERVER_USER)
        data = str(folder / "data")
        initdb = [str(binaries / "initdb"), "--auth=trust", f"--username={SERVER_USER}", "--encoding=UTF8"]
        run(as_user(SERVER_USER, [*initdb, "--locale=C.UTF-8", "--no-sync", "-D", data]))
        settings = {**SETTINGS, "port": str(port), "unix_socket_directories": str(folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = as_user(SERVER_USER, [str(binaries / "postgres"), "-D", data, *options])
        # SIGINT is PostgreSQL's "fast" shutdown: it does not wait for clients.
        with running(command, log=folder / "log", port=port, stop_signal=signal.SIGINT):
            server = PostgresServer(port)
            server.wait_until_ready()
            yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server, shared by the tests of one process; give each test a database of its own."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy address of a new, empty database."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)
