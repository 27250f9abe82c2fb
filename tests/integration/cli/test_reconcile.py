"""`reconcile` with a ServiceNow sandbox and a mailbox: each difference is made behind the bridge's back."""

import sqlite3
from datetime import timedelta

import pytest
import requests
from imap_tools import MailBoxUnencrypted

from tests.integration.cli.conftest import BRIDGE, CASE, DCC

OURS = "cpsd.bridge"


@pytest.fixture
def admin(bench):
    """The sandbox's own API."""

    def call(path, method="POST", **body):
        password = bench.servicenow.instance.accounts.passwords["admin"]
        answer = requests.request(
            method, f"{bench.servicenow.url}{path}", json=body, auth=("admin", password), timeout=10
        )
        assert answer.ok, answer.text
        return answer.json()["result"] if answer.content else None

    return call


@pytest.fixture
def case(bench):
    """An engaged case."""
    made = bench.raise_case()
    bench.run("once")
    return made


def stamp(bench):
    """A moment that every window has passed, after the case was engaged."""
    with bench.store() as store, store.reading() as tx:
        return tx.cursor("cases/journals").watermark - timedelta(seconds=30)


def journal_row(bench, admin, case, text, *, author="priya.shah", **fields):
    at = f"{stamp(bench):%Y-%m-%d %H:%M:%S}"
    row = {
        "name": CASE,
        "element_id": case["sys_id"],
        "element": "work_notes",
        "value": text,
        "sys_created_on": at,
        "sys_created_by": author,
    }
    return admin("/sandbox/records", table="sys_journal_field", records=[row | fields])["sys_ids"][0]


def age_the_engagement(bench):
    """The case was engaged some time ago, so that there is room for what was missed since."""
    connection = sqlite3.connect(bench.database)
    with connection:
        connection.execute("UPDATE case_record SET journals_from = journals_from - 60000000")
    connection.close()


def differences(report):
    return [(one["difference"], one["status"], one["new"]) for one in report["differences"]]


def test_nothing_differs_after_a_round_trip(bench, case):
    bench.reply(DCC, "#resolved The job was restarted.")
    for _ in range(3):
        bench.run("once")
        bench.later()
    report = bench.json("reconcile")
    assert report == {"mend": True, "cases": 1, "differences": [], "unreachable": []}
    assert "1 cases compared: no difference" in bench.run("reconcile").stdout
    assert bench.commands()[-1] == ("operator:ines", "reconcile", {"case": ""})


def file_row(bench, admin, case):
    row = {
        "table_name": CASE,
        "table_sys_id": case["sys_id"],
        "file_name": "reads.csv",
        "content_type": "text/csv",
        "size_bytes": "3",
        "sys_created_on": f"{stamp(bench):%Y-%m-%d %H:%M:%S}",
        "sys_created_by": "priya.shah",
    }
    return admin("/sandbox/records", table="sys_attachment", records=[row])["sys_ids"][0]


def test_notes_and_files_with_an_old_stamp_are_brought_in_and_dealt_with(bench, case, admin):
    age_the_engagement(bench)
    entry = journal_row(bench, admin, case, f"#desk @{DCC}: Please ring me.")
    file = file_row(bench, admin, case)
    bench.run("once")
    assert len(bench.sent_to(DCC)) == 1, "no window finds it"
    told = bench.json("reconcile", "--dry-run", exits=1)
    assert differences(told) == [("missed_entry", "mendable", True), ("missed_file", "mendable", True)]
    report = bench.json("reconcile")
    assert differences(report) == [("missed_entry", "mended", True), ("missed_file", "mended", True)]
    assert [one["about"] for one in report["differences"]] == [entry, file]
    assert differences(bench.json("reconcile")) == []
    bench.run("once")
    assert len(bench.sent_to(DCC)) == 2
    story = bench.story(case["number"])
    assert "file_seen" in [event["kind"] for event in story]
    assert {event["who"] for event in story if event["kind"] == "difference_mended"} == {"operator:ines"}


def test_a_note_of_ours_that_was_deleted_is_told_of_once(bench, case):
    ours = "sys_created_by = ? AND element_id = ?"
    database = bench.servicenow.instance.database
    database.execute(f"DELETE FROM sys_journal_field WHERE {ours}", (OURS, case["sys_id"]))
    assert differences(bench.json("reconcile", exits=1)) == [("entry_gone", "person", True)]
    assert differences(bench.json("reconcile", exits=1)) == [("entry_gone", "person", False)]
    bench.run("once")
    alarms = [one for one in bench.mail.accepted if "oncall@elexon.example" in one.recipients]
    assert len(alarms) == 1
    assert "entry_gone" in bench.run("reconcile", exits=1).stdout


