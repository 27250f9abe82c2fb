"""Deliveries: when they are tried again, what blocks what, and what is cancelled."""

import itertools
from datetime import timedelta

from bridge.domain.delivery import DeliveryStatus
from bridge.domain.errors import FarSideError, OutcomeUnknown, TryLater
from tests.syncing.servicenow import Fault
from tests.syncing.world import DCC, LDSO, TIMING, World, desk


def statuses(world: World, recipient: str) -> list[str]:
    return [one.status.value for one in world.deliveries() if one.recipient == recipient]


def seconds_between(world: World) -> list[float]:
    at = [when for when, _ in world.servicenow.attempts]
    return [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(at)]


def test_retry_after_is_obeyed(world):
    world.servicenow.fail(Fault.BUSY, after=timedelta(seconds=40))
    world.raise_case()
    world.cycle(60, seconds=1)
    assert seconds_between(world) == [40]


def test_without_it_the_waits_grow_up_to_a_cap(build_world, hand_clock):
    world = build_world(desk("dcc"))
    tried = []
    world.desks[DCC].on_the_way = lambda _: tried.append(hand_clock.now())
    world.desks[DCC].fail(TryLater("busy"), times=4)
    world.raise_case()
    world.cycle(60, seconds=0.25)
    waits = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(tried)]
    assert waits == sorted(waits)
    assert waits[-1] > 2 * waits[0]
    assert max(waits) <= TIMING.retry_cap.total_seconds()


def test_what_is_refused_for_a_passing_reason_too_often_becomes_a_dead_letter_and_people_are_told(world):
    world.desks[DCC].fail(TryLater("busy"), times=100)
    world.raise_case()
    world.cycle(60, seconds=70)
    (dead,) = [one for one in world.deliveries() if one.recipient == DCC]
    assert dead.status is DeliveryStatus.DEAD
    assert dead.attempts == TIMING.most_attempts
    assert "dead_letter" in world.alerts.codes()
    assert "given up" in world.notes()


def test_a_mail_whose_end_is_unknown_again_and_again_is_not_sent_for_ever(world):
    world.desks[DCC].fail(OutcomeUnknown("broke off"), arrives=True, times=100)
    world.raise_case()
    world.cycle(60, seconds=70)
    assert len(world.mails()) == TIMING.most_repeats
    assert "dead_letter" in world.alerts.codes()


def test_refusals_before_a_lost_answer_do_not_count_as_copies(world):
    world.desks[DCC].fail(TryLater("busy"), times=TIMING.most_repeats)
    world.desks[DCC].fail(OutcomeUnknown("broke off"), arrives=True)
    world.raise_case()
    world.cycle(60, seconds=70)
    assert len(world.mails()) == 2
    assert "dead_letter" not in world.alerts.codes()


def test_a_dead_letter_blocks_its_lane_only(world):
    world.desks[DCC].fail(FarSideError("no such mailbox"))
    first, second, other = world.raise_case(), world.raise_case(), world.raise_case(LDSO)
    world.cycle(2)
    world.note("#desk: hello?", case=first)
    world.note("#desk: hello?", case=second)
    world.cycle(2)
    assert world.kinds(case=first) == []
    assert world.kinds(case=second) == ["open", "text"]
    assert world.kinds(LDSO, other) == ["open"]
    assert world.engagement(case=first).undeliverable


def test_a_dead_letter_that_an_operator_tries_again_goes_out_before_what_waited_behind_it(world):
    world.desks[DCC].fail(FarSideError("no such mailbox"))
    world.raise_case()
    world.cycle(2)
    world.note("#desk: hello?")
    world.cycle(2)
    (dead,) = [one for one in world.deliveries() if one.status is DeliveryStatus.DEAD]
    with world.store.transaction() as tx:
        tx.set_delivery(dead.id, DeliveryStatus.PENDING)
    world.cycle(2)
    assert world.kinds() == ["open", "text"]


