"""A desk that is reached through the REST API of its own system, as its configuration describes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

from bridge.connectors.rest.collecting import RestCollector
from bridge.connectors.rest.description import RestSettings
from bridge.connectors.rest.lists import Lists
from bridge.connectors.rest.login import signer
from bridge.connectors.rest.plan import planned
from bridge.connectors.rest.reading import RestReader
from bridge.connectors.rest.sending import Sending
from bridge.connectors.rest.session import Session
from bridge.domain.delivery import Delivery, Receipt
from bridge.domain.errors import BridgeError
from bridge.domain.ids import DeskName
from bridge.ports import (
    Capabilities,
    CheckResult,
    CheckStatus,
    Clock,
    Collector,
    Correspondence,
    Frozen,
    OutboundMessage,
    Reading,
    Store,
)

#: no reference of ours, so that nothing is found by it
_NOBODY = {"reference": "0000000000", "mark": "[cpsd:0000000000]", "delivery": "00000000-0000-0000-0000-000000000000"}


class RestDesk:
    """One desk behind a REST API. `within` are the seconds that an attempt may take in all."""

    capabilities = Capabilities(find=True, read_back=True)

    def __init__(
        self,
        desk: DeskName,
        settings: RestSettings,
        store: Store | None,
        *,
        clock: Clock,
        within: float = 40.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._desk = desk
        self.settings = settings
        self._store = store
        self.session = Session(desk, settings, signer(settings.auth), clock=clock, monotonic=monotonic, sleep=sleep)
        self.lists = Lists(self.session)
        self._sending = Sending(self.session, self.lists, within=within)
        self._reader = RestReader(desk, settings)

    def freeze(self, message: OutboundMessage, at: datetime) -> Frozen:
        """Every request that carries the message, rendered; nobody is asked."""
        return Frozen(planned(message, self.settings, at), "", (urlsplit(self.settings.url).hostname or "",))

    def send(self, frozen: Frozen, attempt: int) -> Receipt:
        return self._sending.send(frozen, attempt)

    def find(self, delivery: Delivery) -> Receipt | None:
        return self._sending.find(delivery)

    def collector(self) -> Collector | None:
        return RestCollector(self._desk, self.session, self.lists, self._store) if self._store else None

    def receive(self, raw: bytes, received_at: datetime, known: Correspondence) -> Reading:
        return self._reader.receive(raw, received_at, known)

    def check(self) -> Iterator[CheckResult]:
        """Log in, and search for a reference that nobody has: that shows address, login and the search's form."""
        name = f"portal {self._desk}"
        try:
            found = self.lists.found(_NOBODY)
        except BridgeError as error:
            yield CheckResult(name, CheckStatus.FAILED, error.message, error.remedy or "check rest.url and rest.auth")
            return
        if found:
            remedy = "let rest.requests.find search for {{ reference }} or {{ mark }} and nothing else"
            yield CheckResult(name, CheckStatus.FAILED, "the search finds tickets that are not ours", remedy)
            return
        yield CheckResult(name, CheckStatus.OK, self.settings.url)

    def close(self) -> None:
        self.session.close()
