"""What was written before a desk was engaged goes with the opening message; then each entry comes once, in order."""

import threading

import pytest

from bridge.domain.agreement import AttachmentRule, EmailMethod, Share, ShareNotes
from bridge.domain.delivery import DeliveryStatus
from bridge.domain.errors import OutcomeUnknown, TryLater, UntrustedAnswer
from bridge.domain.facts import MessageKind
from bridge.mapping.sharing import MOST_CHARACTERS, MOST_NOTES
from bridge.sync.apply import apply
from bridge.sync.cycle import Cycle
from bridge.sync.lookahead import FRESH
from bridge.sync.openings import Opening
from bridge.sync.preview import preview
from bridge.sync.roster import Roster
from tests.syncing.world import DCC, LDSO, RAISER, RESOLVER, STRANGER, World, desk


def openings(world: World, name=DCC):
    found = {mail.message_id: mail for mail in world.mails(name) if mail.kind == MessageKind.OPEN.value}
    return list(found.values())


def so_far(world: World, name=DCC) -> list[str]:
    """What the newest opening message told."""
    return [note["text"] for note in openings(world, name)[-1].told["notes"]]


def texts(world: World, name=DCC) -> list[str]:
    return [mail.told["text"].partition("\n")[2] for mail in world.mails(name) if mail.kind == MessageKind.TEXT.value]


def told(world: World, name=DCC) -> list[str]:
    """Every entry that a desk was told, in order."""
    return [*so_far(world, name), *texts(world, name)]


def test_comments_go_with_the_opening_message_with_author_and_time_and_work_notes_stay_home(world):
    world.raise_case()
    world.comment("Since this morning.")
    world.note("Our contract with them is a mess.")
    world.clock.forward(seconds=60)
    world.comment("Now it is all of them.", by=STRANGER)
    second = world.servicenow.now()
    world.cycle(2)
    first, last = openings(world)[0].told["notes"]
    assert (first["author"], first["text"]) == (RAISER, "Since this morning.")
    assert (last["author"], last["text"]) == (STRANGER, "Now it is all of them.")
    assert last["at"] == second.isoformat()
    assert texts(world) == []


def test_what_is_written_later_follows_once_and_in_order(world):
    world.raise_case()
    world.comment("one")
    world.cycle(2)
    for number in ("two", "three"):
        world.comment(number)
        world.cycle(2)
    world.cycle(3)
    assert told(world) == ["one", "two", "three"]


def test_a_desk_that_is_engaged_later_gets_all_that_was_written_until_then(world):
    world.raise_case()
    world.comment("one")
    world.cycle(2)
    world.comment("two")
    world.cycle(2)
    world.note("#engage @ldso")
    world.cycle(2)
    world.comment("three")
    world.cycle(2)
    assert told(world) == ["one", "two", "three"]
    assert told(world, LDSO) == ["one", "two", "three"]
    assert so_far(world, LDSO) == ["one", "two"]


def test_a_case_that_was_read_before_anybody_was_engaged_brings_its_comments(world):
    world.raise_case("Service Desk")
    world.comment("one")
    world.cycle(3)
    world.comment("two")
    world.cycle(3)
    world.note("#engage @dcc")
    world.cycle(3)
    assert told(world) == ["one", "two"]


def test_our_own_entries_commands_and_work_notes_from_before_are_not_told(build_world):
    world = build_world(desk("dcc", share=Share(work_notes=ShareNotes.ALL)), desk("ldso"))
    world.engaged(LDSO)
    world.note("SECRET from before", by=STRANGER)
    world.note("#desk @ldso: SECRET")
    world.comment("one")
    world.cycle(2)
    world.note("#engage @dcc")
    world.cycle(3)
    assert told(world) == ["one"]
    world.note("The meter is behind a locked door.", by=STRANGER)
    world.note("#desk @ldso: SECRET")
    world.cycle(3)
    assert told(world) == ["one", "The meter is behind a locked door."]


def test_a_work_note_that_comes_before_the_opening_message_is_written_follows_it(build_world):
    world = build_world(desk("dcc", share=Share(work_notes=ShareNotes.ALL)))
    freeze, came = world.desks[DCC].freeze, []

    def interrupted(message, at):
        if not came:
            came.append(at)
            world.clock.forward(seconds=1)
            world.note("A work note.", by=STRANGER)
            raise TryLater("no address yet")
        return freeze(message, at)

    world.desks[DCC].freeze = interrupted
    world.raise_case()
    world.cycle(30, seconds=5)
    assert told(world) == ["A work note."]
    assert so_far(world) == []


