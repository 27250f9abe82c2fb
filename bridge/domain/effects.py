"""What a decision asks for. Effects are values; the steps in `sync` carry them out in the deciding transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from bridge.domain.engagement import Engagement
from bridge.domain.facts import MessageKind, Report


@dataclass(frozen=True, slots=True)
class Send:
    """A message to the desk."""

    message: MessageKind
    text: str = ""
    changes: tuple[tuple[str, str, str], ...] = ()
    #: sys_ids of the case's files that go with it, besides what goes with every message of the kind
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelUnsent:
    """Messages of this round that certainly reached nobody are cancelled, dead letters among them."""


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Messages that certainly reached nobody are replaced in the same order, to be written for the addresses of now."""


@dataclass(frozen=True, slots=True)
class Note:
    """A work note in the case; `name` chooses the wording in `mapping.notes`."""

    name: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PushReport:
    """What the agreement's `push:` says for this report happens in ServiceNow."""

    report: Report


@dataclass(frozen=True, slots=True)
class Alert:
    """People are told: an alarm that goes where `alerts:` says."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The item that brought the fact waits for a person."""

    why: str


@dataclass(frozen=True, slots=True)
class NewRound:
    """The same desk is engaged again, under a reference of its own."""

    by: str


Effect: TypeAlias = Send | SendAgain | CancelUnsent | Note | PushReport | Alert | Quarantine | NewRound


@dataclass(frozen=True, slots=True)
class Decision:
    """The engagement as it stands afterwards, what is to be done, and why."""

    engagement: Engagement
    effects: tuple[Effect, ...]
    reason: str
    #: the fact was a command that cannot be done now; the reason says why
    refused: bool = False