def test_a_report_proves_that_a_dead_opening_message_arrived(world):
    """The desk answers although its server refused: what waits behind the dead letter goes on."""
    world.raise_case()
    world.desks[DCC].fail(FarSideError("too many recipients"), arrives=True)
    world.cycle(2)
    world.note("#desk: the meter is 17K0012345")
    world.cycle(2)
    assert world.kinds() == ["open"]
    world.report("acknowledged", desk_reference="INC000000000042")
    world.cycle(2)
    assert world.state() == "acknowledged"
    assert world.kinds() == ["open", "text"]
    assert not world.engagement().undeliverable


def test_a_delivery_that_cannot_be_prepared_stops_nobody_else(world):
    first, second = world.raise_case(DCC), world.raise_case(LDSO)
    del world.desks[DCC]
    world.cycle(3)
    assert world.kinds(LDSO, second) == ["open"]
    assert statuses(world, DCC) == ["dead"]
    assert "dcc is engaged" in world.notes(first)


def test_an_unreachable_servicenow_holds_back_no_mail(world):
    world.engaged()
    world.note("#desk: please ring me")
    world.cycle(0)
    world.clock.forward(seconds=2)
    world.servicenow.members_down = True
    other = world.raise_case(LDSO)
    world.report("acknowledged")
    world.cycle(2)
    assert world.state() == "acknowledged", "what the desk says is applied"
    assert world.kinds() == ["open"], "who may command is not known now"
    assert world.kinds(LDSO, other) == []
    world.servicenow.members_down = False
    world.cycle(2)
    assert world.kinds() == ["open", "text"]
    assert world.kinds(LDSO, other) == ["open"]


def test_a_question_by_the_desk_and_its_progress_in_one_pass_leave_the_state_of_the_later(world):
    """What the case will be once its lane is done counts, not what it was."""
    world.engaged()
    world.report("question", "Which meter?")
    world.report("progress", "Found it.")
    world.cycle(2)
    assert world.state() == "in_progress"
    assert world.phase() == "open"


def test_an_attempt_that_cannot_end_within_its_lease_is_not_begun(world):
    world.raise_case()
    slow = world.desks[DCC].freeze

    def freeze(message, at):
        world.clock.forward(seconds=TIMING.lease.total_seconds() - 1)
        return slow(message, at)

    world.desks[DCC].freeze = freeze
    world.cycle(1)
    assert world.mails() == []
    world.desks[DCC].freeze = slow
    world.cycle(3)
    (mail,) = world.mails()
    assert mail.attempt == 2


def test_a_worker_that_lost_its_lease_is_refused_and_what_it_may_have_sent_is_recorded(world):
    world.raise_case()

    def sleep(_):
        world.desks[DCC].on_the_way = None
        world.clock.forward(seconds=TIMING.lease.total_seconds() + 1)
        world.cycle_now()

    world.desks[DCC].on_the_way = sleep
    world.cycle(3)
    assert [mail.attempt for mail in world.mails()] == [2, 1], "a repeat is possible, and marked"
    assert len({mail.message_id for mail in world.mails()}) == 1
    (late,) = world.events("late_outcome")
    assert late.event.facts["outcome"] == "done"
    assert late.event.facts["attempt"] == 1
    assert statuses(world, DCC) == ["done"]


def test_alarms_that_cannot_be_delivered_are_tried_again(world):
    world.alerts.faults = [TryLater("busy"), OutcomeUnknown("broke off")]
    world.desks[DCC].fail(FarSideError("no such mailbox"))
    world.raise_case()
    world.cycle(8)
    assert world.alerts.codes() == ["dead_letter"]


def test_reading_the_same_pages_again_changes_nothing(world):
    world.engaged()
    world.note("#desk: which meter?")
    world.comment("Any news?")
    world.report("question", "17K?")
    world.cycle(3)
    before = world.everything()
    for _ in range(3):
        with world.store.transaction() as tx:
            for source in world.around.sources:
                for stream in (source.cases, source.journals):
                    cursor = tx.cursor(stream.name)
                    tx.save_cursor(stream.name, type(cursor)(cursor.watermark - timedelta(hours=2)))
        world.cycle_now()
    assert world.everything() == before
