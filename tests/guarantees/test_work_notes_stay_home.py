"""Work notes stay home unless they are commanded or agreed: tries to leak them in every way that a case offers.

Each note bears a word of its own. What a desk may know is kept by the story, and everything it was ever told, every
field of every message, is searched for the rest.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from bridge.domain.agreement import Confirmation, Share, ShareNotes
from bridge.domain.ids import DeskName
from bridge.sync.cycle import Cycle
from tests.syncing.servicenow import OURS
from tests.syncing.world import DCC, LDSO, RAISER, RESOLVER, STRANGER, World, desk

OPEN_TO_ALL = DeskName("rec")


@dataclass
class Story:
    """What was written, and who may know it."""

    world: World
    words: int = 0
    secrets: list[str] = field(default_factory=list)
    #: desk -> words that were addressed to it
    told: dict[DeskName, list[str]] = field(default_factory=lambda: defaultdict(list))

    def secret(self) -> str:
        self.words += 1
        word = f"SECRET{self.words:04}X"
        self.secrets.append(word)
        return word

    def note(self, text: str = "{}", *, by: str = RESOLVER) -> str:
        """A work note with a secret in it."""
        word = self.secret()
        self.world.note(text.format(word), by=by)
        return word

    def tell(self, name: DeskName, text: str = "#desk @{}: {}") -> None:
        """A command whose words are for one desk."""
        word = self.secret()
        self.told[name].append(word)
        self.world.note(text.format(name, word))

    def leaks(self, name: DeskName) -> list[str]:
        """Words that a desk was told and that nobody addressed to it."""
        heard = self.world.desks[name].texts()
        return [word for word in self.secrets if word in heard and word not in self.told[name]]


@pytest.fixture
def story(build_world):
    return Story(build_world(desk("dcc"), desk("ldso", confirmation=Confirmation.RAISER)))


def nobody_knows(story: Story) -> None:
    assert story.leaks(DCC) == []
    assert story.leaks(LDSO) == []


def test_what_was_there_before_the_engagement(story):
    story.world.raise_case("nobody yet")
    for author in (RESOLVER, STRANGER, RAISER, OURS):
        story.note("Between us: {}", by=author)
    story.world.cycle(2)
    story.note("#engage @dcc\n{}")
    story.world.cycle(3)
    assert story.world.kinds() == ["open"]
    nobody_knows(story)


def test_what_is_written_together_with_the_case(story):
    story.world.raise_case(work_notes=story.secret())
    story.note()
    story.world.cycle(3)
    assert story.world.kinds() == ["open"]
    nobody_knows(story)


def test_what_comes_while_a_desk_is_engaged_whoever_writes_it(story):
    story.world.engaged()
    for author in (RESOLVER, STRANGER, RAISER, OURS):
        story.note(by=author)
        story.world.cycle(2)
    nobody_knows(story)


def test_a_desk_that_is_engaged_later_learns_nothing_of_before(story):
    story.world.engaged()
    story.note()
    story.tell(DCC)
    story.world.cycle(2)
    story.note("#engage @ldso\n{}")
    story.world.cycle(3)
    assert story.world.kinds(LDSO) == ["open"]
    nobody_knows(story)


def test_words_for_one_desk_are_not_told_to_another(story):
    story.world.engaged()
    story.world.note("#engage @ldso")
    story.world.cycle(2)
    story.tell(DCC)
    story.tell(LDSO)
    story.world.cycle(3)
    assert story.told[DCC][0] in story.world.desks[DCC].texts()
    assert story.told[LDSO][0] in story.world.desks[LDSO].texts()
    nobody_knows(story)


def test_a_command_in_a_sentence_or_behind_a_quotation_is_none(story):
    story.world.engaged()
    for text in ("We could write #desk @dcc: {}", "> #desk @dcc: {}", "`#desk @dcc: {}`", "Re: #desk @dcc: {}"):
        story.note(text)
        story.world.cycle(2)
    nobody_knows(story)


def test_a_command_of_somebody_who_may_not_command(story):
    story.world.engaged()
    for author in (STRANGER, RAISER, OURS):
        story.note("#desk @dcc: {}", by=author)
        story.world.cycle(2)
    nobody_knows(story)


def test_what_the_other_commands_carry_for_the_record_only(story):
    story.world.engaged()
    story.note("#heard @dcc from Ann: acknowledged {}")
    story.world.cycle(2)
    story.note("#heard @dcc from Ann: resolved {}")
    story.world.cycle(2)
    story.note("#confirm @dcc {}")
    story.world.cycle(3)
    assert "accept" in story.world.kinds()
    nobody_knows(story)


def test_a_note_that_looks_like_an_echo_of_ours(story):
    story.world.engaged()
    mark = story.world.notes().rpartition("[cpsd:")[2][:10]
    story.note(f"{{}}\n[cpsd:{mark}]")
    story.note(f"{{}}\n[cpsd:{mark}]", by=OURS)
    story.world.cycle(3)
    nobody_knows(story)


def test_questions_answers_refusals_and_another_round(story):
    world = story.world
    world.engaged()
    world.report("question", "Which meter?")
    world.cycle(2)
    story.note("Ask Ben, but do not tell them: {}")
    story.tell(DCC)
    world.cycle(2)
    world.report("resolved", "Done.")
    world.cycle(2)
    story.note()
    story.tell(DCC, "#reject @{}: {}")
    world.cycle(2)
    world.report("resolved", "Done again.")
    world.cycle(2)
    story.note()
    story.tell(DCC, "#withdraw @{}: {}")
    world.cycle(2)
    story.note()
    world.note("#engage @dcc")
    world.cycle(3)
    assert world.engagement().round == 2
    assert world.kinds() == ["open", "text", "reject", "withdraw", "open"]
    nobody_knows(story)


def test_reading_everything_again_leaks_nothing(story):
    story.world.engaged()
    story.note()
    story.world.cycle(2)
    with story.world.store.transaction() as tx:
        for source in story.world.around.sources:
            for stream in (source.cases, source.journals):
                cursor = tx.cursor(stream.name)
                tx.save_cursor(stream.name, type(cursor)(story.world.around.go_live))
    story.world.cycle(2)
    for source in story.world.around.sources:
        Cycle(story.world.around).sweep_source(source)
    story.world.cycle(2)
    nobody_knows(story)


def test_where_it_was_agreed_notes_go_to_that_desk_alone_and_only_from_then_on(build_world):
    world = build_world(desk("dcc"), desk("rec", share=Share(work_notes=ShareNotes.ALL)))
    story = Story(world)
    world.engaged()
    before = story.note()
    world.cycle(2)
    world.note("#engage @rec")
    world.cycle(3)
    after = story.note()
    world.cycle(3)
    heard = world.desks[OPEN_TO_ALL].texts()
    assert after in heard
    assert before not in heard
    assert story.leaks(DCC) == []


ACTIONS = {
    "note": lambda story, chance: story.note(by=chance.choice([RESOLVER, STRANGER, RAISER, OURS])),
    "tell": lambda story, chance: story.tell(chance.choice([DCC, LDSO])),
    "engage": lambda story, chance: story.note(f"#engage @{chance.choice([DCC, LDSO])}\n{{}}"),
    "confirm": lambda story, chance: story.note(f"#confirm @{chance.choice([DCC, LDSO])}\n{{}}"),
    "reject": lambda story, chance: story.tell(chance.choice([DCC, LDSO]), "#reject @{}: {}"),
    "withdraw": lambda story, chance: story.tell(chance.choice([DCC, LDSO]), "#withdraw @{}: {}"),
    "misspelt": lambda story, chance: story.note("#desc @dcc: {}"),
    "raise priority": lambda story, chance: story.world.servicenow.update(
        story.world.case, STRANGER, priority=chance.choice("1234"), work_notes=story.secret()
    ),
    "comment": lambda story, _: story.world.comment("Any news?"),
    "report": lambda story, chance: report(story.world, chance),
}


def report(world: World, chance: random.Random) -> None:
    """A desk that was written to answers."""
    name = chance.choice([DCC, LDSO])
    if world.mails(name):
        world.report(
            chance.choice(["acknowledged", "question", "progress", "resolved", "declined"]), "Well.", desk=name
        )


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_events_leaks_nothing(story, seed):
    chance = random.Random(seed)
    story.world.raise_case()
    for _ in range(25):
        ACTIONS[chance.choice(list(ACTIONS))](story, chance)
        story.world.cycle(chance.choice([0, 1, 1, 2]))
    story.world.cycle(3)
    nobody_knows(story)
    assert len(story.secrets) > 5
