import pytest

from tests.integration.cli.conftest import DCC, LDSO


@pytest.fixture
def quarantined(bench):
    """An engaged case, and a mail of the desk that names no engagement."""
    case = bench.raise_case()
    bench.run("once")
    bench.answer(DCC, "We have repaired the concentrator.", subject="Your case of yesterday")
    bench.run("once")
    (item,) = bench.json("quarantine", "list")
    return item["item"], case


def apply(bench, item, case, *, kind="resolved", desk=DCC, exits=0):
    what = ("--case", case["number"], "--desk", desk, "--as-report", kind, "--reason", "spoke to them")
    return bench.run("quarantine", "apply", item, *what, exits=exits)


def test_the_quarantine_lists_what_only_a_person_can_decide_and_why(bench, quarantined):
    item, _ = quarantined
    (listed,) = bench.json("quarantine", "list")
    assert listed["source"] == "mail:INBOX"
    assert listed["reason"]
    assert str(item) in bench.run("quarantine", "list").stdout


def test_an_empty_quarantine_says_so(bench):
    assert bench.run("quarantine", "list").stdout == "nothing waits for a person\n"


def test_an_item_is_shown_as_it_is_read_and_as_it_came(bench, quarantined):
    item, _ = quarantined
    shown = bench.json("quarantine", "show", item)
    assert shown["reading"]["text"] == "We have repaired the concentrator."
    assert shown["reading"]["verdict"] == "quarantine"
    assert "Subject: Your case of yesterday" in shown["raw"]
    assert "We have repaired the concentrator." in bench.run("quarantine", "show", item).stdout


def test_a_journal_entry_is_shown_as_it_came(bench):
    bench.raise_case()
    bench.run("once")
    bench.later()
    bench.run("once")
    shown = bench.json("quarantine", "show", 1)
    assert shown["source"] == "servicenow:journal"
    assert shown["reading"] is None


def test_an_applied_item_is_a_report_of_the_desk_decided_by_the_operator(bench, quarantined):
    item, case = quarantined
    assert apply(bench, item, case).stdout.startswith(f"item {item} is applied")
    (engagement,) = bench.json("engagements", "--case", case["number"])
    assert engagement["state"] == "resolution_reported"
    assert bench.json("quarantine", "list") == []
    by_operator = [event for event in bench.story(case["number"]) if event["who"] == "operator:ines"]
    assert [event["kind"] for event in by_operator][:3] == ["command", "item_received", "decided"]
    assert by_operator[0]["facts"] == {
        "command": "quarantine apply",
        "arguments": {"item": item, "case": case["number"], "desk": DCC, "as_report": "resolved"},
    }
    assert by_operator[0]["personal"]["reason"]["value"] == "spoke to them"


def test_the_operators_word_settles_an_order_that_nobody_could_tell(bench, quarantined):
    item, case = quarantined
    bench.reply(DCC, "#resolved: done")
    bench.run("once")
    apply(bench, item, case, kind="progress")
    (engagement,) = bench.json("engagements", "--case", case["number"])
    assert engagement["state"] == "in_progress"


def test_an_item_that_cannot_be_applied_stays_in_quarantine_and_says_why(bench, quarantined):
    item, case = quarantined
    bench.reply(DCC, "#decline: not ours")
    bench.run("once")
    result = apply(bench, item, case, kind="acknowledged", exits=1)
    assert f"item {item} is quarantined" in result.stdout
    assert "engage it again" in result.stdout
    assert bench.json("quarantine", "list")[0]["item"] == item


@pytest.mark.parametrize("word,state", [("file", "filed"), ("drop", "dropped")])
def test_an_item_can_be_filed_or_dropped(bench, quarantined, word, state):
    item, _ = quarantined
    assert bench.run("quarantine", word, item, "--reason", "newsletter").stdout == f"item {item} is {state}\n"
    assert bench.json("quarantine", "list") == []
    assert bench.json("quarantine", "show", item)["state"] == state
    assert bench.commands()[-1] == ("operator:ines", f"quarantine {word}", {"item": item})


def test_an_item_is_decided_once(bench, quarantined):
    item, case = quarantined
    bench.run("quarantine", "file", item, "--reason", "newsletter")
    bench.run("quarantine", "drop", item, "--reason", "spam", exits=2)
    apply(bench, item, case, exits=2)


def test_what_cannot_be_meant_is_refused_and_nothing_is_changed(bench, quarantined):
    item, case = quarantined
    bench.run("quarantine", "drop", item, exits=2)
    bench.run("quarantine", "drop", item, "--reason", " ", exits=2)
    bench.run("quarantine", "drop", 999, "--reason", "spam", exits=1)
    bench.run("quarantine", "show", 999, exits=1)
    assert f"{LDSO} is not engaged" in apply(bench, item, case, desk=LDSO, exits=2).stderr
    assert "no desk is called nobody" in apply(bench, item, case, desk="nobody", exits=2).stderr
    apply(bench, item, {"number": "CS9999999"}, exits=2)
    apply(bench, item, case, kind="fixed", exits=2)
    assert [one["item"] for one in bench.json("quarantine", "list")] == [item]
    assert [command for _, command, _ in bench.commands()] == ["once", "once"]


def test_what_comes_from_servicenow_is_no_report_of_a_desk(bench):
    case = bench.raise_case()
    bench.run("once")
    bench.later()
    bench.run("once")
    bench.quarantine_item(1)
    assert "write the work note again" in apply(bench, 1, case, exits=2).stderr
