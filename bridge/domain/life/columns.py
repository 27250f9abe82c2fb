"""The columns of the table of transitions: what kinds of facts there are."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from bridge.domain import facts as f
from bridge.domain.facts import Fact, ReportKind


class FactKind(StrEnum):
    """The columns of the table: reports by what they say, every other fact by its type."""

    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    PROGRESS = "progress"
    QUESTION = "question"
    WORKAROUND = "workaround"
    RESOLVED = "resolved"
    DECLINED = "declined"
    COMMENT = "comment"
    ENGAGE = "engage"
    TELL = "tell"
    CONFIRM = "confirm"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    OVERRIDE = "override"
    COMPLETED = "completed"
    FIELDS_CHANGED = "fields_changed"
    FILES_ADDED = "files_added"
    CASE_RESOLVED_EARLY = "case_resolved_early"
    CASE_REOPENED = "case_reopened"
    CASE_CANCELLED = "case_cancelled"
    CASE_GONE = "case_gone"
    RAISER_ANSWERED = "raiser_answered"
    DELIVERED = "delivered"
    NEVER_ARRIVED = "never_arrived"
    DELIVERY_FAILED = "delivery_failed"
    BOUNCED = "bounced"
    ADDRESS_CORRECTED = "address_corrected"
    QUIET_OVER = "quiet_over"
    CHASE_DUE = "chase_due"
    DUPLICATE = "duplicate"


_KIND_BY_TYPE: Mapping[type[object], FactKind] = MappingProxyType(
    {
        f.Engage: FactKind.ENGAGE,
        f.Tell: FactKind.TELL,
        f.Confirm: FactKind.CONFIRM,
        f.Reject: FactKind.REJECT,
        f.Withdraw: FactKind.WITHDRAW,
        f.Override: FactKind.OVERRIDE,
        f.Completed: FactKind.COMPLETED,
        f.FieldsChanged: FactKind.FIELDS_CHANGED,
        f.FilesAdded: FactKind.FILES_ADDED,
        f.CaseResolvedEarly: FactKind.CASE_RESOLVED_EARLY,
        f.CaseReopened: FactKind.CASE_REOPENED,
        f.CaseCancelled: FactKind.CASE_CANCELLED,
        f.CaseGone: FactKind.CASE_GONE,
        f.RaiserAnswered: FactKind.RAISER_ANSWERED,
        f.Delivered: FactKind.DELIVERED,
        f.NeverArrived: FactKind.NEVER_ARRIVED,
        f.DeliveryFailed: FactKind.DELIVERY_FAILED,
        f.Bounced: FactKind.BOUNCED,
        f.AddressCorrected: FactKind.ADDRESS_CORRECTED,
        f.QuietOver: FactKind.QUIET_OVER,
        f.ChaseDue: FactKind.CHASE_DUE,
        f.Duplicate: FactKind.DUPLICATE,
    }
)

_BY_PERSONS_ONLY = frozenset({ReportKind.ACKNOWLEDGED, ReportKind.COMMENT})


def kind_of(fact: Fact) -> FactKind:
    """A fact's column. What a machine acknowledges or remarks proves receipt and no more."""
    if isinstance(fact, f.Report):
        if fact.automatic and fact.kind in _BY_PERSONS_ONLY:
            return FactKind.RECEIVED
        return FactKind(fact.kind.value)
    return _KIND_BY_TYPE[type(fact)]
