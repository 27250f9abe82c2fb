"""Collect: what desks sent is committed here before it is marked as read there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from bridge.domain.errors import BridgeError, StoreError
from bridge.ports import Collector, RawItem, Store
from bridge.sync.alarm import raise_alert
from bridge.sync.restored import note_collected
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()

NOT_COLLECTED = "not_collected"
SILENCE = timedelta(minutes=15)
"""For so long a far side may be away before people are told, once a day."""


@dataclass
class CollectReport:
    """What one pass did; a far side that could not be reached is named and asked again at the next tick."""

    received: int = 0
    unreachable: list[str] = field(default_factory=list)


class _Keeping:
    """Commits what is collected, before it is marked as read where it came from."""

    def __init__(self, store: Store, report: CollectReport) -> None:
        self._store = store
        self._report = report

    def __call__(self, item: RawItem) -> bool:
        with self._store.transaction() as tx:
            new = tx.receive(item) is not None
        self._report.received += new
        return new

    def together(self, items: Sequence[RawItem]) -> None:
        """Several in one transaction: all or none."""
        with self._store.transaction() as tx:
            new = sum(tx.receive(item) is not None for item in items)
        self._report.received += new


class Collecting:
    """Collects from mailboxes and portals, each by itself: one that is away holds up none of the others."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def collect(self, collectors: Sequence[Collector]) -> CollectReport:
        """Collect from some of them, one after the other."""
        report = CollectReport()
        for collector in collectors:
            self._collect(collector, report)
        return report

    def _collect(self, collector: Collector, report: CollectReport) -> None:
        with self._around.store.reading() as tx:
            began, away = tx.now(), tx.control(_away(collector))

        try:
            collector.collect(_Keeping(self._around.store, report))
        except StoreError:
            raise
        except BridgeError as error:
            # One that refuses us is as away as one that is down: the others go on, and people are told.
            report.unreachable.append(collector.name)
            tell = log.warning if error.retryable else log.error
            tell("collect_failed", collector=collector.name, error=error.code)
            self._is_away(collector, away, error)
            return
        if away is not None:
            with self._around.store.transaction() as tx:
                tx.set_control(_away(collector), None, "bridge")
        note_collected(self._around, collector.name, began)

    def _is_away(self, collector: Collector, away: str | None, error: BridgeError) -> None:
        """Remember since when; after a while people are told."""
        with self._around.store.transaction() as tx:
            now = tx.now()
            if away is None:
                tx.set_control(_away(collector), now.isoformat(), "bridge")
            elif now - datetime.fromisoformat(away) >= SILENCE:
                text = f"{collector.name} cannot be read, or not whole, since {away}; nothing is lost: {error}"
                cause = f"{collector.name}/{now.date().isoformat()}"
                raise_alert(tx, self._around.instance, NOT_COLLECTED, text, cause=cause)


def _away(collector: Collector) -> str:
    """The control that tells since when a far side cannot be read."""
    return f"away/{collector.name}"
