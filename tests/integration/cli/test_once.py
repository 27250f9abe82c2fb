import hashlib
import sqlite3
import time

import pytest

from bridge.store import engine
from tests.integration.cli.conftest import DCC, LDSO


def store_bytes(bench):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in bench.folder.glob("bridge.db*")}


def decided(bench, number):
    """What was decided about desks in a case: event kinds with the desk, in order."""
    told = [event for event in bench.story(number) if event["kind"] in {"engaged", "proposed", "observed"}]
    return [(event["kind"], event["desk"] or event["facts"]["desk"]) for event in told]


def test_once_tells_what_one_cycle_did(bench):
    bench.raise_case()
    report = bench.json("once")
    assert report["engaged"] == 1
    assert report["failed"] == 0
    assert report["delivered"] == 2  # the mail to the desk and the note in the case
    assert len(bench.sent_to(DCC)) == 1


def test_once_shows_people_a_table(bench):
    bench.raise_case()
    assert "desks engaged              1" in bench.run("once").stdout


def test_once_ends_with_1_if_a_delivery_became_a_dead_letter(bench):
    bench.desks[DCC]["agreement"]["method"]["email"]["to"] = ["desk@elsewhere.example"]
    bench.write()
    bench.raise_case()
    assert bench.json("once", exits=1)["failed"] == 1


def test_once_ends_with_3_if_servicenow_cannot_be_reached(bench):
    bench.bridge["servicenow"]["url"] = "http://127.0.0.1:9"
    bench.write()
    result = bench.run("once", exits=3)
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_once_refuses_a_store_that_another_worker_uses(bench):
    bench.database.unlink()
    result = bench.run("once", exits=2)
    assert "cpsd-bridge migrate" in result.stderr


def test_a_dry_run_tells_whom_each_route_would_engage_and_what_is_missing(bench):
    bench.desks[DCC]["mode"] = "observe"
    bench.write()
    seen = bench.raise_case()
    proposed = bench.raise_case(assignment_group="CPSD LDSO", business_impact="")
    assert bench.json("once", "--dry-run")["desks"] == [
        {
            "case": seen["number"],
            "desk": DCC,
            "what": "observe",
            "route": 1,
            "when": "assignment_group == 'CPSD DCC'",
            "missing": [],
            "why": "",
        },
        {
            "case": proposed["number"],
            "desk": LDSO,
            "what": "propose",
            "route": 2,
            "when": "assignment_group == 'CPSD LDSO'",
            "missing": ["impact_statement"],
            "why": "",
        },
    ]


def test_a_dry_run_changes_nothing_and_sends_nothing(bench):
    case = bench.raise_case()
    bench.run("once")
    bench.change(case, work_notes=f"#desk @{DCC}: any news?")
    bench.answer(DCC, "Thanks", subject="Re: your mail")
    bench.raise_case()
    before, writes = store_bytes(bench), bench.writes()
    bench.json("once", "--dry-run")
    bench.run("once", "--dry-run")
    assert store_bytes(bench) == before
    assert bench.writes() == writes
    assert len(bench.sent_to(DCC)) == 1
    assert bench.unseen() == 1


@pytest.mark.parametrize("mode", ["observe", "propose", "live"])
def test_a_dry_run_foretells_what_the_cycle_then_does(bench, mode):
    bench.desks[DCC]["mode"] = mode
    bench.write()
    cases = [
        bench.raise_case(),
        bench.raise_case(business_impact=""),
        bench.raise_case(assignment_group="CPSD LDSO"),
        bench.raise_case(assignment_group="Service Desk"),
        bench.raise_case(state="1"),
    ]
    words = {"engage": "engaged", "propose": "proposed", "observe": "observed"}
    told = bench.json("once", "--dry-run")["desks"]
    foretold = {
        case["number"]: [(words[one["what"]], one["desk"]) for one in told if one["case"] == case["number"]]
        for case in cases
    }
    bench.run("once")
    done = {case["number"]: decided(bench, case["number"]) if foretold[case["number"]] else [] for case in cases}
    assert done == foretold
    assert sum(map(len, done.values())) == 3
    for case in cases:
        bench.change(case, short_description="Reads are still missing")
    assert bench.json("once", "--dry-run")["desks"] == []


def test_a_dry_run_knows_the_ceiling_on_new_engagements(bench):
    bench.bridge["max_new_engagements_per_cycle"] = 2
    bench.write()
    for _ in range(3):
        bench.raise_case()
    told = bench.json("once", "--dry-run")["desks"]
    assert [one["what"] for one in told] == ["engage", "engage", "hold back"]
    assert bench.json("once")["engaged"] == 2
    (left,) = bench.json("once", "--dry-run")["desks"]
    assert left["what"] == "hold back"
    assert left["why"] == "engaging is paused"


