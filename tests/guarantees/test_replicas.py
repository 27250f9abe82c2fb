"""Guarantees 15 to 18: two `run` processes on one PostgreSQL, one of them killed, or stopped past its lease."""

import collections
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from bridge.domain.ids import SysId
from tests.killing.bridges import Bridges
from tests.killing.market import (
    PATIENT,
    QUICK,
    Market,
    assert_all_ended,
    assert_each_message_under_one_identity,
    assert_written_once,
    market,
)

CASES = 12
LEASE = 2 * QUICK.client_timeout + QUICK.far_side_limit + 2 * QUICK.margin
#: for a busy machine: what a tick and the work of one delivery may take
SLACK = 15.0
SLOW = [
    {"match": match, "fault": {"kind": "slow", "seconds": 0.3}}
    for match in ({"method": "PATCH"}, {"path_regex": "/batch$"})
]


@dataclass(frozen=True)
class Held:
    """A delivery that a worker is at."""

    delivery: str
    case: str
    process: int


def rows(found: Market, statement: str, **values) -> list:
    with found.store._engine.connect() as connection:
        return list(connection.execute(text(statement), values))


def attempted_by(found: Market, processes: set[int]) -> list[Held]:
    """The writes to ServiceNow that these processes have begun and not ended."""
    held = rows(found, "SELECT id, case_id, worker FROM outbox WHERE status = 'attempting' AND kind = 'write'")
    at_it = [Held(row.id, row.case_id, int(row.worker.split("/")[1])) for row in held if row.worker]
    return [one for one in at_it if one.process in processes]


def caught_at_work(found: Market, bridges: Bridges, processes: set[int]) -> Held:
    """Stop one of the processes in the middle of a write, with no transaction open that would hold up the other."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found.confirm_what_is_reported()
        for held in attempted_by(found, processes)[:1]:
            bridges.freeze(held.process)
            open_transactions = rows(found, "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'")
            if held in attempted_by(found, processes) and not open_transactions:
                return held
            bridges.wake(held.process)
        time.sleep(0.005)
    raise AssertionError("no process was caught in the middle of a write")


def seconds_until(condition: Callable[[], object], most: float) -> float:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < most, f"not within {most} s"
        time.sleep(0.01)
    return time.monotonic() - begun


def status(found: Market, held: Held) -> str:
    return str(rows(found, "SELECT status FROM outbox WHERE id = :id", id=held.delivery)[0].status)


def assert_lanes_held(found: Market) -> None:
    """No two attempts in one lane at the same time."""
    overlapping = rows(
        found,
        "SELECT count(*) AS amount FROM attempt a JOIN outbox o ON o.id = a.delivery "
        "JOIN outbox p ON p.lane = o.lane JOIN attempt b ON b.delivery = p.id "
        "WHERE (a.delivery, a.number) < (b.delivery, b.number) "
        "AND a.started_at < b.ended_at AND b.started_at < a.ended_at",
    )
    assert overlapping[0].amount == 0


def workers(found: Market) -> set[str]:
    return {row.worker.split("/")[1] for row in rows(found, "SELECT DISTINCT worker FROM attempt")}


@pytest.mark.timeout(180)
def test_two_replicas_share_the_work_and_the_lanes_hold(tmp_path, postgres_url):
    with (
        market(tmp_path, postgres_url, pace=PATIENT) as found,
        Bridges(found.stage.config, tmp_path / "bridge.log") as bridges,
    ):
        found.raise_cases(CASES)
        processes = {bridges.start(), bridges.start()}
        found.play(90)
        assert_all_ended(found)
        assert_written_once(found)
        assert_each_message_under_one_identity(found)
        assert_lanes_held(found)
        assert workers(found) == {str(process) for process in processes}
        assert all(mail.attempt == 1 for desk in found.desks.values() for mail in desk.received)
        for process in processes:
            bridges.terminate(process)


@pytest.mark.timeout(180)
def test_what_a_killed_replica_held_is_taken_over_within_the_lease_and_one_tick(tmp_path, postgres_url):
    with market(tmp_path, postgres_url) as found, Bridges(found.stage.config, tmp_path / "bridge.log") as bridges:
        found.faults(*SLOW)
        found.raise_cases(CASES)
        processes = {bridges.start(), bridges.start()}
        held = caught_at_work(found, bridges, processes)
        bridges.kill(held.process)
        took = seconds_until(lambda: status(found, held) == "done", LEASE + QUICK.tick + SLACK)
        assert took > 0
        found.no_faults()
        found.play(90)
        assert_all_ended(found)
        assert_written_once(found)
        assert_each_message_under_one_identity(found)


@pytest.mark.timeout(180)
def test_a_replica_that_was_stopped_past_its_lease_is_refused_and_what_it_did_is_recorded(tmp_path, postgres_url):
    with market(tmp_path, postgres_url) as found, Bridges(found.stage.config, tmp_path / "bridge.log") as bridges:
        found.faults(*SLOW)
        found.raise_cases(CASES)
        processes = {bridges.start(), bridges.start()}
        held = caught_at_work(found, bridges, processes)
        seconds_until(lambda: status(found, held) == "done", LEASE + QUICK.tick + SLACK)
        bridges.wake(held.process)
        seconds_until(lambda: late_outcomes(found, held), 20)
        (late,) = late_outcomes(found, held)
        assert late.who.split("/")[1] == str(held.process)
        assert late.facts["operation"] == "finish"
        found.no_faults()
        found.play(90)
        assert_all_ended(found)
        assert_each_message_under_one_identity(found)
        assert "outcome_refused" in bridges.log()
        assert_repeats_are_known(found)


def assert_repeats_are_known(found: Market) -> None:
    """Stopped between its last look at the lease and the socket a worker writes what another wrote meanwhile.

    Nothing can prevent that, as the Table API has no conditional write; it is detected and recorded.
    """
    entries = collections.Counter(
        (effect["sys_id"], entry["value"])
        for effect in found.effects()
        if effect["user"] == "cpsd.bridge"
        for entry in effect["journal"]
    )
    twice = {case for (case, _), count in entries.items() if count > 1}
    assert all(count <= 2 for count in entries.values())
    for case in twice:
        seconds_until(lambda case=case: "duplicate_entry" in kinds(found, case), 20)
        assert "late_outcome" in kinds(found, case)
    noticed = {case.sys_id for case in found.cases if "duplicate_entry" in kinds(found, case.sys_id)}
    assert noticed == twice, "nothing is called a repeat that is none"


def kinds(found: Market, case: str) -> set[str]:
    with found.store.reading() as tx:
        return {told.event.kind for told in tx.story(SysId(case))}


def late_outcomes(found: Market, held: Held) -> list:
    with found.store.reading() as tx:
        story = tx.story(held.case)
    return [
        told.event
        for told in story
        if told.event.kind == "late_outcome" and told.event.cause == f"delivery:{held.delivery}"
    ]
