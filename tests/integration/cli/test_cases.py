import re

from tests.integration.cli.conftest import DCC, LDSO


def test_trace_tells_the_story_of_a_case_in_order(bench):
    case = bench.raise_case()
    bench.run("once")
    bench.reply(DCC, "#resolved: The job was restarted.")
    bench.run("once")
    events = bench.story(case["number"])
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "engaged"
    assert kinds.index("message_delivered") < kinds.index("item_received")
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)
    received = events[kinds.index("item_received")]
    assert received["who"] == f"desk:{DCC}"
    assert received["agreement_version"] is None or received["agreement_version"] == 1


def test_trace_is_readable_by_people(bench):
    case = bench.raise_case()
    bench.run("once")
    told = bench.run("trace", case["number"]).stdout
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  engaged, by servicenow:priya\.shah", told)
    assert "agreement version 1" in told


def test_trace_says_that_it_knows_nothing_of_a_case(bench):
    result = bench.run("trace", "CS9999999", exits=1)
    assert result.stderr == "nothing is recorded about a case CS9999999\n"
    assert result.stdout == ""


def test_engagements_lists_open_ones_and_with_all_those_that_are_over(bench):
    open_, over = bench.raise_case(), bench.raise_case()
    bench.run("once")
    bench.change(over, work_notes=f"#withdraw @{DCC}: solved by us")
    bench.run("once")
    assert [one["case"] for one in bench.json("engagements")] == [open_["number"]]
    everything = {one["case"]: one for one in bench.json("engagements", "--all")}
    assert everything[over["number"]]["state"] == "withdrawn"
    assert everything[open_["number"]]["delivery"] == "sent"
    assert [one["state"] for one in bench.json("engagements", "--case", over["number"])] == ["withdrawn"]


def test_engagements_can_be_asked_for_one_desk(bench):
    case = bench.raise_case()
    bench.run("once")
    bench.change(case, work_notes=f"#engage @{LDSO}")
    bench.run("once")
    assert [one["desk"] for one in bench.json("engagements", "--desk", LDSO)] == [LDSO]
    assert len(bench.json("engagements")) == 2
    assert case["number"] in bench.run("engagements").stdout


def test_engagements_without_any_says_so(bench):
    assert bench.run("engagements").stdout == "no engagement matches\n"
    assert bench.json("engagements") == []


def test_an_unknown_desk_or_case_is_wrong_usage(bench):
    assert f"take one of: {DCC}, {LDSO}" in bench.run("engagements", "--desk", "dcc", exits=2).stderr
    bench.run("engagements", "--case", "CS9999999", exits=2)


def test_what_a_desk_writes_cannot_steer_the_terminal(bench):
    case = bench.raise_case()
    bench.run("once")
    bench.reply(DCC, "#progress: \x1b]0;owned\x07 on it")
    bench.run("once")
    told = bench.run("trace", case["number"]).stdout
    assert "owned" in told
    assert "\x1b" not in told
    assert "\x07" not in told
