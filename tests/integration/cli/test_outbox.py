import pytest

from bridge.domain.delivery import DeliveryStatus
from tests.integration.cli.conftest import DCC


@pytest.fixture
def dead(bench):
    """The identity of an opening message that became a dead letter, and its case."""
    bench.bridge["mail"]["allow"] = ["@elexon.example"]
    bench.write()
    case = bench.raise_case()
    bench.run("once", exits=1)
    bench.bridge["mail"]["allow"] = ["@dcc.example", "@elexon.example"]
    bench.write()
    (letter,) = bench.json("outbox", "list", "--dead")
    return letter["delivery"], case


def test_the_outbox_lists_what_waits_and_with_all_what_is_done(bench, dead):
    delivery, case = dead
    (waiting,) = bench.json("outbox", "list")
    assert waiting["delivery"] == delivery
    assert (waiting["status"], waiting["what"], waiting["case"]) == ("dead", "message open", case["number"])
    assert "may not be written to" in waiting["last_error"]
    everything = bench.json("outbox", "list", "--all", "--case", case["number"])
    assert {one["status"] for one in everything} >= {"dead", "done"}
    assert delivery in bench.run("outbox", "list").stdout


def test_an_empty_outbox_says_so(bench):
    assert bench.run("outbox", "list").stdout == "nothing waits\n"
    assert bench.json("outbox", "list") == []


def test_one_delivery_can_be_looked_at_by_the_beginning_of_its_identity(bench, dead):
    delivery, _ = dead
    shown = bench.json("outbox", "show", delivery[:8])
    assert shown["delivery"] == delivery
    assert shown["payload"]["kind"] == "open"
    assert "may not be written to" in bench.run("outbox", "show", delivery).stdout


def test_a_retried_letter_is_sent_by_the_next_cycle(bench, dead):
    delivery, case = dead
    assert bench.run("outbox", "retry", delivery, "--reason", "address allowed").stdout == (
        f"delivery {delivery} is pending\n"
    )
    bench.run("once")
    assert len(bench.sent_to(DCC)) == 1
    (engagement,) = bench.json("engagements", "--case", case["number"])
    assert engagement["delivery"] == "sent"


def test_a_skipped_letter_counts_as_delivered_and_is_not_sent(bench, dead):
    delivery, case = dead
    bench.run("outbox", "skip", delivery, "--reason", "read to them by telephone")
    bench.run("once")
    assert bench.sent_to(DCC) == []
    assert bench.json("outbox", "list") == []
    (engagement,) = bench.json("engagements", "--case", case["number"])
    assert engagement["delivery"] == "sent"
    facts = [event["facts"].get("fact") for event in bench.story(case["number"]) if event["kind"] == "decided"]
    assert facts[-1] == "delivered"


def test_a_cancelled_letter_is_not_sent_and_counts_as_never_arrived(bench, dead):
    delivery, case = dead
    bench.run("outbox", "cancel", delivery, "--reason", "no longer wanted")
    bench.run("once")
    assert bench.sent_to(DCC) == []
    facts = [event["facts"].get("fact") for event in bench.story(case["number"]) if event["kind"] == "decided"]
    assert facts[-1] == "never_arrived"


@pytest.mark.parametrize("word", ["retry", "skip", "cancel"])
def test_each_decision_is_in_the_trail_with_its_operator_and_reason(bench, dead, word):
    delivery, case = dead
    bench.run("outbox", word, delivery, "--reason", "because I say so", operator="tom")
    (told,) = [event for event in bench.story(case["number"]) if event["kind"] == "command"]
    assert told["who"] == "operator:tom"
    assert told["facts"] == {"command": f"outbox {word}", "arguments": {"delivery": delivery, "was": "dead"}}
    assert told["personal"]["reason"]["value"] == "because I say so"


@pytest.mark.parametrize("word", ["retry", "skip", "cancel"])
def test_only_dead_and_unknown_deliveries_wait_for_a_decision(bench, word):
    bench.run("pause", "--desk", DCC)
    bench.raise_case()
    bench.run("once")
    (pending,) = bench.json("outbox", "list")
    result = bench.run("outbox", word, pending["delivery"], "--reason", "r", exits=2)
    assert f"delivery {pending['delivery']} is pending: only dead and unknown ones" in result.stderr
    done = next(one for one in bench.json("outbox", "list", "--all") if one["status"] == "done")
    bench.run("outbox", word, done["delivery"], "--reason", "r", exits=2)
    assert [one["status"] for one in bench.json("outbox", "list")] == ["pending"]
    assert not [command for _, command, _ in bench.commands() if command.startswith("outbox")]


def test_an_unknown_delivery_can_be_decided_upon(bench, dead):
    delivery, _ = dead
    with bench.store() as store, store.transaction() as tx:
        tx.set_delivery(delivery, DeliveryStatus.UNKNOWN)
    bench.run("outbox", "cancel", delivery, "--reason", "they never got it")
    assert bench.json("outbox", "list") == []


def test_a_decision_needs_a_reason_and_a_delivery(bench, dead):
    delivery, _ = dead
    bench.run("outbox", "skip", delivery, exits=2)
    bench.run("outbox", "skip", delivery, "--reason", " ", exits=2)
    bench.run("outbox", "skip", delivery[:4], "--reason", "r", exits=2)
    bench.run("outbox", "skip", "ffffffff", "--reason", "r", exits=1)
    assert bench.json("outbox", "list")[0]["status"] == "dead"
