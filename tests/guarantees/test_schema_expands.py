"""Guarantee 24: old and new release run on the new schema, and a migration that was killed can be run again.

No older release is at hand to be run. What is proved instead is what its statements stand on: from each revision to
the next no table, column or default goes, nothing is narrowed, and nothing new is demanded of the rows that an older
release writes. A revision that breaks this must shut older releases out.
"""

import os
import signal
from dataclasses import dataclass

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, text

from bridge.domain.errors import StoreError
from bridge.store import migrate, open_store, schema, schema_state
from bridge.store.engine import make_engine, parse_url
from tests.stores.fixtures import ENGINES
from tests.stores.processes import running

REVISIONS = [script.revision for script in schema._scripts().walk_revisions()][::-1]


@dataclass(frozen=True)
class Shape:
    """What statements can stand on: per table its columns, and what it demands of rows."""

    #: (table, column) -> (type, may be empty, has a default)
    columns: dict[tuple[str, str], tuple[str, bool, bool]]
    #: unique constraints and indexes, checks, foreign keys
    demands: dict[str, frozenset[str]]
    triggers: frozenset[str]


def shape(connection: Connection) -> Shape:
    look = inspect(connection)
    tables = [name for name in look.get_table_names() if name != "alembic_version"]
    return Shape(
        {
            (table, one["name"]): (
                str(one["type"]),
                bool(one["nullable"]),
                one["default"] is not None or bool(one.get("autoincrement", False)),
            )
            for table in tables
            for one in look.get_columns(table)
        },
        {table: frozenset(demands(look, table)) for table in tables},
        triggers(connection),
    )


def demands(look, table):
    yield from (f"unique {one['column_names']}" for one in look.get_unique_constraints(table))
    yield from (f"unique {one['column_names']} where {where(one)}" for one in look.get_indexes(table) if one["unique"])
    yield from (f"check {one['sqltext']}" for one in look.get_check_constraints(table))
    yield from (f"reference {one['constrained_columns']}" for one in look.get_foreign_keys(table))


def where(index) -> str:
    """The rows that an index is about, all of them if it does not say."""
    return " ".join(
        str(condition) for condition in index["dialect_options"].values() if not isinstance(condition, list)
    )


def triggers(connection: Connection) -> frozenset[str]:
    sqlite = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    postgresql = "SELECT trigger_name FROM information_schema.triggers"
    statement = sqlite if connection.dialect.name == "sqlite" else postgresql
    return frozenset(connection.execute(text(statement)).scalars())


def breaks(before: Shape, after: Shape) -> list[str]:
    """Whatever a release made for one shape would miss or trip over on the other."""
    found = [f"{column} is gone or changed" for column in before.columns if is_narrower(before, after, column)]
    for (table, name), (_, may_be_empty, has_default) in after.columns.items():
        is_new = (table, name) not in before.columns and table in before.demands
        if is_new and not may_be_empty and not has_default:
            found.append(f"{table}.{name} must be given")
    for table, demanded in before.demands.items():
        found += [f"{table} demands {new}" for new in after.demands.get(table, frozenset()) - demanded]
    known = {table for table, _ in before.columns}
    found += [f"trigger {name}" for name in after.triggers - before.triggers if name.startswith(tuple(known))]
    return found


def is_narrower(before: Shape, after: Shape, column: tuple[str, str]) -> bool:
    if column not in after.columns:
        return True
    (old_type, could_be_empty, had_default), (new_type, may_be_empty, has_default) = (
        before.columns[column],
        after.columns[column],
    )
    return old_type != new_type or could_be_empty > may_be_empty or had_default > has_default


