"""The state of the schema, and bringing it up to date.

Migrations only expand: the release before the newest works on the newest schema, so that replicas can be replaced one
by one. A migration after which older releases cannot work any more says so: it writes its own revision into the control
`schema/oldest`, and releases that do not know that revision refuse the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from bridge.domain.errors import StoreError
from bridge.store.engine import READ_ONLY, database_file, make_engine, parse_url, use_write_ahead_log
from bridge.store.failures import failures_named

_log = structlog.get_logger(__name__)

#: PostgreSQL advisory lock that all migrations take; any number that nothing else in the database uses.
_MIGRATION_LOCK = 0x6370_7364_6272
_OLDEST = text("SELECT value FROM control WHERE name = 'schema/oldest'")


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Which revision a store is at, and which this release brings."""

    #: None: nothing was ever migrated
    current: str | None
    head: str
    #: revisions still to apply, in order
    pending: tuple[str, ...]
    #: the revision that a release must know to work with it, where this release does not know it
    unknown: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether this release can work with it: at this release's revision, or at one of a newer release."""
        return self.current is not None and not self.pending and not self.unknown


def migrate(url: str) -> SchemaState:
    """Bring a store up to date and return where it stands.

    Everything happens in one transaction under a lock: run by two at once, one waits and finds nothing to do; stopped
    half way, nothing has happened. Raises `StoreError`, also for a store of a release too new for this one.
    """
    parsed = parse_url(url)
    if file := database_file(parsed):
        file.parent.mkdir(parents=True, exist_ok=True)
    engine = make_engine(parsed)
    try:
        with failures_named():
            use_write_ahead_log(engine)
            with engine.begin() as connection:
                _lock(connection)
                before = _state(connection)
                _refuse_newer(before, parsed.render_as_string())
                _upgrade(connection, before)
                after = _state(connection)
    finally:
        engine.dispose()
    _log.info("store_migrated", before=before.current, after=after.current, applied=len(before.pending))
    return after


def schema_state(url: str) -> SchemaState:
    """Where a store stands; raises `StoreError` if it cannot be reached."""
    parsed = parse_url(url)
    file = database_file(parsed)
    if file is not None and not file.exists():
        return SchemaState(None, _scripts().get_current_head() or "", _pending(None))
    engine = make_engine(parsed)
    try:
        with failures_named(), engine.connect().execution_options(**{READ_ONLY: True}) as connection:
            return _state(connection)
    finally:
        engine.dispose()


def require_usable(engine: Engine) -> None:
    """Raises `StoreError` for a store that this release cannot work with."""
    with failures_named(), engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        state = _state(connection)
    _refuse_newer(state, engine.url.render_as_string())
    if not state.is_usable:
        raise not_migrated(engine.url.render_as_string())


def _refuse_newer(state: SchemaState, where: str) -> None:
    if state.unknown:
        raise StoreError(
            f"{where} was migrated by a release that this one cannot work beside (revision {state.unknown})",
            remedy="install that release, or restore the backup from before its migration",
        )


def not_migrated(where: str) -> StoreError:
    """The refusal to work on a store whose schema is missing or old; `where` without its password."""
    return StoreError(f"{where} is not migrated to this release's schema", remedy="run cpsd-bridge migrate")


def _state(connection: Connection) -> SchemaState:
    current = MigrationContext.configure(connection).get_current_revision()
    oldest = connection.execute(_OLDEST).scalar_one_or_none() if current else None
    known = {script.revision for script in _scripts().walk_revisions()}
    unknown = "" if oldest is None or oldest in known else oldest
    return SchemaState(current, _scripts().get_current_head() or "", _pending(current), unknown)


def _pending(current: str | None) -> tuple[str, ...]:
    order = [script.revision for script in _scripts().walk_revisions()][::-1]
    if current is None:
        return tuple(order)
    # A revision that we do not know was made by a newer release, which keeps the older one working (guarantee 24).
    return tuple(order[order.index(current) + 1 :]) if current in order else ()


def _upgrade(connection: Connection, state: SchemaState) -> None:
    if state.pending:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _lock(connection: Connection) -> None:
    # SQLite needs none: every writing transaction is alone from its beginning.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
