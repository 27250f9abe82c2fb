"""kill -9 at random moments: nothing is written twice, nothing is lost (guarantees 1, 10, 17)."""

import os
import time
from pathlib import Path

import pytest

from tests.killing.bridges import Bridges
from tests.killing.market import (
    Market,
    assert_all_ended,
    assert_each_message_under_one_identity,
    assert_written_once,
    market,
    rng,
)

CASES = 50
KILLS = 50
SOAK_KILLS = int(os.environ.get("CPSD_SOAK_KILLS", "200"))
OURS = {"method": "PATCH", "body_regex": "cpsd:"}
TOGETHER = {"path_regex": "/batch$"}
FILES = {"method": "POST", "path_regex": "/attachment/file"}
#: now and then the server commits after the client gave up (its timeout is 0.6 s, 1.2 s for writes that go together) or
#: died, the answer is lost, or only some of the writes are carried out
FAULTS = (
    {"match": {**OURS, "rate": 0.2}, "fault": {"kind": "slow", "seconds": 0.95}},
    {"match": {**OURS, "rate": 0.04}, "fault": {"kind": "commit_after_client_gone"}},
    {"match": {**OURS, "rate": 0.04}, "fault": {"kind": "lost_after_commit"}},
    {"match": {**FILES, "rate": 0.2}, "fault": {"kind": "slow", "seconds": 0.95}},
    {"match": {**FILES, "rate": 0.1}, "fault": {"kind": "commit_after_client_gone"}},
    {"match": {**FILES, "rate": 0.1}, "fault": {"kind": "lost_after_commit"}},
    {"match": {**TOGETHER, "rate": 0.1}, "fault": {"kind": "slow", "seconds": 1.5}},
    {"match": {**TOGETHER, "rate": 0.04}, "fault": {"kind": "commit_after_client_gone"}},
    {"match": {**TOGETHER, "rate": 0.04}, "fault": {"kind": "lost_after_commit"}},
    {"match": {**TOGETHER, "rate": 0.2}, "fault": {"kind": "unserviced", "keep": 2}},
)


def killed_over_and_over(folder: Path, store_url: str, kills: int) -> None:
    chance = rng(kills)
    with market(folder, store_url) as found, Bridges(found.stage.config, folder / "bridge.log") as bridges:
        found.faults(*FAULTS)
        found.raise_cases(CASES)
        for kill in range(kills):
            process = bridges.start()
            wait_for_progress(found)
            found.confirm_what_is_reported()
            time.sleep(chance.uniform(0.0, 0.35))
            bridges.kill(process)
            if kill % 10 == 9 and not found.unfinished():
                found.raise_cases(10)
        found.no_faults()
        bridges.start()
        found.play(90)
        time.sleep(1.0)  # whatever a server may still commit after a client's death
        assert_all_ended(found)
        assert_written_once(found)
        assert_each_message_under_one_identity(found)


def wait_for_progress(found: Market, most: float = 3.0) -> None:
    """A kill before the first progress would show nothing: wait until this bridge has recorded something."""
    before, deadline = found.trail_length(), time.monotonic() + most
    while found.trail_length() == before and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.timeout(400)
def test_a_bridge_on_sqlite_that_is_killed_fifty_times_loses_nothing_and_writes_nothing_twice(tmp_path):
    killed_over_and_over(tmp_path, f"sqlite:///{tmp_path / 'bridge.db'}", KILLS)


@pytest.mark.timeout(400)
def test_a_bridge_on_postgresql_that_is_killed_fifty_times_loses_nothing_and_writes_nothing_twice(
    tmp_path, postgres_url
):
    killed_over_and_over(tmp_path, postgres_url, KILLS)


@pytest.mark.soak
def test_a_long_run_of_kills_on_sqlite(tmp_path):
    killed_over_and_over(tmp_path, f"sqlite:///{tmp_path / 'bridge.db'}", SOAK_KILLS)


@pytest.mark.soak
def test_a_long_run_of_kills_on_postgresql(tmp_path, postgres_url):
    killed_over_and_over(tmp_path, postgres_url, SOAK_KILLS)
