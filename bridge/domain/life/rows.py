"""The rows of the table of transitions, and the states they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from bridge.domain import acts as do
from bridge.domain.acts import Act
from bridge.domain.engagement import State
from bridge.domain.life.columns import FactKind
from bridge.domain.situation import Guard, always


@dataclass(frozen=True, slots=True)
class Row:
    """One way a pair goes: where to (None stays), what is done, why, and when."""

    reason: str
    to: State | None = None
    acts: tuple[Act, ...] = ()
    when: Guard = always
    refused: bool = False


Pair: TypeAlias = tuple[State, FactKind]
Entry: TypeAlias = tuple[Iterable[State], FactKind, tuple[Row, ...]]
"""The rows of one kind of fact, the same in several states."""

WORKING = (State.OPEN, State.ACKNOWLEDGED, State.IN_PROGRESS, State.AWAITING_INFORMATION)
STARTED = (*WORKING, State.RESOLUTION_REPORTED)
ENDED = (State.CONFIRMED, State.DECLINED, State.WITHDRAWN)
EVERY = tuple(State)


def moves(to: State, *acts: Act, reason: str, when: Guard = always) -> Row:
    """To another state, or anew into the same."""
    return Row(reason, to, acts, when)


def stays(*acts: Act, reason: str, when: Guard = always) -> Row:
    """Nowhere, for a recorded reason."""
    return Row(reason, None, acts, when)


def refuses(reason: str, when: Guard = always) -> Row:
    """Nowhere: the command is answered by a work note that says why."""
    return Row(reason, None, (do.note("refused_command"),), when, refused=True)
