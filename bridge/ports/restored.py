"""What a store knows about having been restored from a backup that was older than its life."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Self

RESTORED = "restored"
"""The control that holds it."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A store that went back in time: what was done after `since` it has forgotten, and finds out again."""

    #: the last instant of which it knows anything, by its own clock
    since: datetime
    #: when it was put back into service
    at: datetime
    #: ServiceNow's clock at that instant: up to here everything is read before anything is decided
    read_to: datetime
    #: what the earlier life had under way may still be carried out until then
    settle_after: datetime
    #: items of the inbox with a higher number came after the restore
    inbox: int
    #: whether the mailboxes have been read since
    collected: bool = False
    #: whether all that had been forgotten was decided again
    caught_up: bool = False

    def as_text(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self), default=datetime.isoformat)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The reverse of `as_text`."""
        told = json.loads(text)
        instants = {name: datetime.fromisoformat(told[name]) for name in ("since", "at", "read_to", "settle_after")}
        return cls(**{**told, **instants})
