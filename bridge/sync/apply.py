"""Apply: what arrived - mails, journal entries, files - becomes facts, one case and one transaction at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from bridge.domain.errors import BridgeError, ScannerAway, StoreUnavailable
from bridge.domain.ids import SysId
from bridge.mapping.answers import LINK_SOURCE
from bridge.mapping.entries import ATTACHMENT_SOURCE, JOURNAL_SOURCE
from bridge.ports import HOOK_SOURCE, InboxItem, InboxState, TrailEvent, Transaction
from bridge.sync.additions import apply_attachment
from bridge.sync.alarm import raise_alert
from bridge.sync.answers import apply_answer
from bridge.sync.deciding import settled_already, until_settled
from bridge.sync.hooks import file_hook
from bridge.sync.journals import apply_journal
from bridge.sync.replies import apply_reply
from bridge.sync.roster import Roster
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()

BATCH = 200

Step = Callable[[Surroundings, Roster, InboxItem], InboxState]
_STEPS: Mapping[str, Step] = {
    JOURNAL_SOURCE: apply_journal,
    ATTACHMENT_SOURCE: apply_attachment,
    LINK_SOURCE: apply_answer,
}


@dataclass
class ApplyReport:
    """What one pass did."""

    applied: int = 0
    quarantined: int = 0
    #: items that wait because a far side could not be asked, and their cases, which are not decided upon meanwhile
    waiting: set[int] = field(default_factory=set)
    held: set[SysId] = field(default_factory=set)
    #: no mail can be scanned: all of them wait, so that none overtakes another
    unscanned: bool = False


def apply(around: Surroundings, roster: Roster) -> ApplyReport:
    """Apply every new item, in order of arrival; a poison one is quarantined and everything else goes on.

    Where a far side cannot be asked now, the items of that case wait for the next pass; only a store that does not
    answer ends this one.
    """
    report = ApplyReport()
    while True:
        with around.store.transaction() as tx:
            items = tx.unapplied(BATCH, but=report.waiting)
        if not items:
            return report
        for item in items:
            _take(around, roster, item, report)


def _take(around: Surroundings, roster: Roster, item: InboxItem, report: ApplyReport) -> None:
    if item.case in report.held or (report.unscanned and _step(item) is _apply_mail):
        report.waiting.add(item.id)
        return
    try:
        state = apply_item(around, roster, item)
    except StoreUnavailable:
        raise
    except ScannerAway as error:
        report.unscanned = True
        report.waiting.add(item.id)
        tell_of_scanner(around, error)
        return
    except BridgeError as error:
        log.warning("item_waits", item=item.id, source=item.source, error=error.code)
        report.waiting.add(item.id)
        if item.case is not None:
            report.held.add(item.case)
        return
    report.applied += 1
    report.quarantined += state is InboxState.QUARANTINED


def tell_of_scanner(around: Surroundings, error: ScannerAway) -> None:
    """People are told once a day for as long as nothing gets through."""
    log.warning(error.code, error=error.message)
    with around.store.transaction() as tx:
        raise_alert(tx, around.instance, error.code, error.message, cause=f"{error.code}/{tx.now().date().isoformat()}")


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
    if item.source.startswith(HOOK_SOURCE):
        return file_hook
    return _STEPS.get(item.source, _apply_mail)


def _apply_mail(around: Surroundings, roster: Roster, item: InboxItem) -> InboxState:
    """A mail is looked through first; one with something harmful in it is used for nothing."""
    if around.scanner is not None and (found := around.scanner.scan(item.raw)):
        return _quarantine(around, item, f"the scanner found {found}")
    return apply_reply(around, roster, item)


def _quarantine(around: Surroundings, item: InboxItem, why: str) -> InboxState:
    def settle(tx: Transaction) -> InboxState:
        if (state := settled_already(tx, item)) is not None:
            return state
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
