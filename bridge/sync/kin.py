"""The other records of a case's family whose hold a decision may change.

The verdict of each looks at the engagements of all, so a decision on one moves the versions of all that have any: of
two decisions at the same instant one sees the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.domain.agreement import Agreement
from bridge.domain.case import Case
from bridge.domain.engagement import Engagement
from bridge.domain.hold import Answer, verdict
from bridge.domain.ids import SysId
from bridge.ports import CaseRecord, Transaction

AgreementOf = Callable[[Engagement], Agreement]


@dataclass(frozen=True, slots=True)
class Kin:
    """An engaged relative, and what the hold answered for it before the decision."""

    record: CaseRecord
    before: Answer


def engaged_kin(tx: Transaction, case: Case, agreement_of: AgreementOf) -> tuple[Kin, ...]:
    """The relatives of a case in which desks are or were engaged."""
    found = []
    for relative in sorted(tx.relatives(case)):
        record = tx.case(relative)
        if record is None or not tx.engagements(relative):
            continue
        answer = verdict(engagements_of_family(tx, shown(record)), agreement_of).answer
        found.append(Kin(record, answer))
    return tuple(found)


def engagements_of_family(tx: Transaction, case: Case) -> list[Engagement]:
    """The engagements of a record and of its relatives, as they are stored."""
    family: tuple[SysId, ...] = (case.sys_id, *tx.relatives(case))
    return [engagement for sys_id in dict.fromkeys(family) for engagement in tx.engagements(sys_id)]


def shown(record: CaseRecord) -> Case:
    """The last revision that was decided upon."""
    return record.shadow or Case(record.table, record.sys_id, {"number": record.number})
