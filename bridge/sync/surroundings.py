"""What every step works with. Built once by `app`, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bridge.domain.ids import DeskName
from bridge.mapping.routing import Router
from bridge.ports import (
    Alerts,
    CaseSource,
    Collector,
    DeskConnector,
    Desks,
    Random,
    Reader,
    Scanner,
    Store,
    Stream,
    Verifier,
)

EVER = datetime(2000, 1, 1, tzinfo=UTC)
"""Before anything that an instance holds."""


@dataclass(frozen=True, slots=True)
class HoldPolicy:
    """Which of several desks must confirm: `all`, `lead` (the first engaged), or the named ones."""

    confirm: str | tuple[DeskName, ...] = "all"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take. All are durations of wall-clock time."""

    #: one call to the far side, connection and answer together, at our end
    client_timeout: timedelta = timedelta(seconds=30)
    #: writes that go together, all their calls at our end, and the longest of these calls
    batch_timeout: timedelta = timedelta(seconds=60)
    batch_call: timedelta = timedelta(seconds=45)
    #: after which ServiceNow itself ends a transaction (60 s for tables)
    far_limit: timedelta = timedelta(seconds=60)
    margin: timedelta = timedelta(seconds=15)
    #: how long a worker may hold a delivery: longer than the I/O deadline and the far side's limit together
    lease: timedelta = timedelta(seconds=150)
    #: first wait before a delivery is tried again, doubled each time
    retry_base: timedelta = timedelta(seconds=5)
    retry_cap: timedelta = timedelta(minutes=15)
    #: attempts that certainly failed for a passing reason before a delivery becomes a dead letter
    most_attempts: int = 400
    #: attempts of unknown end at what cannot be asked for, each of which may have arrived
    most_repeats: int = 10
    #: failures in a row that open a recipient's breaker, and for how long
    breaker_after: int = 5
    breaker_pause: timedelta = timedelta(minutes=5)

    @property
    def settle_within(self) -> timedelta:
        """After an attempt's start, how long the far side may still carry it out."""
        return self.client_timeout + self.far_limit + self.margin

    @property
    def batch_settle_within(self) -> timedelta:
        """The same for one of many attempts that were written down together, within `margin` of each other.

        Its call may be the last of them.
        """
        return self.margin + self.batch_timeout + self.far_limit + self.margin


@dataclass(frozen=True, slots=True)
class Source:
    """One stream of cases with the journals and files that belong to it."""

    cases: Stream
    journals: Stream
    attachments: Stream
    every: timedelta
    page_size: int
    lag: timedelta
    overlap: timedelta
    #: pages of each of its streams in one cycle, so that a busy table cannot starve the others
    max_pages: int = 200


@dataclass(frozen=True, slots=True)
class Sweeping:
    """How often, and how much at a time, what was read is compared with what there is."""

    every: timedelta = timedelta(minutes=15)
    #: revisions compared by one call: three columns a row
    page_size: int = 5000
    #: pages of one source in one tick
    max_pages: int = 10
    #: how far back journals and attachments are read again
    back: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reconciling:
    """How often what the bridge holds is compared with the far sides, and from when on a wait is worth a word."""

    every: timedelta = timedelta(days=1)
    #: a delivery that is not finished so long after it was decided
    late: timedelta = timedelta(hours=1)
    #: how far back mailboxes are compared
    back: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Reminding:
    """How often people are told again of what waits for them."""

    every: timedelta = timedelta(days=1)
    #: a desk that says nothing for so long, a delivery that has no end for so long
    silent_after: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The far sides, the store, the rules and the settings."""

    instance: str
    store: Store
    source: CaseSource
    desks: Desks
    connectors: Mapping[DeskName, DeskConnector]
    collectors: Sequence[Collector]
    reader: Reader
    alerts: Alerts
    router: Router
    random: Random
    sources: Sequence[Source]
    #: the bridge's own user in ServiceNow
    integration_user: str
    #: whose work notes are commands
    resolver_group: str
    worker: str
    go_live: datetime | None = None
    hold: HoldPolicy = HoldPolicy()
    max_new_engagements: int = 20
    timing: Timing = Timing()
    sweeping: Sweeping = Sweeping()
    reconciling: Reconciling = Reconciling()
    reminding: Reminding = Reminding()
    #: looks through mails before they are read; None where the site has none
    scanner: Scanner | None = None
    #: finds out who mails are from before they are read; None where the site's border does it
    verifier: Verifier | None = None
    #: deliveries under way at once
    concurrency: int = 4

    def go_live_of(self, desk: DeskName) -> datetime | None:
        """The instant before which nothing of a desk is acted upon."""
        return self.desks.by_name[desk].go_live or self.go_live
