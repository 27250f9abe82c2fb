"""Guarantee 10: an attempt whose answer was lost is unknown and settled by asking; nothing is written twice."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from bridge.domain.agreement import Push
from bridge.domain.errors import OutcomeUnknown
from bridge.domain.facts import ReportKind
from tests.syncing.servicenow import Fault
from tests.syncing.world import DCC, TIMING, World, agreement, desk

SETTLED = TIMING.settle_within.total_seconds()


@dataclass(frozen=True)
class Kind:
    """One kind of write: which PATCH it is, and what brings it about."""

    name: str
    is_it: Callable[[dict], bool]
    bring_about: Callable[[World], None]


def engaged(world: World) -> None:
    world.raise_case()


def commented(world: World) -> None:
    world.engaged()
    world.report("acknowledged")


def put_into_a_state(world: World) -> None:
    world.engaged()
    world.report("question", "Which meter?")


def resolved(world: World) -> None:
    world.reported()
    world.note("#confirm")


def reopened(world: World) -> None:
    world.engaged()
    world.resolve()


KINDS = [
    Kind("a note", lambda body: "is engaged" in body.get("work_notes", ""), engaged),
    Kind("a comment", lambda body: "comments" in body, commented),
    Kind("a state with a note", lambda body: body.get("state") == "18", put_into_a_state),
    Kind("a resolution", lambda body: body.get("state") == "6", resolved),
    Kind("a reopening", lambda body: "put back to work" in body.get("work_notes", ""), reopened),
]
#: the faults that leave the end open
UNCERTAIN = [Fault.LOST, Fault.LATE, Fault.NEVER]

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name.replace(" ", "-"))


@pytest.fixture
def market(build_world) -> World:
    told = {**agreement().push, ReportKind.ACKNOWLEDGED: Push(comment=True)}
    return build_world(desk("dcc", push=told), desk("ldso"))


def committed(world: World, kind: Kind) -> int:
    return sum(kind.is_it(dict(write.body)) for write in world.servicenow.ours(world.case))


def tried(world: World, kind: Kind) -> list[float]:
    """When PATCHes of the kind reached the server, in seconds after the first."""
    at = [when for when, body in world.servicenow.attempts if kind.is_it(dict(body))]
    return [(when - at[0]).total_seconds() for when in at]


@every_kind
@pytest.mark.parametrize("fault", UNCERTAIN)
def test_a_write_whose_answer_was_lost_is_there_once_in_the_end(market, kind, fault):
    market.servicenow.fail(fault, when=kind.is_it)
    kind.bring_about(market)
    market.cycle(14)
    assert committed(market, kind) == 1
    assert not market.deliveries(pending=True)
    market.written_once()
    assert market.alerts.codes() == []


@every_kind
@pytest.mark.parametrize("fault", [Fault.LOST, Fault.LATE])
def test_a_write_that_was_carried_out_is_asked_for_and_never_repeated(market, kind, fault):
    market.servicenow.fail(fault, when=kind.is_it)
    kind.bring_about(market)
    market.cycle(14)
    assert tried(market, kind) == [0]


@every_kind
def test_absent_is_concluded_only_after_the_far_side_can_no_longer_carry_it_out(market, kind):
    market.servicenow.fail(Fault.NEVER, when=kind.is_it)
    kind.bring_about(market)
    market.cycle(60, seconds=0.5)
    _, second = tried(market, kind)
    assert SETTLED <= second <= SETTLED + 1.5


@every_kind
def test_a_write_that_was_lost_again_and_again_is_still_there_once(market, kind):
    for fault in (Fault.NEVER, Fault.LATE, Fault.LOST):
        market.servicenow.fail(fault, when=kind.is_it)
    kind.bring_about(market)
    market.cycle(40)
    assert committed(market, kind) == 1
    market.written_once()


@every_kind
def test_a_definite_no_is_a_dead_letter_and_people_are_told(market, kind):
    market.servicenow.fail(Fault.REFUSED, when=kind.is_it)
    kind.bring_about(market)
    market.cycle(4)
    assert committed(market, kind) == 0
    assert [one.status.value for one in market.deliveries(market.case, pending=True)][:1] == ["dead"]
    assert "write_refused" in market.alerts.codes()


def test_the_case_ends_as_without_the_loss_when_every_single_answer_is_lost(market):
    market.servicenow.fail(Fault.LOST, times=1000)
    market.raise_case()
    market.cycle(6)
    for kind in ("acknowledged", "question"):
        market.report(kind, "Which meter?")
        market.cycle(6)
    market.note("#desk: the second one")
    market.cycle(4)
    market.report("resolved")
    market.cycle(8)
    market.note("#confirm")
    market.cycle(10)
    assert (market.state(), market.phase()) == ("confirmed", "resolved")
    assert len(market.servicenow.ours(market.case, setting="6")) == 1
    market.written_once()


def test_a_resolution_that_was_lost_and_is_no_longer_allowed_is_decided_again_and_not_repeated(market):
    """A state write is never repeated blindly."""
    market.reported()
    market.servicenow.fail(Fault.NEVER, when=lambda body: body.get("state") == "6")
    market.note("#confirm")
    market.cycle(2)
    market.note("#engage @ldso")
    market.cycle(14)
    assert market.servicenow.ours(market.case, setting="6") == []
    assert market.phase() == "awaiting"
    assert market.events("write_withheld")


def test_a_resolution_of_ours_is_not_taken_for_somebody_elses_before_it_is_settled(market):
    market.reported()
    market.servicenow.fail(Fault.LOST, when=lambda body: body.get("state") == "6")
    market.note("#confirm")
    market.cycle(8)
    assert market.phase() == "resolved"
    assert market.events("resolution_judged") == []


def test_a_mail_whose_answer_was_lost_goes_again_under_one_identity_and_is_marked(market):
    market.desks[DCC].fail(OutcomeUnknown("the connection broke after the data"), arrives=True)
    market.raise_case()
    market.cycle(4)
    first, second = market.mails()
    assert (first.message_id, first.content) == (second.message_id, second.content)
    assert (first.attempt, second.attempt) == (1, 2)
    assert market.state() == "open"


def test_a_portal_that_has_it_is_asked_and_gets_it_once(market):
    market.desks[DCC].can_find = True
    market.desks[DCC].fail(OutcomeUnknown("the connection broke"), arrives=True)
    market.raise_case()
    market.cycle(14)
    assert len(market.mails()) == 1
    assert not market.deliveries(pending=True)


def test_a_portal_that_has_it_not_gets_it_once_the_time_is_over(market):
    market.desks[DCC].can_find = True
    market.desks[DCC].fail(OutcomeUnknown("the connection broke"))
    market.raise_case()
    market.cycle(1)
    begun = market.clock.now()
    market.cycle(14)
    (mail,) = market.mails()
    assert (mail.at - begun).total_seconds() >= SETTLED
    assert mail.attempt == 2


def test_a_mail_whose_end_is_unknown_is_withdrawn_by_a_message_and_not_in_silence(market):
    """Sent again or not: once an attempt's end was unknown, the desk may have it."""
    market.desks[DCC].fail(OutcomeUnknown("the connection broke after the data"), arrives=True, times=1)
    market.raise_case()
    patient = market.with_(timing=replace(TIMING, retry_base=TIMING.retry_cap))
    patient.cycle(1)
    market.note("#withdraw: raised twice")
    patient.cycle(1)
    assert market.state() == "open"
    assert "not known yet" in market.notes()
    market.cycle(40)
    assert market.state() == "withdrawn"
    assert market.kinds() == ["open", "withdraw"]
