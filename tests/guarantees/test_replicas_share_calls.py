"""Two replicas together make no more calls at once than one may, and a dead one's part comes back."""

import json
import time

import pytest
import requests

from tests.killing.bridges import Bridges
from tests.killing.market import PATIENT, Market, assert_all_ended, assert_written_once, market
from tests.stores.processes import wait_for

#: four for the bridge, as configured, and one for the people of the test, who come one at a time
AT_ONCE = 4
NODE = {"semaphore_threads": AT_ONCE + 1, "semaphore_queue": 0}
SLOW = {"match": {"path_regex": "/api/now/"}, "fault": {"kind": "slow", "seconds": 0.15}}


def told(bridges: Bridges, event: str) -> list[dict]:
    """The events of a kind that all replicas have logged."""
    lines = bridges.log().splitlines(keepends=True)
    events = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]
    return [one for one in events if one["event"] == event]


def parts(bridges: Bridges) -> dict[int, int]:
    """Process -> among how many it divides now; one that has never divided is missing."""
    return {int(one["worker"].split("/")[1]): one["replicas"] for one in told(bridges, "calls_shared")}


def narrow(found: Market) -> None:
    """Whoever comes when all of the node's threads are busy is refused."""
    url = f"{found.stage.servicenow['url']}/sandbox/settings"
    requests.post(url, json=NODE, auth=found.stage.admin, timeout=30).raise_for_status()


@pytest.mark.timeout(180)
def test_two_replicas_share_the_calls_at_once_and_the_part_of_a_killed_one_comes_back(tmp_path, postgres_url):
    with (
        market(tmp_path, postgres_url, pace=PATIENT) as found,
        Bridges(found.stage.config, tmp_path / "bridge.log") as bridges,
    ):
        first = bridges.start()
        wait_for(lambda: told(bridges, "service_started"), "the first", 60)
        assert parts(bridges) == {}
        second = bridges.start()
        wait_for(lambda: parts(bridges) == {first: 2, second: 2}, "both to know of each other", 60)
        time.sleep(1.0)  # calls that were under way with the larger part
        narrow(found)
        found.faults(SLOW)
        found.raise_cases(4)
        found.play(90)
        assert told(bridges, "servicenow_crowded") == [], "together they asked for more than one may"
        found.no_faults()
        bridges.kill(first)
        wait_for(lambda: parts(bridges)[second] == 1, "the part of the killed one", 60)
        bridges.terminate(second)
        with found.store.reading() as tx:
            assert str(second) not in {worker.split("/")[1] for worker in tx.heartbeats()}, "it said that it ended"
        assert_all_ended(found)
        assert_written_once(found)