def test_where_it_was_agreed_no_comments_go(build_world):
    world = build_world(desk("dcc", share=Share(comments=False)))
    world.raise_case()
    world.comment("one")
    world.cycle(2)
    assert told(world) == []


def test_what_comes_while_the_opening_message_waits_goes_with_it(world):
    world.desks[DCC].fail(TryLater("busy"))
    freeze, down = world.desks[DCC].freeze, [True]

    def unready(message, at):
        if down:
            raise TryLater("no address yet")
        return freeze(message, at)

    world.desks[DCC].freeze = unready
    world.raise_case()
    world.comment("one")
    world.cycle(2)
    world.comment("two")
    world.cycle(2)
    down.clear()
    world.cycle(40, seconds=5)
    world.comment("three")
    world.cycle(2)
    assert so_far(world) == ["one", "two"]
    assert texts(world) == ["three"]


def test_what_comes_after_the_bytes_are_frozen_follows_although_they_were_not_sent_yet(world):
    world.desks[DCC].fail(TryLater("busy"), times=3)
    world.raise_case()
    world.comment("one")
    world.cycle(1)
    world.comment("two")
    world.cycle(40, seconds=5)
    assert so_far(world) == ["one"]
    assert texts(world) == ["two"]


def test_an_entry_that_lands_while_the_opening_message_is_written_is_told_once(world):
    """It comes after the journal was read for the message and before the message is intended."""
    world.raise_case()
    world.comment("one")
    freeze, came = world.desks[DCC].freeze, []

    def interrupted(message, at):
        if not came:
            came.append(at)
            world.comment("two")
            world.clock.forward(seconds=1)
            # Another replica lands the entry, and applies it while the message is not frozen yet.
            other = world.with_(worker="other")
            other.desks[DCC].freeze = freeze
            land_and_apply(other)
            other.desks[DCC].freeze = interrupted
        return freeze(message, at)

    world.desks[DCC].freeze = interrupted
    world.cycle(3)
    assert came
    assert told(world) == ["one", "two"]


def land_and_apply(world: World) -> None:
    cycle = Cycle(world.around)
    for source in world.around.sources:
        cycle.pull_source(source)
    assert apply(world.around, Roster(world.servicenow, "resolvers")).applied


def test_an_entry_that_becomes_visible_late_is_told_after_the_opening_message(world):
    """It was created before the engagement, and committed after the message was written."""
    world.raise_case()
    world.comment("one")
    world.cycle(1)
    late = dict(world.servicenow.entries[0]) | {"sys_id": "f" * 32, "value": "zero"}
    world.servicenow.entries.insert(0, late)
    world.cycle(3)
    assert so_far(world) == ["one"]
    assert texts(world) == ["zero"]


@pytest.mark.parametrize("arrives", [True, False])
def test_a_repeat_of_the_opening_message_tells_the_same(world, arrives):
    world.desks[DCC].fail(OutcomeUnknown("broke off"), arrives=arrives)
    world.raise_case()
    world.comment("one")
    world.cycle(1)
    world.comment("two")
    world.cycle(20, seconds=10)
    assert told(world) == ["one", "two"]
    assert len(openings(world)) == 1


def test_a_new_round_tells_what_the_desk_has_not_heard(world):
    world.raise_case()
    world.comment("one")
    world.cycle(2)
    world.comment("two")
    world.cycle(2)
    world.report("declined", "Not ours.")
    world.cycle(2)
    world.comment("three")
    world.cycle(2)
    world.note("#engage @dcc")
    world.cycle(3)
    assert [[note["text"] for note in mail.told["notes"]] for mail in openings(world)] == [["one"], ["three"]]
    assert texts(world) == ["two"]


def test_contents_that_were_missing_hold_the_notes_back_too(world):
    world.raise_case(business_impact="")
    world.comment("one")
    world.cycle(2)
    world.comment("two")
    world.cycle(2)
    assert world.mails() == []
    world.servicenow.update(world.case, RESOLVER, business_impact="No settlement.")
    world.cycle(3)
    assert told(world) == ["one", "two"]


