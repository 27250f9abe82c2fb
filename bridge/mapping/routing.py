"""Which desks a case concerns: the routes of the configuration, asked in order.

A route only names a desk. Elexon's own triage comes first (Approach 0.7, 7.1.1): as long as the condition `triaged`
does not hold, no route is asked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bridge.domain.case import Case
from bridge.domain.ids import DeskName
from bridge.mapping.attributes import CaseAttributes, Read
from bridge.mapping.expressions import Expression, Value, compile_expression

Key = tuple[Value, ...]
_Answer = TypeVar("_Answer")

# Longer keys are mostly free text, hardly ever seen twice and dear to keep.
_LONGEST_KEY = 400


@dataclass(frozen=True, slots=True)
class Route:
    """One line of `routes:`; `automatic` engages without asking."""

    number: int
    when: str
    desk: DeskName
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A route that a case met."""

    desk: DeskName
    automatic: bool
    #: number of the route, counted from 1, and its condition
    rule: int
    text: str


@dataclass(frozen=True, slots=True)
class Routing:
    """What the routes say about one case; each desk at most once, an automatic hit before a proposing one."""

    triaged: bool
    hits: tuple[Hit, ...] = ()


NOT_TRIAGED = Routing(triaged=False)


class _Remembered(Generic[_Answer]):
    """The newest answers by key, at most `size` of them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._answers: OrderedDict[Key, _Answer] = OrderedDict()

    def get(self, key: Key, decide: Callable[[], _Answer]) -> _Answer:
        found = self._answers.get(key)
        if found is None:
            found = decide()
            if sum(len(part) for part in key if isinstance(part, str)) > _LONGEST_KEY:
                return found
            self._answers[key] = found
            if len(self._answers) > self._size:
                self._answers.popitem(last=False)
        return found


@dataclass(frozen=True, slots=True)
class _Asking:
    """How the engine is asked about one condition, and what it answered."""

    names: tuple[str, ...]
    readers: tuple[Read, ...]
    answers: _Remembered[bool]


@dataclass(frozen=True, slots=True)
class _Shortlist:
    """The conditions that equality alone leaves possible; `decided` where it settles all of them."""

    triaged: Expression | None
    routes: tuple[tuple[Hit, Expression], ...]
    decided: Routing | None


class Router:
    """The routes, compiled; raises `ExpressionError` for a condition that cannot be used.

    The answers are remembered by the values that the conditions read, so that a table full of similar cases costs the
    engine little. The memory is bounded and holds nothing that changes an answer. One thread at a time.
    """

    def __init__(
        self, routes: Sequence[Route], triaged: str, attributes: CaseAttributes | None = None, *, remember: int = 4096
    ) -> None:
        self.routes = tuple(routes)
        self.attributes = attributes or CaseAttributes()
        kinds = self.attributes.kinds
        self._triaged = compile_expression(triaged, kinds)
        self._compiled = tuple(
            (Hit(route.desk, route.automatic, route.number, route.when), compile_expression(route.when, kinds))
            for route in self.routes
        )
        conditions = (self._triaged, *(expression for _, expression in self._compiled))
        self.reads = frozenset().union(*(expression.reads for expression in conditions))
        self._indexed = tuple(sorted(frozenset().union(*(expression.required for expression in conditions))))
        self._readers = tuple(self.attributes.reader(name) for name in self._indexed)
        self._shortlists: _Remembered[_Shortlist] = _Remembered(remember)
        self._asked = {expression: self._asking(expression, remember // 4) for expression in conditions}

    def route(self, case: Case) -> Routing:
        """What the routes say about a case; raises `ConditionFailed`."""
        key = tuple([read(case) for read in self._readers])
        shortlist = self._shortlists.get(key, lambda: self._shortlist(key))
        if shortlist.decided is not None:
            return shortlist.decided
        if shortlist.triaged is not None and not self._holds(shortlist.triaged, case):
            return NOT_TRIAGED
        hits = [hit for hit, rule in shortlist.routes if rule.settled or self._holds(rule, case)]
        return Routing(triaged=True, hits=_one_per_desk(hits))

    def _shortlist(self, key: Key) -> _Shortlist:
        values = dict(zip(self._indexed, key, strict=True))
        if not _possible(self._triaged, values):
            return _Shortlist(None, (), NOT_TRIAGED)
        routes = tuple((hit, rule) for hit, rule in self._compiled if _possible(rule, values))
        triaged = None if self._triaged.settled else self._triaged
        settled = triaged is None and all(rule.settled for _, rule in routes)
        decided = Routing(triaged=True, hits=_one_per_desk([hit for hit, _ in routes])) if settled else None
        return _Shortlist(triaged, routes, decided)

    def _asking(self, expression: Expression, remember: int) -> _Asking:
        names = tuple(sorted(expression.reads))
        return _Asking(names, tuple(map(self.attributes.reader, names)), _Remembered(remember))

    def _holds(self, expression: Expression, case: Case) -> bool:
        asking = self._asked[expression]
        key = tuple([read(case) for read in asking.readers])
        return asking.answers.get(key, lambda: expression.holds(dict(zip(asking.names, key, strict=True))))


def _possible(expression: Expression, values: dict[str, Value]) -> bool:
    return all(values[name] in allowed for name, allowed in expression.required.items())


def _one_per_desk(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    best: dict[DeskName, Hit] = {}
    for hit in hits:
        if hit.desk not in best or (hit.automatic and not best[hit.desk].automatic):
            best[hit.desk] = hit
    return tuple(best.values())
