"""What a rehearsal tells: what one cycle would decide, as values for people and programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prospect:
    """A desk that a route names: `engage`, `propose`, `observe`, or `hold back` and why."""

    case: str
    desk: str
    what: str
    route: int
    when: str
    #: contents that the agreement needs and the case does not have
    missing: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class CaseChange:
    """What others changed in a case that the bridge deals with, and what the hold says about the case."""

    case: str
    by: str
    what: tuple[str, ...]
    hold: str
    why: str


@dataclass(frozen=True, slots=True)
class NoteCommand:
    """A command in a work note that was not obeyed yet."""

    case: str
    by: str
    command: str
    desk: str
    #: why it would be refused as it is written
    why: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """How a mail would be read."""

    sender: str
    case: str
    desk: str
    kind: str
    verdict: str
    report: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that is due: `attempt` it, `ask` how the last attempt ended, or `hold back`."""

    delivery: str
    what: str
    kind: str
    recipient: str
    case: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Overdue:
    """An engagement for which an agreed time has passed."""

    case: str
    desk: str
    state: str
    what: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What one cycle would decide."""

    desks: tuple[Prospect, ...]
    changes: tuple[CaseChange, ...]
    commands: tuple[NoteCommand, ...]
    mails: tuple[Mail, ...]
    deliveries: tuple[Due, ...]
    overdue: tuple[Overdue, ...]

    def as_dict(self) -> dict[str, list[dict[str, Any]]]:
        """For `--json`."""
        told: dict[str, list[dict[str, Any]]] = asdict(self)
        return {name: list(rows) for name, rows in told.items()}
