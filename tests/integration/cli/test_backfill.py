import requests

from tests.integration.cli.conftest import CASE


def old_cases(bench, count):
    """Cases that were last changed long before go-live."""
    stamp = "2026-01-05 09:00:00"
    records = [
        {"sys_id": f"{number:032x}", "number": f"CS9{number:06}", "state": "10", "assignment_group": "CPSD DCC"}
        | dict.fromkeys(("sys_created_on", "sys_updated_on"), stamp)
        for number in range(count)
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
