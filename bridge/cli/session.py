"""What a command works with: who runs it, and the configured parts of the bridge, opened when they are needed.

The heavy parts are imported inside of the methods that need them, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from bridge.domain.errors import StaleCase, UsageError
from bridge.ports import CaseRecord, Json, TrailEvent, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.app import Application
    from bridge.domain.agreement import Desk
    from bridge.settings import Configuration
    from bridge.store import SqlStore

_MOST_TRIES = 20
_Result = TypeVar("_Result")


class LogFormat(StrEnum):
    """How log lines look."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the program."""

    folder: Path
    operator: str
    log_format: LogFormat | None = None
    log_level: LogLevel | None = None

    @property
    def who(self) -> str:
        """The operator as the trail names them."""
        return f"operator:{self.operator}"

    def start_logging(self, level: LogLevel) -> None:
        """Send log events to standard error, from this level on unless the person asked for another."""
        from bridge import logs

        form = self.log_format or (LogFormat.CONSOLE if sys.stderr.isatty() else LogFormat.JSON)
        logs.configure(form.value, (self.log_level or level).value)

    def configuration(self) -> Configuration:
        """The configuration, checked as a whole; raises `ConfigurationError`."""
        from bridge.configuration import load

        return load(self.folder, os.environ)

    @contextmanager
    def store(self, configuration: Configuration) -> Iterator[SqlStore]:
        """The store beside a worker that may be running."""
        from bridge.store import open_store

        store = open_store(configuration.store.get_secret_value())
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def application(self, *, worker: bool = False) -> Iterator[Application]:
        """The bridge put together; `worker` claims deliveries, of which SQLite allows one process at a time."""
        from bridge.app import Application

        with Application(self.configuration(), worker=worker) as application:
            yield application

    def record(
        self,
        tx: Transaction,
        command: str,
        arguments: Mapping[str, Json],
        *,
        reason: str = "",
        case: CaseRecord | None = None,
        desk: str = "",
    ) -> None:
        """Write down in the trail who ran a command that changes something; a reason is free text and may be erased."""
        tx.record(
            TrailEvent(
                "command",
                self.who,
                case.sys_id if case else None,
                case.number if case else "",
                desk=desk,
                cause="command",
                facts={"command": command, "arguments": dict(arguments)},
                personal={"reason": reason} if reason else {},
            )
        )


def session_of(context: typer.Context) -> Session:
    """The session that the program began."""
    session = context.obj
    if not isinstance(session, Session):
        raise TypeError("the program began without a session")
    return session


def change(store: SqlStore, decide: Callable[[Transaction], _Result]) -> _Result:
    """One transaction; if somebody else decided on the case in between, it is read and decided again."""
    for _ in range(_MOST_TRIES - 1):
        try:
            with store.transaction() as tx:
                return decide(tx)
        except StaleCase:
            continue
    with store.transaction() as tx:
        return decide(tx)


def case_named(tx: Transaction, number: str) -> CaseRecord:
    """The record of a case that the bridge deals with; raises `UsageError`."""
    record = tx.case_by_number(number)
    if record is None:
        raise UsageError(f"the bridge does not deal with a case {number}", remedy="see cpsd-bridge engagements --all")
    return record


def desk_named(configuration: Configuration, name: str) -> Desk:
    """A configured desk; raises `UsageError`."""
    found = {str(desk.name): desk for desk in configuration.desks.by_name.values()}.get(name)
    if found is None:
        known = ", ".join(sorted(configuration.desks.by_name))
        raise UsageError(f"no desk is called {name}", remedy=f"take one of: {known}")
    return found
