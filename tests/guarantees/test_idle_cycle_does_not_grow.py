"""An idle cycle costs the same however many cases are known: the same calls, and as much work of the database."""

import sqlite3

import pytest
from sqlalchemy import event

from bridge.domain.case import Case
from bridge.ports import CaseRecord
from tests.stores.samples import sys_id
from tests.syncing.world import CASE_TABLE

#: SQLite's virtual machine tells after so many of its steps
GRAIN = 20
#: where the sys_ids of known cases begin
OLD = 0xA0000000


@pytest.fixture
def worked(quick_store):
    """How many times `GRAIN` steps the database has done."""
    done = [0]

    def count():
        done[0] += 1

    quick_store._engine.dispose()

    @event.listens_for(quick_store._engine, "connect")
    def listen(connection: sqlite3.Connection, _record):
        connection.set_progress_handler(count, GRAIN)

    return done


def know(world, numbers):
    """Cases that were landed and decided upon long ago, every tenth with a record of its own."""
    values = {"sys_updated_on": "2026-05-01 00:00:00", "sys_mod_count": "1", "state": "10"}
    cases = [Case(CASE_TABLE, sys_id(OLD + number), {**values, "sys_id": sys_id(OLD + number)}) for number in numbers]
    with world.store.transaction() as tx:
        tx.land(cases, decided=True)
        for case in cases[::10]:
            tx.add_case(CaseRecord(case.sys_id, CASE_TABLE, case.number, 0, shadow=case))


def idle_cycle(world, worked):
    """What one cycle in which nothing happens costs: calls to ServiceNow, and work of the database."""
    calls = []
    for name in ("page", "read_many", "stamps", "matching", "why_gone", "members"):
        original = getattr(type(world.servicenow), name)

        def counted(*about, name=name, original=original):
            calls.append(name)
            return original(world.servicenow, *about)

        setattr(world.servicenow, name, counted)
    before = worked[0]
    world.cycle(1)
    return tuple(calls), worked[0] - before


def test_calls_and_database_work_are_those_of_a_small_bridge(build_world, worked):
    world = build_world()
    world.engaged()
    know(world, range(100))
    world.cycle(8)
    few = idle_cycle(world, worked)
    know(world, range(100, 10_000))
    world.cycle(1)
    many = idle_cycle(world, worked)
    assert few[0] == many[0]
    assert many[1] <= few[1] * 1.2 + 5, f"{few[1]} became {many[1]}"


def test_the_count_would_show_a_query_that_reads_every_case(build_world, worked):
    world = build_world()
    know(world, range(2000))
    before = worked[0]
    with world.store.transaction() as tx:
        assert tx.case_by_number("nothing") is None
    indexed = worked[0] - before
    with world.store.transaction() as tx:
        tx._connection.exec_driver_sql("SELECT count(*) FROM revision WHERE body LIKE '%nothing%'").scalar_one()
    assert worked[0] - before > 10 * (indexed + 1)
