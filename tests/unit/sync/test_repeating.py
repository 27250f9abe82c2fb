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
