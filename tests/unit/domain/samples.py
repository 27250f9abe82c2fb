"""Engagements, agreements and facts as the tests of the domain need them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

from bridge.domain import facts as f
from bridge.domain import ids
from bridge.domain.agreement import Agreement, Confirmation, EmailMethod, ResponseTime, WorkingHours
from bridge.domain.decide import decide
from bridge.domain.effects import Alert, Decision, Effect, Note, Send
from bridge.domain.engagement import Engagement, Standing, State
from bridge.domain.facts import Fact, MessageKind, Report, ReportKind
from bridge.domain.ids import DeskName, SysId

INSTANCE = "https://example.service-now.com"
CASE = SysId("0" * 31 + "1")
START = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
CHASE_EVERY = timedelta(hours=4)
QUIET_TIME = timedelta(hours=3)
ALWAYS_OPEN = WorkingHours(calendar="none", open=dict.fromkeys(range(1, 8), ((0, 24 * 60),)))

ENDED = (State.CONFIRMED, State.DECLINED, State.WITHDRAWN)
WORKING = (State.OPEN, State.ACKNOWLEDGED, State.IN_PROGRESS, State.AWAITING_INFORMATION)
STARTED = (*WORKING, State.RESOLUTION_REPORTED)
TAKEN = STARTED[1:]


def at(hours: float) -> datetime:
    """An instant, in hours after the engagement was opened."""
    return START + timedelta(hours=hours)


NOW = at(10)


def agreement(confirmation: str = "elexon", desk: str = "dcc", **fields: Any) -> Agreement:
    values = {
        "desk": DeskName(desk),
        "version": 3,
        "effective": date(2026, 1, 1),
        "method": EmailMethod(("desk@dcc.example",)),
        "hours": ALWAYS_OPEN,
        "confirmation": Confirmation(confirmation),
        "quiet_time": ResponseTime(elapsed=QUIET_TIME),
        "chase_every": CHASE_EVERY,
    }
    return Agreement(**(values | fields))


def engagement(state: State = State.OPEN, desk: str = "dcc", round_: int = 1, **fields: Any) -> Engagement:
    """A round as it stands when it has come to a state in the usual way."""
    identity = ids.engagement_id(INSTANCE, fields.get("case", CASE), DeskName(desk), round_)
    values: dict[str, Any] = {
        "id": identity,
        "reference": ids.reference(identity),
        "case": CASE,
        "case_number": "CS0000001",
        "desk": DeskName(desk),
        "round": round_,
        "agreement_version": 3,
        "opened_at": START,
        "state": state,
        "standing": Standing.NONE if state is State.INCOMPLETE else Standing.SENT,
        "next_ordinal": 1 if state is State.INCOMPLETE else 2,
    }
    if state in {*TAKEN, State.CONFIRMED, State.DECLINED}:
        values |= {"received_at": at(1), "acknowledged_at": at(1), "last_report_at": at(1)}
    if state in {State.RESOLUTION_REPORTED, State.CONFIRMED}:
        values |= {"reported_at": at(2), "last_report_at": at(2), "resolution": "cleared", "resolution_note": "note-1"}
    if state in ENDED:
        values |= {"ended_at": at(3)}
    return Engagement(**(values | fields))


def report(kind: str | ReportKind, hours: float = 9, **fields: Any) -> Report:
    return Report(ReportKind(kind), at(hours), **fields)


def taken(
    before: Engagement, fact: Fact, confirmation: str = "elexon", now: datetime = NOW, others: Any = (), **agreed: Any
) -> Decision:
    """The decision under an agreement with that confirmation."""
    return decide(before, fact, agreement(confirmation, **agreed), now, others)


def after(before: Engagement, *facts: Fact, confirmation: str = "elexon", **fields: Any) -> Engagement:
    """An engagement after several facts, with its messages delivered as they are decided."""
    current = before
    for fact in facts:
        decision = taken(current, fact, confirmation, **fields)
        current = decision.engagement
        for _ in sent(decision):
            current = replace(current, next_ordinal=current.next_ordinal + 1)
    return current


def sent(decision: Decision) -> list[MessageKind]:
    return [effect.message for effect in decision.effects if isinstance(effect, Send)]


def the_send(decision: Decision) -> Send:
    (one,) = [effect for effect in decision.effects if isinstance(effect, Send)]
    return one


def notes(decision: Decision) -> list[str]:
    return [effect.name for effect in decision.effects if isinstance(effect, Note)]


def the_note(decision: Decision, name: str) -> Note:
    (one,) = [effect for effect in decision.effects if isinstance(effect, Note) and effect.name == name]
    return one


def alerts(decision: Decision) -> list[str]:
    return [effect.code for effect in decision.effects if isinstance(effect, Alert)]


def asks(decision: Decision, kind: type[Effect]) -> bool:
    return any(isinstance(effect, kind) for effect in decision.effects)


def _reports() -> Iterator[Report]:
    for kind in ReportKind:
        for hours, ordered, automatic in product((0.5, 2, 9), (True, False), (True, False)):
            yield report(kind, hours, ordered=ordered, automatic=automatic, text="some words", desk_reference="INC7")
    yield report("progress", until=at(200))
    yield report("declined", direction=DeskName("ldso"))
    yield report("comment", suggests=ReportKind.RESOLVED)
    yield report("resolved", channel="telephone")


EVERY_FACT: tuple[Fact, ...] = (
    *_reports(),
    f.Engage("a person"),
    f.Engage("route", automatic=True),
    f.Tell("a person", "please look"),
    f.Confirm("a person"),
    f.Confirm("a person", "resolve"),
    f.Reject("a person", "still broken"),
    f.Withdraw("a person", "not needed"),
    f.Override("a person", "urgent"),
    f.Completed(),
    f.FieldsChanged((("priority", "3", "1"),), "a person"),
    f.FilesAdded(("f" * 32,), "A file was added: reads.csv by a person", "a person"),
    f.CaseResolvedEarly("a person"),
    f.CaseReopened("a person"),
    f.CaseCancelled("a person"),
    f.CaseGone(f.Gone.HIDDEN, "404"),
    f.RaiserAnswered("the raiser", accepted=True),
    f.RaiserAnswered("the raiser", accepted=False, text="no"),
    f.Delivered(MessageKind.OPEN, 1),
    f.Delivered(MessageKind.TEXT, 2),
    f.NeverArrived(MessageKind.OPEN),
    f.NeverArrived(MessageKind.TEXT),
    f.DeliveryFailed(MessageKind.OPEN, "no such user"),
    f.DeliveryFailed(MessageKind.REJECT, "no such user"),
    f.DeliveryFailed(MessageKind.WITHDRAW, "no such user"),
    f.Bounced(MessageKind.OPEN, ("desk@dcc.example",)),
    f.Bounced(MessageKind.OPEN, ("desk@dcc.example",), some_left=True),
    f.Bounced(MessageKind.OPEN, ("desk@dcc.example",), permanent=False),
    f.AddressCorrected(),
    f.QuietOver(at(9), unread_notes=False),
    f.QuietOver(at(9), unread_notes=True),
    f.QuietOver(at(3), unread_notes=False),
    f.ChaseDue(),
    f.Duplicate(),
)
"""A fact of every type, in every shape that a guard tells apart."""


def every_engagement() -> Iterator[Engagement]:
    """An engagement in every state, in every shape that a guard tells apart."""
    for state, standing in product(State, Standing):
        usual = engagement(state, standing=standing)
        yield usual
        yield replace(usual, received_at=None, last_report_at=None)
        yield replace(usual, withdraw_wanted="not needed", received_at=None)
        yield replace(usual, undeliverable=True, answer_ordinal=2, question_open=True, withdraw_wanted="not needed")
        yield replace(usual, answer_ordinal=2)


def everything() -> Iterator[tuple[Engagement, Fact, Agreement, tuple[Engagement, ...]]]:
    """Every combination that the table of transitions tells apart."""
    terms = [agreement(confirmation) for confirmation in Confirmation]
    for one, fact, agreed in product(every_engagement(), EVERY_FACT, terms):
        yield one, fact, agreed, ()
    others = (engagement(State.DECLINED, "ldso", direction=DeskName("dcc")), engagement(State.OPEN, round_=2))
    for one, fact in product(
        every_engagement(), (report("declined", direction=DeskName("ldso")), f.Engage("a person"))
    ):
        yield one, fact, terms[0], others