@pytest.fixture(params=ENGINES)
def empty_url(request, tmp_path):
    """The address of a database in which nothing was ever made."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bridge.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def connect(empty_url):
    """Runs a function in a transaction of its own."""
    engine = make_engine(parse_url(empty_url))

    def run(function):
        with engine.begin() as connection:
            return function(connection)

    yield run
    engine.dispose()


def upgrade_to(revision: str):
    def upgrade(connection: Connection) -> Shape:
        config = schema._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        return shape(connection)

    return upgrade


def shuts_out_older_ones(revision: str):
    return lambda connection: connection.execute(schema._OLDEST).scalar_one_or_none() == revision


def test_every_revision_leaves_what_the_release_before_it_stands_on(connect):
    before = connect(upgrade_to(REVISIONS[0]))
    for revision in REVISIONS[1:]:
        after = connect(upgrade_to(revision))
        assert breaks(before, after) == [] or connect(shuts_out_older_ones(revision)), revision
        before = after


@pytest.mark.parametrize(
    "change, said",
    [
        ("ALTER TABLE heartbeat DROP COLUMN what", "('heartbeat', 'what') is gone or changed"),
        ("ALTER TABLE heartbeat RENAME COLUMN what TO task", "('heartbeat', 'what') is gone or changed"),
        ("ALTER TABLE heartbeat RENAME TO sign_of_life", "('heartbeat', 'at') is gone or changed"),
        ("CREATE UNIQUE INDEX one ON heartbeat (what)", "heartbeat demands unique"),
        (
            "CREATE TRIGGER heartbeat_stays BEFORE DELETE ON heartbeat BEGIN SELECT RAISE(ABORT, 'no'); END",
            "trigger heartbeat_stays",
        ),
    ],
)
def test_what_would_break_an_older_release_is_noticed(tmp_path, change, said):
    migrate(f"sqlite:///{tmp_path / 'bridge.db'}")
    engine = make_engine(parse_url(f"sqlite:///{tmp_path / 'bridge.db'}"))
    with engine.begin() as connection:
        before = shape(connection)
        connection.execute(text(change))
    with engine.begin() as connection:
        found = breaks(before, shape(connection))
    engine.dispose()
    assert any(one.startswith(said) for one in found), found


def test_a_column_that_must_be_given_is_noticed_and_one_with_a_default_is_none_of_it():
    before = Shape({("case", "id"): ("TEXT", False, False)}, {"case": frozenset()}, frozenset())
    demanded = Shape({**before.columns, ("case", "new"): ("TEXT", False, False)}, before.demands, frozenset())
    given = Shape({**before.columns, ("case", "new"): ("TEXT", False, True)}, before.demands, frozenset())
    assert breaks(before, demanded) == ["case.new must be given"]
    assert breaks(before, given) == []


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_an_older_schema_is_refused_with_the_remedy_and_can_be_migrated(empty_url, connect, revision):
    connect(upgrade_to(revision))
    with pytest.raises(StoreError, match="run cpsd-bridge migrate"):
        open_store(empty_url)
    assert migrate(empty_url).is_usable
    open_store(empty_url).close()


def test_a_schema_that_shuts_this_release_out_is_refused_and_left_alone(empty_url, connect):
    migrate(empty_url)
    connect(lambda one: one.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    open_store(empty_url).close()
    floor = "INSERT INTO control (name, value, \"by\", at) VALUES ('schema/oldest', '9998', 'migration', 0)"
    connect(lambda one: one.execute(text(floor)))
    for refused in (open_store, migrate):
        with pytest.raises(StoreError, match=r"cannot work beside \(revision 9998\).*restore the backup"):
            refused(empty_url)
    assert not schema_state(empty_url).is_usable


def migrate_and_die(url: str) -> None:
    """Everything is made, and the process is killed before it can commit."""
    upgrade = command.upgrade

    def die(config, target):
        upgrade(config, target)
        os.kill(os.getpid(), signal.SIGKILL)

    schema.command.upgrade = die
    migrate(url)


def test_a_migration_that_was_killed_has_done_nothing_and_can_be_run_again(empty_url, connect):
    connect(upgrade_to(REVISIONS[0]))
    before = connect(shape)
    with running(migrate_and_die, empty_url) as process:
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
    assert connect(shape) == before
    assert schema_state(empty_url).current == REVISIONS[0]
    assert migrate(empty_url).is_usable
