"""Kinds of desks that others make: installed beside the bridge, and found by the entry point `cpsd_bridge.desks`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.domain.ids import DeskName
from bridge.ports.chance import Clock
from bridge.ports.desks import DeskConnector
from bridge.ports.store import Store

ENTRY_POINT = "cpsd_bridge.desks"
"""The group under which a package names its kinds: `KIND = "module:object"`, where the object is a `DeskKind`."""


@dataclass(frozen=True, slots=True)
class DeskServices:
    """What the bridge lends to a connector. `store` is for reading engagements and keeping a cursor of its own."""

    store: Store
    clock: Clock
    #: seconds that one `send` may take, all its calls together: after them the bridge takes the outcome for unknown
    within: float
    #: the secret that a setting of type `bridge.configuration.secrecy.Secret` refers to
    secret: Callable[[Any], str]


class DeskKind(Protocol):
    """What an entry point names."""

    #: a pydantic model of what stands under `method: {KIND: …}`; it may have `reference` and `most_per_hour`
    settings: Any

    def connect(self, desk: DeskName, settings: Any, services: DeskServices) -> DeskConnector:  # noqa: ANN401
        """The connector of one desk; `settings` is an instance of the model. Asks nobody anything yet."""
        ...


@dataclass(frozen=True, slots=True)
class InstalledMethod:
    """A method of contact of an installed kind: who knows how, and what it was told."""

    kind: DeskKind
    settings: Any
