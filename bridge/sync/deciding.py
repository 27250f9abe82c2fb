"""Deciding again when somebody else was faster, and parking what cannot be decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from bridge.domain.case import Case
from bridge.domain.errors import StaleCase
from bridge.ports import CaseRecord, InboxItem, InboxState, Transaction
from bridge.sync.alarm import raise_alert
from bridge.sync.surroundings import Surroundings

_Result = TypeVar("_Result")
_MOST_TRIES = 20


def until_settled(around: Surroundings, decide_once: Callable[[Transaction], _Result]) -> _Result:
    """Run a deciding transaction; on `StaleCase` the case is read again and decided again."""
    for _ in range(_MOST_TRIES - 1):
        try:
            with around.store.transaction() as tx:
                return decide_once(tx)
        except StaleCase:
            continue
    with around.store.transaction() as tx:
        return decide_once(tx)


def settled_already(tx: Transaction, item: InboxItem) -> InboxState | None:
    """What became of an item since it was read from the inbox, by another replica or a person; None if nothing did."""
    state = tx.item_state(item.id)
    return None if state is item.state else state


def park(around: Surroundings, case: Case, why: str) -> CaseRecord:
    """Set a case aside for a person, with an alarm; everything else goes on."""

    def park_once(tx: Transaction) -> CaseRecord:
        record = tx.case(case.sys_id)
        if record is None:
            record = CaseRecord(case.sys_id, case.table, case.number, 0)
            tx.add_case(record)
        raise_alert(
            tx,
            around.instance,
            "case_parked",
            f"{record.number}: {why}",
            case=case.sys_id,
            number=record.number,
            cause=f"{why} (version {record.version})",
        )
        return tx.save_case(replace(record, parked=why))

    return until_settled(around, park_once)
