"""Collect: what desks sent is committed here before it is marked as read there."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from bridge.domain.errors import BridgeError, StoreUnavailable
from bridge.ports import RawItem
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()


@dataclass
class CollectReport:
    """What one pass did; a mailbox that could not be reached is named and tried again at the next tick."""

    received: int = 0
    unreachable: list[str] = field(default_factory=list)


def collect(around: Surroundings) -> CollectReport:
    """Collect from every mailbox and portal."""
    report = CollectReport()

    def keep(item: RawItem) -> bool:
        with around.store.transaction() as tx:
            new = tx.receive(item) is not None
        report.received += new
        return new

    for collector in around.collectors:
        try:
            collector.collect(keep)
        except BridgeError as error:
            if not error.retryable or isinstance(error, StoreUnavailable):
                raise
            report.unreachable.append(collector.name)
            log.warning("collect_failed", collector=collector.name, error=error.code)
    return report
