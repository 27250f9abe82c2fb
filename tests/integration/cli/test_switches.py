import sqlite3
from dataclasses import replace

import pytest

from tests.integration.cli.conftest import DCC, LDSO


def test_nothing_goes_to_a_paused_desk_until_it_is_resumed(bench):
    assert bench.run("pause", "--desk", DCC, "--reason", "they move").stdout == f"paused: desk {DCC}\n"
    case = bench.raise_case()
    bench.run("once")
    assert bench.sent_to(DCC) == []
    assert bench.journal(case)  # ServiceNow is not paused
    assert bench.run("resume", "--desk", DCC).stdout == f"goes on: desk {DCC}\n"
    bench.run("once")
    assert len(bench.sent_to(DCC)) == 1


def test_while_everything_is_paused_nothing_leaves_and_everything_is_decided(bench):
    bench.run("pause", "--all")
    case = bench.raise_case()
    writes = bench.writes()
    assert bench.json("once")["engaged"] == 1
    assert bench.writes() == writes
    assert bench.sent_to(DCC) == []
    assert len(bench.json("outbox", "list", "--case", case["number"])) == 2
    bench.run("resume", "--all")
    bench.run("once")
    assert bench.json("outbox", "list") == []


def test_while_engaging_is_paused_no_case_is_engaged_and_none_is_forgotten(bench):
    bench.run("pause", "--engaging")
    bench.raise_case()
    assert bench.json("once")["engaged"] == 0
    assert bench.sent_to(DCC) == []
    bench.run("resume", "--engaging")
    assert bench.json("once")["engaged"] == 1


def test_the_desks_show_who_is_paused(bench):
    bench.run("pause", "--desk", LDSO)
    paused = {one["desk"]: one["paused"] for one in bench.json("desks", "list")}
    assert paused == {DCC: False, LDSO: True}
    bench.run("pause", "--all")
    assert all(one["paused"] for one in bench.json("desks", "list"))


def test_each_switch_is_in_the_trail_with_its_operator(bench):
    bench.run("pause", "--desk", DCC, operator="tom")
    bench.run("pause", "--all", operator="tom")
    bench.run("resume", "--all", operator="ewa")
    assert bench.commands() == [
        ("operator:tom", "pause", {"what": f"desk {DCC}"}),
        ("operator:tom", "pause", {"what": "everything"}),
        ("operator:ewa", "resume", {"what": "everything"}),
    ]


def test_resuming_what_was_not_paused_changes_nothing(bench):
    assert bench.run("resume", "--engaging").stdout == "was not paused: new engagements\n"
    assert bench.commands() == []


@pytest.mark.parametrize("word", ["pause", "resume"])
@pytest.mark.parametrize("what", [(), ("--all", "--engaging"), ("--desk", DCC, "--all"), ("--desk", "nobody")])
def test_a_switch_must_be_named_and_only_one(bench, word, what):
    bench.run(word, *what, exits=2)
    assert bench.commands() == []


def test_a_parked_case_goes_on_when_it_is_resumed(bench):
    case = bench.raise_case()
    bench.run("once")
    with bench.store() as store, store.transaction() as tx:
        tx.save_case(replace(tx.case_by_number(case["number"]), parked="KeyError while deciding on revision 3"))
    assert bench.run("resume", "--case", case["number"], "--reason", "fixed").stdout == (
        f"goes on: case {case['number']}\n"
    )
    told = [event for event in bench.story(case["number"]) if event["kind"] == "command"]
    assert told[-1]["facts"]["arguments"]["was"] == "KeyError while deciding on revision 3"
    assert "is not parked" in bench.run("resume", "--case", case["number"], exits=2).stderr
    bench.run("resume", "--case", case["number"], "--all", exits=2)
    bench.run("resume", "--case", "CS9999999", exits=2)


def test_the_desks_are_listed_for_people_too(bench):
    told = bench.run("desks", "list").stdout
    assert DCC in told
    assert "desk@dcc.example" in told


def test_no_name_and_no_reason_stays_in_an_event_in_clear(bench):
    bench.run("pause", "--desk", DCC, "--reason", "Zebediah asked for it", operator="zebediah")
    connection = sqlite3.connect(bench.database)
    events = connection.execute("SELECT * FROM event").fetchall()
    connection.close()
    assert events
    assert "zebediah" not in repr(events).lower()