def test_a_dry_run_leaves_out_what_is_from_before_go_live(bench):
    bench.raise_case()
    bench.bridge["go_live"] = "2100-01-01T00:00:00Z"
    bench.write()
    assert bench.json("once", "--dry-run")["desks"] == []


def test_a_dry_run_shows_commands_that_were_not_obeyed_yet(bench):
    case = bench.raise_case()
    bench.run("once")
    bench.change(case, work_notes=f"#desk @{DCC}: any news?")
    bench.change(case, work_notes="#engage @dcc-service-dsk")
    bench.change(case, by="rhys.morgan", comments="#confirm")
    obey, refuse = bench.json("once", "--dry-run")["commands"]
    assert (obey["case"], obey["by"], obey["command"], obey["desk"]) == (case["number"], "priya.shah", "#desk", DCC)
    assert refuse["command"] == "#engage @dcc-service-dsk"
    assert f"did you mean @{DCC}" in refuse["why"]
    bench.run("once")
    assert bench.json("once", "--dry-run")["commands"] == []


def test_a_dry_run_shows_how_mails_would_be_read(bench):
    case = bench.raise_case()
    bench.run("once")
    bench.reply(DCC, "#acknowledge INC000000000007")
    (mail,) = bench.json("once", "--dry-run")["mails"]
    assert mail["case"] == case["number"]
    assert (mail["desk"], mail["verdict"], mail["report"]) == (DCC, "apply", "acknowledged")
    bench.run("once")
    assert bench.json("once", "--dry-run")["mails"] == []
    assert bench.json("engagements")[0]["state"] == "acknowledged"


def test_a_dry_run_shows_what_is_due_and_what_is_held_back(bench):
    bench.run("pause", "--desk", DCC)
    case = bench.raise_case()
    bench.run("once")
    (due,) = bench.json("once", "--dry-run")["deliveries"]
    assert (due["case"], due["recipient"], due["what"], due["kind"]) == (case["number"], DCC, "hold back", "message")
    bench.run("resume", "--desk", DCC)
    (due,) = bench.json("once", "--dry-run")["deliveries"]
    assert due["what"] == "attempt"


def test_a_dry_run_shows_what_others_changed_and_what_the_hold_says(bench):
    case = bench.raise_case()
    bench.run("once")
    assert bench.json("once", "--dry-run")["changes"] == []
    bench.change(case, state="6", resolution_code="1", close_notes="done")
    (change,) = bench.json("once", "--dry-run")["changes"]
    assert change["case"] == case["number"]
    assert change["by"] == "priya.shah"
    assert change["what"][0] == "resolved"
    assert change["hold"] == "keep_open"


def test_a_dry_run_shows_engagements_whose_time_is_over(bench):
    bench.desks[DCC]["agreement"]["chase_every"] = "1s"
    bench.write()
    bench.raise_case()
    bench.run("once")
    time.sleep(1.1)
    (late,) = bench.json("once", "--dry-run")["overdue"]
    assert (late["desk"], late["what"]) == (DCC, "chase_due")


def test_a_dry_run_is_readable_by_people(bench):
    case = bench.raise_case()
    told = bench.run("once", "--dry-run").stdout
    assert told.startswith("Nothing was kept, flagged or sent.")
    assert case["number"] in told
    assert "Mails: none" in told


def test_a_full_disk_ends_the_command_with_3_and_says_what_to_do(bench, monkeypatch):
    connection = sqlite3.connect(bench.database)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    bench.raise_case()
    full = (*engine._SQLITE_SETTINGS, f"PRAGMA max_page_count = {pages}")
    with monkeypatch.context() as disk:
        disk.setattr(engine, "_SQLITE_SETTINGS", full)
        told = bench.run("once", exits=3).stderr
    assert "database or disk is full" in told
    assert "make room on its disk" in told
    bench.run("once")
    assert bench.sent_to(DCC)


def test_once_puts_a_restored_store_back_into_service_and_names_who_did_it(bench):
    bench.raise_case()
    bench.run("once")
    asked = bench.run("once", "--dry-run", "--after-restore", exits=2).stderr
    assert "leave --dry-run or --after-restore out" in asked
    told = bench.json("once", "--after-restore")
    assert told["engaged"] == told["delivered"] == 0, "nothing is decided before all was read again"
    command = bench.commands()[-1]
    assert (command[0], command[1], command[2]["after_restore"]) == ("operator:ines", "once", True)
