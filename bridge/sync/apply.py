"""Apply: what arrived - mails, journal entries, files - becomes facts, one case and one transaction at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bridge.domain.errors import BridgeError
from bridge.mapping.entries import ATTACHMENT_SOURCE, JOURNAL_SOURCE
from bridge.ports import InboxItem, InboxState, TrailEvent, Transaction
from bridge.sync.alarm import raise_alert
from bridge.sync.deciding import until_settled
from bridge.sync.journals import apply_attachment, apply_journal
from bridge.sync.replies import apply_reply
from bridge.sync.roster import Roster
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()

BATCH = 200

Step = Callable[[Surroundings, Roster, InboxItem], InboxState]


@dataclass
class ApplyReport:
    """What one pass did."""

    applied: int = 0
    quarantined: int = 0


def apply(around: Surroundings, roster: Roster) -> ApplyReport:
    """Apply every new item, in order of arrival; a poison one is quarantined and everything else goes on."""
    report = ApplyReport()
    while True:
        with around.store.transaction() as tx:
            items = tx.unapplied(BATCH)
        if not items:
            return report
        for item in items:
            state = apply_item(around, roster, item)
            report.applied += 1
            report.quarantined += state is InboxState.QUARANTINED


def apply_item(around: Surroundings, roster: Roster, item: InboxItem) -> InboxState:
    """Apply one item. A passing trouble of a far side is raised, anything else puts the item into quarantine."""
    try:
        return _step(item)(around, roster, item)
    except BridgeError as error:
        if error.retryable:
            raise
        return _quarantine(around, item, str(error))
    except Exception as error:
        log.exception("item_failed", item=item.id, source=item.source)
        return _quarantine(around, item, f"{type(error).__name__} while it was applied")


def _step(item: InboxItem) -> Step:
    return {JOURNAL_SOURCE: apply_journal, ATTACHMENT_SOURCE: apply_attachment}.get(item.source, apply_reply)


def _quarantine(around: Surroundings, item: InboxItem, why: str) -> InboxState:
    def settle(tx: Transaction) -> InboxState:
        tx.settle_item(item.id, InboxState.QUARANTINED, why)
        tx.record(TrailEvent("quarantined", "bridge", item.case, cause=f"inbox:{item.id}", facts={"why": why}))
        raise_alert(
            tx,
            around.instance,
            "quarantined",
            f"item {item.id} ({item.source}): {why}",
            case=item.case,
            cause=f"inbox:{item.id}",
        )
        return InboxState.QUARANTINED

    return until_settled(around, settle)
