"""The part of a store that portals' collectors use, in memory."""

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from bridge.domain.engagement import Engagement
from bridge.domain.ids import SysId
from bridge.ports import ToldEvent, TrailEvent


@dataclass
class Remembered:
    """Engagements with one desk, what was sent to it, and the inbox."""

    engagements: list[Engagement]
    #: the store's clock
    time: datetime
    sent: list = field(default_factory=list)
    items: dict = field(default_factory=dict)
    cursors: dict = field(default_factory=dict)
    events: list = field(default_factory=list)

    @contextmanager
    def reading(self):
        yield self

    transaction = reading

    def now(self):
        return self.time

    def followed(self, desk, since):
        return tuple(self.engagements)

    def cursor(self, name):
        return self.cursors.get(name)

    def save_cursor(self, name, cursor):
        self.cursors[name] = cursor

    def deliveries(self, *, engagement):
        return tuple(self.sent)

    def story(self, case):
        return tuple(self.events)

    def told(self, kind, cause):
        """Something happened in the first engagement."""
        event = TrailEvent(kind, "bridge", SysId("c"), "CS1", self.engagements[0].id, cause=cause)
        self.events.append(ToldEvent(len(self.events) + 1, self.time, "0", event))

    def received(self, source, identities):
        return frozenset(identities) & frozenset(self.items)

    def keep(self, item):
        new = item.identity not in self.items
        self.items.setdefault(item.identity, json.loads(item.raw))
        return new