def test_a_long_journal_is_told_from_its_end_and_nothing_of_it_again(world):
    world.raise_case()
    for number in range(MOST_NOTES + 5):
        world.comment(f"entry {number}")
    world.cycle(2)
    world.cycle(3)
    assert so_far(world) == [f"entry {number}" for number in range(5, MOST_NOTES + 5)]
    assert openings(world)[0].told["notes_left_out"] == 5
    assert texts(world) == []


def test_so_many_words_go_and_no_more(world):
    world.raise_case()
    world.comment("x" * MOST_CHARACTERS)
    world.clock.forward(seconds=1)
    world.comment("y")
    world.cycle(2)
    assert so_far(world) == ["y"]
    assert openings(world)[0].told["notes_left_out"] == 1


def test_of_a_journal_that_is_longer_than_the_story_names_nothing_is_told_again(world):
    world.raise_case()
    for number in range(230):
        world.clock.forward(seconds=2 if number == 25 else 0)
        world.comment(f"entry {number}")
    world.cycle(1)
    (event,) = world.events("opening_written")
    assert len(event.event.facts["entries"]) == 205, "all of the same second"
    assert event.event.facts["and_before"]
    # One of the first is read again under another identity: older than all that are named, it counts as known.
    world.servicenow.entries.insert(0, dict(world.servicenow.entries[0]) | {"sys_id": "f" * 32})
    world.cycle(2)
    assert texts(world) == []


def test_a_preview_shows_them(world):
    world.raise_case("Service Desk")
    world.comment("one")
    world.cycle(2)
    shown = preview(world.around, world.store.reading, world.number(), DCC)
    assert b'"text": "one"' in shown.frozen.content


def test_a_corrected_address_gets_them_too(build_world):
    """What bounced reached nobody: the opening message that goes to the new address tells everything."""
    world = build_world(desk("dcc"))
    world.raise_case()
    world.comment("one")
    world.cycle(2)
    mail = world.mails()[0]
    world.mailbox.put(
        {
            "bounced": mail.message_id,
            "recipients": ["desk@dcc.example"],
            "permanent": True,
            "reference": mail.told["reference"],
        }
    )
    world.cycle(2)
    world.comment("two")
    world.cycle(2)
    assert world.engagement().undeliverable
    world.desks[DCC].addresses = ("new@dcc.example",)
    world = world.with_desk(desk("dcc", method=EmailMethod(("new@dcc.example",))))
    world.cycle(4)
    assert not world.engagement().undeliverable
    assert len(openings(world)) == 2
    assert told(world)[0] == "one"
    assert told(world).count("one") == 1
    assert texts(world)[-1] == "two"


@pytest.mark.parametrize("rule, files", [(AttachmentRule(1000, ("csv",)), [12]), (AttachmentRule(), [])])
def test_what_many_cases_hold_is_read_in_one_call_each(build_world, rule, files):
    """Files only where some were agreed."""
    world = build_world(desk("dcc", share=Share(attachments=rule)), concurrency=1)
    for number in range(12):
        world.raise_case()
        world.comment(f"comment {number}", case=world.cases[-1])
    asked = {"journals": [], "attachments": []}
    for name, calls in asked.items():
        ask = getattr(world.servicenow, name)
        setattr(world.servicenow, name, lambda of, since, ask=ask, calls=calls: calls.append(len(of)) or ask(of, since))
    world.cycle(1)
    assert asked == {"journals": [12], "attachments": files}
    assert sorted(mail.told["notes"][0]["text"] for mail in openings(world)) == sorted(
        f"comment {number}" for number in range(12)
    )


def test_what_was_read_ahead_is_not_used_when_it_is_old(build_world):
    world = build_world(desk("dcc"), concurrency=1)
    first, second = world.raise_case(), world.raise_case()
    freeze, held = world.desks[DCC].freeze, []

    def slow(message, at):
        if not held:
            held.append(at)
            world.clock.forward(seconds=FRESH.total_seconds() + 1)
            for case in (first, second):
                world.comment("late", case=case)
        return freeze(message, at)

    world.desks[DCC].freeze = slow
    world.cycle(1)
    assert [len(mail.told["notes"]) for mail in openings(world)] == [0, 1]
    world.cycle(3)
    assert len(texts(world)) == 1


