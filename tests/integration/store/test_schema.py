import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from bridge.domain.errors import StoreError
from bridge.store import migrate, open_store, schema, schema_state
from bridge.store.engine import make_engine, parse_url
from bridge.store.tables import metadata
from tests.stores.fixtures import ENGINES


@pytest.fixture(params=ENGINES)
def empty_url(request, tmp_path):
    """The address of a database in which nothing was ever made."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new folder' / 'bridge.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def look(empty_url):
    """Runs a function on a connection of its own to the database."""
    engines = []

    def run(function):
        engines.append(make_engine(parse_url(empty_url)))
        with engines[-1].begin() as connection:
            return function(connection)

    yield run
    for engine in engines:
        engine.dispose()


def test_migrating_brings_a_new_store_to_the_newest_revision(empty_url):
    before = schema_state(empty_url)
    assert (before.current, before.is_usable) == (None, False)
    after = migrate(empty_url)
    assert (after.current, after.pending, after.is_usable) == (after.head, (), True)
    assert schema_state(empty_url) == after


def test_migrating_again_changes_nothing(empty_url):
    assert migrate(empty_url) == migrate(empty_url)


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(empty_url, look):
    migrate(empty_url)
    assert look(lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)) == []
    checks = look(
        lambda connection: {
            (table, check["name"])
            for table in inspect(connection).get_table_names()
            for check in inspect(connection).get_check_constraints(table)
        }
    )
    assert {name for table, name in checks if table == "outbox"} == {
        "outbox_due_while_live",
        "outbox_finished_once_final",
        "outbox_held_while_live",
        "outbox_lease_of_a_worker",
    }


def test_an_unmigrated_store_is_refused_with_the_remedy(empty_url):
    with pytest.raises(StoreError, match="run cpsd-bridge migrate"):
        open_store(empty_url)
    assert schema_state(empty_url).current is None, "being refused leaves nothing behind"


def test_two_replicas_may_migrate_at_once(empty_url):
    results, together = [], threading.Barrier(3)

    def run():
        together.wait()
        results.append(migrate(empty_url).current)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [schema_state(empty_url).head] * 3


def test_a_migration_that_broke_off_left_nothing_and_can_be_started_again(empty_url, look, monkeypatch):
    upgrade = schema.command.upgrade

    def break_off(config, target):
        upgrade(config, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(schema.command, "upgrade", break_off)
    with pytest.raises(KeyboardInterrupt):
        migrate(empty_url)
    assert look(lambda connection: inspect(connection).get_table_names()) == []
    monkeypatch.undo()
    assert migrate(empty_url).is_usable


def test_a_store_of_a_newer_release_can_be_used(empty_url, look):
    migrate(empty_url)
    look(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    assert migrate(empty_url).is_usable
    open_store(empty_url).close()
