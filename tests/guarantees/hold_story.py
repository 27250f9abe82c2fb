"""What can happen to a case with three desks, as steps with everything that each may be given.

A step that makes no sense at the moment does nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import chain, combinations, product
from types import MappingProxyType
from typing import Any

from bridge.domain import facts as f
from bridge.domain.agreement import Afterwards, Confirmation
from bridge.domain.engagement import Engagement, State
from bridge.domain.facts import Fact, MessageKind, Report, ReportKind
from bridge.domain.ids import DeskName
from tests.guarantees.hold_model import Casebook
from tests.unit.domain.samples import agreement

DESKS = (DeskName("dcc"), DeskName("ldso"), DeskName("recco"))

COMMANDS: tuple[Fact, ...] = (
    f.Engage("a person"),
    f.Engage("route", automatic=True),
    f.Tell("a person", "please look"),
    f.Confirm("a person"),
    f.Reject("a person", "still broken"),
    f.Withdraw("a person", "not needed"),
    f.Override("a person", "urgent"),
    f.RaiserAnswered("the raiser", accepted=True),
    f.RaiserAnswered("the raiser", accepted=False),
)
ANSWERS: tuple[Fact, ...] = (
    *(f.Confirm("a person"), f.RaiserAnswered("the raiser", accepted=True)) * 2,
    f.RaiserAnswered("the raiser", accepted=False),
    f.Reject("a person", "still broken"),
    f.CaseReopened("a person"),
    f.Tell("a person", "are you sure?"),
    f.Withdraw("a person", "not needed"),
)
EVENTS: tuple[Fact, ...] = (
    f.Completed(),
    f.FieldsChanged((("priority", "3", "1"),)),
    f.FilesAdded(("f" * 32,), "A file was added.", "a person"),
    f.CaseResolvedEarly("a person"),
    f.CaseReopened("a person"),
    f.CaseCancelled("a person"),
    f.CaseGone(f.Gone.HIDDEN),
    f.AddressCorrected(),
    f.ChaseDue(),
    f.Duplicate(),
    *(f.Bounced(kind, ("desk@dcc.example",)) for kind in MessageKind),
    f.Bounced(MessageKind.OPEN, ("desk@dcc.example",), some_left=True),
)


def _subsets(items: Sequence[Any], least: int) -> tuple[frozenset[Any], ...]:
    sizes = range(least, len(items) + 1)
    return tuple(frozenset(some) for some in chain.from_iterable(combinations(items, size) for size in sizes))


_KINDS = (*ReportKind, *(ReportKind.RESOLVED,) * 3)
_TERMS = tuple(product(Confirmation, Afterwards))
_HOW = ((), (), (), (), ("unordered",), ("machine",), ("telephone",), ("machine", "unordered"))
_PICKS = tuple(range(24))
_HISTORIES = (None, (), *((kind,) for kind in _KINDS), *product(_KINDS, repeat=2))

BEGINNING: Mapping[str, Sequence[Any]] = MappingProxyType(
    {
        **{f"terms_{desk}": _TERMS for desk in DESKS},
        **{f"told_{desk}": _HISTORIES for desk in DESKS},
        "required": _subsets(DESKS, 1),
    }
)
STEPS: Mapping[str, Mapping[str, Sequence[Any]]] = MappingProxyType(
    {
        "a_desk_reports": {
            "pick": _PICKS,
            "kind": _KINDS,
            "ago": tuple(range(-4, 1)),
            "how": _HOW,
            "direction": (None, *DESKS),
        },
        "a_resolution_is_answered": {"pick": _PICKS, "fact": ANSWERS},
        "nobody_objected": {"pick": _PICKS, "ahead": tuple(range(-1, 7)), "unread": (False, False, True)},
        "a_person_resolves_the_case": {"noted": _subsets(DESKS, 0)},
        "a_person_commands": {"pick": _PICKS, "fact": COMMANDS},
        "a_person_engages": {"pick": _PICKS, "desk": DESKS, "complete": (True, True, False)},
        "a_decline_gets_a_successor": {"pick": _PICKS, "to": _PICKS},
        "something_happens": {"pick": _PICKS, "fact": EVENTS},
        "a_message_moves_on": {
            "pick": _PICKS,
            "urgent": (False, False, True),
            "outcome": ("done", "done", "lost", "refused"),
        },
        "time_passes": {"hours": (1, 2, 4)},
    }
)
"""Each step and what it may be given."""


class Story:
    """The steps, on one case."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        terms = {desk: given[f"terms_{desk}"] for desk in DESKS}
        self.book = Casebook(
            {desk: agreement(way, desk, afterwards=then) for desk, (way, then) in terms.items()}, given["required"]
        )
        for desk in DESKS:
            if given[f"told_{desk}"] is not None:
                self._engaged_and_told(desk, given[f"told_{desk}"])
        if not self.book.rounds:
            self.book.engage(DESKS[0])

    def _engaged_and_told(self, desk: DeskName, history: Sequence[ReportKind]) -> None:
        self.book.engage(desk, complete=bool(history))
        for kind in history:
            self.time_passes(1)
            self.book.apply(self.book.newest()[desk].id, Report(kind, self.book.now))

    def _pick(self, pick: int, among: Sequence[Engagement] = ()) -> Engagement:
        rounds = among or self.book.engagements()
        return rounds[pick % len(rounds)]

    def _in(self, state: State) -> list[Engagement]:
        return [one for one in self.book.engagements() if one.state is state]

    def a_desk_reports(
        self, pick: int, kind: ReportKind, ago: int, how: Sequence[str], direction: DeskName | None
    ) -> None:
        """Three times in four about a round that goes on."""
        going_on = [one for one in self.book.engagements() if one.is_open]
        report = Report(
            kind,
            self.book.now + timedelta(hours=ago),
            automatic="machine" in how,
            ordered="unordered" not in how,
            channel="telephone" if "telephone" in how else "mail",
            direction=direction,
            suggests=ReportKind.RESOLVED if kind is ReportKind.COMMENT else None,
        )
        self.book.apply(self._pick(pick, going_on if pick % 4 else ()).id, report)

    def a_resolution_is_answered(self, pick: int, fact: Fact) -> None:
        reported = self._in(State.RESOLUTION_REPORTED)
        if reported:
            self.book.apply(self._pick(pick, reported).id, fact)

    def nobody_objected(self, pick: int, ahead: int, *, unread: bool) -> None:
        silence = f.QuietOver(self.book.now + timedelta(hours=ahead), unread)
        self.book.apply(self._pick(pick, self._in(State.RESOLUTION_REPORTED)).id, silence)

    def a_person_resolves_the_case(self, noted: frozenset[DeskName]) -> None:
        self.book.resolve_by_person(noted)

    def a_person_commands(self, pick: int, fact: Fact) -> None:
        self.book.apply(self._pick(pick).id, fact)

    def a_person_engages(self, pick: int, desk: DeskName, *, complete: bool) -> None:
        """A desk that was not engaged before succeeds one that declined, if there is one."""
        newest, declined = self.book.newest().get(desk), self._in(State.DECLINED)
        if newest is not None:
            self.book.apply(newest.id, f.Engage("a person"))
        else:
            before = self._pick(pick, declined).id if declined else None
            self.book.engage(desk, complete=complete, successor_to=before)

    def a_decline_gets_a_successor(self, pick: int, to: int) -> None:
        """One that is engaged already."""
        declined = self._in(State.DECLINED)
        successor = self._pick(to)
        if declined and self._pick(pick, declined).id != successor.id:
            before = self._pick(pick, declined)
            self.book.rounds[before.id] = replace(before, successor=successor.id)

    def something_happens(self, pick: int, fact: Fact) -> None:
        self.book.apply(self._pick(pick).id, fact)

    def a_message_moves_on(self, pick: int, outcome: str, *, urgent: bool) -> None:
        """The head of a lane is attempted; an unknown end is settled; a dead letter is cancelled by an operator."""
        with_messages = [one for one in self.book.engagements() if self.book.head(one.id, urgent=urgent)]
        if not with_messages:
            return
        one = self._pick(pick, with_messages)
        message = self.book.head(one.id, urgent=urgent)
        match message.status:
            case "pending":
                self.book.attempt(one.id, message, outcome)
            case "unknown":
                self.book.settle(one.id, message, arrived=outcome == "done")
            case _:
                message.status = "cancelled"

    def time_passes(self, hours: int) -> None:
        self.book.now += timedelta(hours=hours)
