"""A desk that says the same again at once is a machine that does not say so, and is not answered by another one."""

from datetime import timedelta

import pytest

from bridge.domain.agreement import Push
from bridge.domain.facts import ReportKind
from tests.syncing.desks import sent
from tests.syncing.world import desk

THANKS = "Thank you for your message, which we have received."


@pytest.fixture
def world(build_world):
    """An engaged case; what its desk writes freely is shown to the customer."""
    made = build_world(desk("dcc", push={ReportKind.COMMENT: Push(comment=True)}))
    made.engaged()
    return made


def say(world, text, kind="comment"):
    world.report(kind, text)
    world.cycle(2)


def test_the_same_words_at_once_are_told_once_and_raise_an_alarm(world):
    say(world, THANKS)
    say(world, f"  {THANKS.upper()}\n")
    say(world, THANKS)
    assert world.comments().count("which we have received") == 1
    assert [told.event.facts["report"] for told in world.events("item_received")] == ["comment", "received", "received"]
    assert "said_again" in world.events("item_received")[1].event.facts["reasons"]
    assert world.alerts.codes() == ["mail_loop"]


def test_two_machines_that_acknowledge_everything_exchange_one_answer(world):
    for _ in range(5):
        told = world.comments().count("which we have received")
        say(world, THANKS)
        if world.comments().count("which we have received") > told:
            world.comment("Thank you for your update.")
            world.cycle(2)
    assert world.kinds() == ["open", "text"]
    assert world.alerts.codes() == ["mail_loop"]


def test_a_logo_makes_no_difference_and_a_file_does(world):
    for incidental in ("ornament", "ornament", ""):
        world.report("comment", THANKS, files=[sent("image001.png", b"logo", incidental=incidental)])
        world.cycle(2)
    assert [told.event.facts["report"] for told in world.events("item_received")] == ["comment", "received", "comment"]


def test_other_figures_are_other_words(world):
    say(world, "Meter 17K0012345 is mended.")
    say(world, "Meter 17K0012346 is mended.")
    assert world.comments().count("is mended") == 2
    assert world.alerts.codes() == []


def test_what_was_said_a_while_ago_may_be_said_again(world):
    say(world, THANKS)
    world.clock.time += timedelta(minutes=11)
    say(world, THANKS)
    assert world.comments().count("which we have received") == 2


def test_another_desk_may_say_the_same(build_world):
    made = build_world(*(desk(name, push={ReportKind.COMMENT: Push(comment=True)}) for name in ("dcc", "ldso")))
    made.engaged()
    made.note("#engage @ldso")
    made.cycle(3)
    for name in ("dcc", "ldso"):
        made.report("comment", THANKS, desk=name)
    made.cycle(3)
    assert made.comments().count("which we have received") == 2


def test_a_command_may_be_given_twice(world):
    say(world, "Mended.", "resolved")
    world.note("#reject: it is not")
    world.cycle(3)
    say(world, "Mended.", "resolved")
    assert world.state() == "resolution_reported"


def test_the_words_are_shown_all_the_same_in_case_a_person_meant_them(world):
    say(world, "Yes.")
    say(world, "Yes.")
    assert "sent the same words again" in world.notes()
    assert world.notes().count("Yes.") == 2


def command(world, kind, text):
    world.report(kind, text, commanded=True)
    world.cycle(2)


def test_a_command_in_the_words_of_an_earlier_one_is_for_a_person(world):
    command(world, "resolved", "The job was restarted.\n\nJo Watt")
    assert world.state() == "resolution_reported"
    command(world, "progress", "Sorry, that was premature.")
    assert world.state() == "in_progress"
    command(world, "resolved", "the job was  restarted.\nStill broken, as of today.")
    assert world.state() == "in_progress"
    assert "quarantined" in world.alerts.codes()
    assert "said_before" in world.events("item_quarantined")[-1].event.facts["reasons"]
    command(world, "resolved", "The job was mended.")
    assert world.state() == "resolution_reported"


@pytest.mark.parametrize("kind,state", [("resolved", "resolution_reported"), ("declined", "declined")])
def test_what_is_told_twice_and_stands_is_no_doubt(world, kind, state):
    for _ in range(2):
        command(world, kind, "The job was restarted.")
    assert world.state() == state
    assert world.alerts.codes() == []


@pytest.mark.parametrize("kind", ["progress", "acknowledged", "question", "workaround"])
def test_what_ends_nothing_may_be_commanded_in_the_same_words(world, kind):
    for _ in range(2):
        command(world, kind, "Engineers are on site.")
    assert world.events("item_quarantined") == []


def test_words_that_an_agreed_pattern_reads_are_always_the_same(world):
    for kind in ("resolved", "progress", "resolved"):
        world.report(kind, "This is a standard message.", automatic=True)
        world.cycle(2)
    assert world.state() == "resolution_reported"


def test_another_desk_s_words_and_no_words_are_no_repetition(world):
    for text in ("", ""):
        command(world, "resolved", text)
        command(world, "progress", "not yet")
    assert world.events("item_quarantined") == []


def test_a_mail_without_words_is_told_of_now_and_then_and_changes_nothing(world):
    for _ in range(3):
        say(world, "", "blank")
    assert world.notes().count("no words of its own were found") == 1
    assert len(world.events("item_filed")) == 3
    assert world.state() == "open"
    world.clock.forward(minutes=11)
    say(world, "", "blank")
    assert world.notes().count("no words of its own were found") == 2
