import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import requests

from tests.integration.cli.conftest import CASE


def old_cases(bench, count, *, seconds_apart=0):
    """Cases that were last changed long before go-live."""
    first = datetime(2026, 1, 5, 9, tzinfo=UTC)
    stamps = [f"{first + timedelta(seconds=number * seconds_apart):%Y-%m-%d %H:%M:%S}" for number in range(count)]
    records = [
        {"sys_id": f"{number:032x}", "number": f"CS9{number:06}", "state": "10", "assignment_group": "CPSD DCC"}
        | dict.fromkeys(("sys_created_on", "sys_updated_on"), stamp)
        for number, stamp in enumerate(stamps)
    ]
    admin = ("admin", bench.servicenow.instance.accounts.passwords["admin"])
    answer = requests.post(
        f"{bench.servicenow.url}/sandbox/records", json={"table": CASE, "records": records}, auth=admin, timeout=10
    )
    assert answer.ok, answer.text


def test_old_cases_are_landed_once_and_nobody_is_engaged_for_them(bench):
    old_cases(bench, 25)
    (first,) = bench.json("backfill", "--page-size", "10")
    assert (first["source"], first["new"]) == ("cases", 25)
    (again,) = bench.json("backfill", "--page-size", "10")
    assert (again["cases"], again["new"]) == (0, 0)
    bench.run("once")
    assert bench.json("engagements", "--all") == []
    assert [told for _, told, _ in bench.commands()] == ["backfill", "backfill", "once"]


def test_only_what_changed_since_the_day_is_read(bench):
    old_cases(bench, 3)
    assert bench.json("backfill", "--since", "2026-02-01")[0]["cases"] == 0
    assert bench.json("backfill", "--since", "2026-01-01")[0]["cases"] == 3


def test_a_source_that_is_not_configured_is_refused(bench):
    assert "take one of: cases" in bench.run("backfill", "--source", "incidents", exits=2).stderr


def test_a_day_after_go_live_is_refused(bench):
    assert "nothing lies between" in bench.run("backfill", "--since", "2999-01-01", exits=2).stderr


def landed(bench):
    connection = sqlite3.connect(bench.database)
    try:
        return connection.execute("SELECT count(*), count(DISTINCT sys_id) FROM revision").fetchone()
    finally:
        connection.close()


def test_a_killed_backfill_goes_on_where_it_stood(bench):
    old_cases(bench, 400, seconds_apart=1)
    command = [sys.executable, "-m", "bridge.cli", "--config", str(bench.config), "backfill", "--page-size", "20"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while landed(bench)[0] < 60:
            assert process.poll() is None or landed(bench)[0] >= 60, "it ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait(30)
    before = landed(bench)[0]
    (rest,) = bench.json("backfill", "--page-size", "20")
    assert landed(bench) == (400, 400)
    assert rest["new"] == 400 - before
    assert rest["cases"] <= 400 - before + 40, "what was landed is not read again"
