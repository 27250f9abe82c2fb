import pytest

from tests.integration.cli.conftest import DCC


def named(checks, name):
    return next(one for one in checks["checks"] if one["name"] == name)


def test_check_proves_everything_that_the_bridge_needs(bench):
    bench.raise_case()
    checks = bench.json("check")
    assert checks["ok"] is True
    names = {one["name"] for one in checks["checks"]}
    assert {"configuration", "store", "allow-list", "alerts", "database clock"} <= names
    assert {"address", "login", "clocks", "time zone", f"smtp {DCC}", f"recipients {DCC}", "imap INBOX"} <= names
    assert not [one for one in checks["checks"] if one["status"] == "failed"]


def test_check_writes_nothing_anywhere(bench):
    bench.raise_case()
    writes = bench.writes()
    bench.run("check")
    assert bench.writes() == writes
    assert bench.mail.accepted == []


def test_check_writes_into_the_case_that_is_named_for_it_and_no_other(bench):
    bench.raise_case()
    trial, before = bench.raise_case(), bench.writes()
    number = trial["number"]
    checks = bench.json("check", "--write", number)
    assert named(checks, f"write {number}: work note")["status"] == "ok"
    assert {one["name"] for one in checks["checks"] if one["name"].startswith("write")} == {
        f"write {number}: work note",
        f"write {number}: correlation_display",
    }
    assert {one["sys_id"] for one in bench.servicenow.instance.ledger.effects(before)} == {trial["sys_id"]}


def test_check_shows_people_what_to_do(bench):
    bench.bridge["alerts"] = {}
    bench.write()
    bench.raise_case()
    told = bench.run("check").stdout
    assert "nobody is told of alarms" in told
    assert "add alerts.mail or alerts.webhook" in told


@pytest.mark.parametrize(
    "break_it,name,says",
    [
        (lambda bench: bench.bridge["servicenow"].update(url="http://127.0.0.1:9"), "address", "127.0.0.1:9"),
        (lambda bench: bench.bridge["mail"].update(smtp="smtp+plain://127.0.0.1:9"), f"smtp {DCC}", "no connection"),
        (lambda bench: bench.bridge["mail"].update(imap="imap+plain://127.0.0.1:9"), "imap INBOX", "no connection"),
        (lambda bench: bench.bridge["mail"].update(allow=["@else.example"]), f"recipients {DCC}", "may not be written"),
        (lambda bench: bench.bridge["sources"][0].update(query="u_no_such_field=1"), None, "u_no_such_field"),
    ],
    ids=["servicenow", "smtp", "imap", "allow-list", "unknown field"],
)
def test_check_ends_with_1_and_names_what_failed(bench, break_it, name, says):
    bench.raise_case()
    break_it(bench)
    bench.write()
    checks = bench.json("check", exits=1)
    failed = [one for one in checks["checks"] if one["status"] == "failed" and name in {None, one["name"]}]
    assert says in "".join(one["detail"] for one in failed)
    assert all(one["remedy"] for one in failed if name != "address")


def test_check_says_that_a_login_is_refused(bench, monkeypatch):
    monkeypatch.setenv("SN_SECRET", "another")
    checks = bench.json("check", exits=1)
    assert named(checks, "address")["status"] == "ok"
    assert named(checks, "login")["status"] == "failed"


def test_check_says_that_the_store_is_not_migrated_and_asks_nobody_else(bench):
    bench.database.unlink()
    checks = bench.json("check", exits=1)
    assert named(checks, "store")["remedy"] == "run cpsd-bridge migrate"
    assert "login" not in {one["name"] for one in checks["checks"]}


def test_check_lists_everything_wrong_with_the_configuration_and_ends_with_2(bench):
    bench.bridge["go_live"] = "yesterday"
    bench.desks[DCC]["mode"] = "lively"
    bench.write()
    checks = bench.json("check", exits=2)
    assert [one["status"] for one in checks["checks"]] == ["failed", "failed"]
    first, second = checks["checks"]
    assert first["name"] == f"{bench.config}/bridge.yaml:1"
    assert second["name"] == f"{bench.config}/desks/{DCC}.yaml:1"
    assert "lively" in second["detail"]
    assert first["remedy"]


def test_check_warns_of_an_empty_allow_list_outside_production(bench):
    bench.bridge["mail"]["allow"] = []
    for desk in bench.desks.values():
        desk["mode"] = "observe"
    bench.write()
    assert named(bench.json("check", exits=1), "allow-list")["status"] == "warning"


def test_check_warns_that_go_live_is_still_to_come(bench):
    bench.bridge["go_live"] = "2100-01-01T00:00:00Z"
    bench.write()
    bench.raise_case()
    assert named(bench.json("check"), "go_live")["status"] == "warning"