def test_an_entry_that_lands_after_it_was_read_ahead_is_told_once(build_world):
    world = build_world(desk("dcc"), concurrency=1)
    first, second = world.raise_case(), world.raise_case()
    freeze, came = world.desks[DCC].freeze, []

    def interrupted(message, at):
        if not came:
            came.append(at)
            for case in (first, second):
                world.comment("two", case=case)
            world.clock.forward(seconds=1)
            world.desks[DCC].freeze = freeze
            land_and_apply(world.with_(worker="other"))
            world.desks[DCC].freeze = interrupted
        return freeze(message, at)

    world.desks[DCC].freeze = interrupted
    world.cycle(3)
    assert [[note["text"] for note in mail.told["notes"]] for mail in openings(world)] == [["two"], ["two"]]
    assert texts(world) == []


@pytest.fixture
def mail_server(world):
    """Whether the desk's mail server takes anything."""
    send, down = world.desks[DCC].send, []

    def refused(frozen, attempt):
        if down:
            raise TryLater("no mail server")
        return send(frozen, attempt)

    world.desks[DCC].send = refused
    return down


def test_a_new_round_tells_what_an_opening_message_that_was_cancelled_did_not(world, mail_server):
    mail_server.append("down")
    world.raise_case()
    world.comment("one")
    world.cycle(1)
    world.note("#withdraw: too early")
    world.cycle(2)
    assert world.mails() == []
    mail_server.clear()
    world.note("#engage @dcc")
    world.cycle(30, seconds=5)
    assert world.kinds() == ["open"]
    assert told(world) == ["one"]


def test_a_new_round_tells_what_a_message_that_was_cancelled_did_not(world, mail_server):
    world.engaged()
    mail_server.append("down")
    world.comment("one")
    world.cycle(1)
    world.note("#withdraw: too early")
    world.cycle(2)
    mail_server.clear()
    world.cycle(30, seconds=5)
    world.note("#engage @dcc")
    world.cycle(30, seconds=5)
    assert [note["text"] for mail in openings(world) for note in mail.told["notes"]] + texts(world) == ["one"]


def test_comments_follow_an_opening_message_that_a_person_settled(world):
    """By telephone, say: no event tells that it was written."""
    freeze, down = world.desks[DCC].freeze, [True]

    def unready(message, at):
        if down:
            raise TryLater("no address yet")
        return freeze(message, at)

    world.desks[DCC].freeze = unready
    world.raise_case()
    world.cycle(2)
    (waiting,) = [one for one in world.deliveries() if one.recipient == DCC]
    with world.store.transaction() as tx:
        tx.set_delivery(waiting.id, DeliveryStatus.DONE)
    down.clear()
    world.comment("one")
    world.cycle(10, seconds=10)
    assert texts(world) == ["one"]


def test_an_entry_that_another_replica_applies_while_the_opening_is_intended_is_told(either, monkeypatch):
    world, misses, others = either, Opening.misses, []
    world.raise_case()

    def elsewhere():
        world.clock.forward(seconds=2)
        cycle = Cycle(world.around)
        for source in world.around.sources:
            cycle.pull_source(source)
        apply(world.around, Roster(world.servicenow, "CPSD Resolvers"))

    def meanwhile(self, tx, engagement):
        missed = misses(self, tx, engagement)
        if not others:
            world.comment("one")
            others.append(threading.Thread(target=elsewhere))
            others[0].start()
            others[0].join(3)  # on SQLite it waits for this transaction
        return missed

    monkeypatch.setattr(Opening, "misses", meanwhile)
    world.cycle(1)
    others[0].join(60)
    world.cycle(10, seconds=10)
    assert told(world) == ["one"]


@pytest.mark.parametrize("error", [ValueError("a time that is none"), UntrustedAnswer("a row without a time")])
def test_a_journal_that_cannot_be_read_stops_no_other_opening_message(build_world, error):
    world = build_world(desk("dcc"), concurrency=1)
    cases = [world.raise_case() for _ in range(5)]
    world.clock.forward(seconds=2)
    cycle, journals = Cycle(world.around), world.servicenow.journals
    for source in world.around.sources:
        cycle.pull_source(source)

    def poisoned(asked, since):
        if cases[2] in asked:
            raise error
        return journals(asked, since)

    world.servicenow.journals = poisoned
    for _ in range(10):
        world.clock.forward(seconds=40)
        cycle.work()
    assert [len(world.kinds(case=case)) for case in cases] == [1, 1, 0, 1, 1]