def test_entries_by_our_user_that_nothing_explains_and_that_come_twice_are_a_persons_matter(bench, case, admin):
    bench.later()
    bench.run("once")
    age_the_engagement(bench)
    ours = next(text for text in bench.journal(case) if "is engaged" in text)
    journal_row(bench, admin, case, "Recalculated.", author=OURS)
    journal_row(bench, admin, case, ours, author=OURS)
    report = bench.json("reconcile", exits=1)
    assert sorted(differences(report)) == [("duplicate_entry", "person", True), ("unexplained_entry", "person", True)]
    bench.run("once")
    kinds = [event["kind"] for event in bench.story(case["number"])]
    assert {"unexplained_entry", "duplicate_entry"} <= set(kinds)
    assert differences(bench.json("reconcile")) == []


def test_a_record_that_changed_without_a_stamp_is_read_again(bench, case, admin):
    bench.servicenow.instance.clock.skew_seconds += 60
    bench.run("once")
    admin("/sandbox/records", table=CASE, records=[{"sys_id": case["sys_id"], "priority": "1"}])
    assert differences(bench.json("reconcile")) == [("missed_revision", "mended", True)]
    bench.run("once")
    assert differences(bench.json("reconcile")) == []


def test_a_record_that_is_hidden_is_a_persons_matter(bench, case, admin):
    admin("/sandbox/acl", kind="hide", table=CASE, sys_ids=[case["sys_id"]])
    assert differences(bench.json("reconcile", exits=1)) == [("case_gone", "person", True)]
    assert differences(bench.json("reconcile", "--case", case["number"], exits=1)) == [("case_gone", "person", False)]
    admin("/sandbox/acl", "DELETE")
    bench.run("once")
    assert differences(bench.json("reconcile")) == []


def test_a_mail_that_was_passed_by_is_brought_in(bench, case):
    bench.reply(DCC, "#acknowledged")
    bench.run("once")
    connection = sqlite3.connect(bench.database)
    with connection:
        ((before,),) = connection.execute("SELECT count(*) FROM inbox WHERE source LIKE 'mail:%'").fetchall()
        connection.execute("DELETE FROM known_mail")
        connection.execute("DELETE FROM inbox WHERE source LIKE 'mail:%'")
    connection.close()
    assert before == 1
    bench.run("once")
    bench.bridge["reconcile"] = {"back": "1ms"}
    bench.write()
    assert differences(bench.json("reconcile", "--dry-run")) == [], "it came before the time that is compared"
    del bench.bridge["reconcile"]
    bench.write()
    assert differences(bench.json("reconcile", "--dry-run", exits=1)) == [("missed_mail", "mendable", True)]
    with MailBoxUnencrypted("127.0.0.1", bench.mail.imap_port).login(BRIDGE, bench.mail.password) as mailbox:
        assert len(mailbox.uids()) == 1
    assert differences(bench.json("reconcile")) == [("missed_mail", "mended", True)]
    assert differences(bench.json("reconcile")) == []


def test_a_servicenow_that_cannot_be_reached_ends_with_3_and_a_case_that_nobody_knows_with_2(bench, case):
    bench.bridge["servicenow"]["url"] = "http://127.0.0.1:9"
    bench.write()
    report = bench.json("reconcile", exits=3)
    assert [one["what"] for one in report["unreachable"]] == ["servicenow"]
    assert "does not deal with" in bench.run("reconcile", "--case", "CS9999999", exits=2).stderr


def test_what_differs_costs_as_many_calls_for_many_cases_as_for_one(bench, case):
    def calls():
        before = len(bench.servicenow.instance.ledger.entries())
        assert differences(bench.json("reconcile")) == []
        entries = bench.servicenow.instance.ledger.entries()[before:]
        return [one["path"] for one in entries if one["path"].startswith("/api/now/")]

    alone = calls()
    for _ in range(8):
        bench.raise_case()
    bench.run("once")
    assert len(bench.json("engagements")) == 9
    assert calls() == alone
    assert len(alone) == 3
