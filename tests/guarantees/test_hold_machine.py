"""Guarantee 19, the promise of the hold: over all facts in any order, on several desks at once.

Hypothesis looks for the shortest story that breaks a promise; long walks with fixed seeds see to it that every corner
of the table is visited while it looks.
"""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge.domain.hold import Answer
from tests.guarantees.hold_story import BEGINNING, STEPS, Story

WALKS = range(6)
STORIES_IN_A_WALK = 100
STEPS_IN_A_STORY = 40


def given_to(step):
    return {name: st.sampled_from(choices) for name, choices in STEPS[step].items()}


class AnyOrder(RuleBasedStateMachine):
    @initialize(given=st.fixed_dictionaries({name: st.sampled_from(choices) for name, choices in BEGINNING.items()}))
    def a_case_begins(self, given):
        self.story = Story(given)

    @rule(given=st.fixed_dictionaries(given_to("a_desk_reports")))
    def a_desk_reports(self, given):
        self.story.a_desk_reports(**given)

    @rule(step=st.sampled_from(sorted(STEPS)), data=st.data())
    def anything_happens(self, step, data):
        given = data.draw(st.fixed_dictionaries(given_to(step)), step)
        getattr(self.story, step)(**given)

    @invariant()
    def the_promises_are_kept(self):
        self.story.book.check()


AnyOrder.TestCase.settings = settings(
    max_examples=300, stateful_step_count=20, derandomize=True, deadline=None, database=None
)


class TestTheHoldInAnyOrder(AnyOrder.TestCase):
    """Whatever comes in whatever order, the case is let go only when its desks are done."""


def walked(seed):
    """Stories of one walk, checked after every step; gives the hold's answers on the way."""
    chance = random.Random(seed)
    for _ in range(STORIES_IN_A_WALK):
        story = Story({name: chance.choice(choices) for name, choices in BEGINNING.items()})
        for _ in range(STEPS_IN_A_STORY):
            step = chance.choice(sorted(STEPS))
            getattr(story, step)(**{name: chance.choice(choices) for name, choices in STEPS[step].items()})
            story.book.check()
            yield story.book


@pytest.mark.parametrize("seed", WALKS)
def test_the_promises_are_kept_on_long_walks(seed):
    answers = {book.verdict().answer for book in walked(seed)}
    assert answers == set(Answer)
