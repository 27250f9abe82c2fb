"""What a desk's report does to the case in ServiceNow, as the agreement's `push:` says.

A report never resolves or closes a case: that is the hold's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from bridge.domain.agreement import Agreement, Push
from bridge.domain.case import Case
from bridge.domain.engagement import Engagement, State
from bridge.domain.facts import Report
from bridge.domain.hold import latest_rounds
from bridge.domain.ids import EngagementId
from bridge.mapping.notes import note

PUSH_STATES = ("open", "in_progress", "awaiting_information", "awaiting_confirmation")
"""The states that a report may ask for, least advanced first."""

_LONGEST_CORRELATION = 100

_STANDS_FOR: Mapping[State, str] = MappingProxyType(
    {
        State.INCOMPLETE: "open",
        State.OPEN: "open",
        State.ACKNOWLEDGED: "open",
        State.IN_PROGRESS: "in_progress",
        State.AWAITING_INFORMATION: "awaiting_information",
        State.RESOLUTION_REPORTED: "awaiting_confirmation",
        State.CONFIRMED: "",
        State.DECLINED: "open",
        State.WITHDRAWN: "",
    }
)
"""How far another engagement has come, in the words of `push:`; empty for one that holds nothing back."""


@dataclass(frozen=True, slots=True)
class Update:
    """One report's effect: a work note, a comment the customer sees, and fields. Empty parts are left alone."""

    note: str = ""
    comment: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def case_update(
    report: Report, case: Case, engagement: Engagement, agreement: Agreement, others: Sequence[Engagement]
) -> Update:
    """What happens in ServiceNow for a report; `engagement` stands as it does after it, `others` are the others."""
    push = agreement.push.get(report.kind, Push())
    current = latest_rounds([*others, engagement])
    values = report_values(report, case, engagement)
    name = report.kind.value
    return Update(
        note=note(f"report_{name}", values) if push.note else "",
        comment=note(f"comment_{name}", values) if push.comment else "",
        fields={
            **_state(push, case, engagement, current),
            **correlation(report.desk_reference or engagement.desk_reference, engagement, current),
            **_counterpart(report.desk_record or engagement.desk_record, case, engagement, current),
        },
    )


def report_values(report: Report, case: Case, engagement: Engagement) -> dict[str, str]:
    """What the wordings for a report may say."""
    return {
        "case": case.number,
        "desk": engagement.desk,
        "desk_reference": report.desk_reference or engagement.desk_reference,
        "round": str(engagement.round),
        "text": report.text,
        "until": report.until.date().isoformat() if report.until else "",
        "direction": report.direction or "",
        "channel": report.channel,
        "link": report.desk_link,
        "suggests": report.suggests.value if report.suggests else "",
    }


def _state(push: Push, case: Case, engagement: Engagement, current: Sequence[Engagement]) -> Mapping[str, str]:
    """The field values of the least advanced of the required engagements' states."""
    required = [other for other in current if other.required]
    if not push.state or case.phase.is_over or (required and not engagement.required):
        return {}
    least = standing_together({engagement.id: push.state}, current) or push.state
    return case.profile.targets.get(least, {})


def standing_together(pushed: Mapping[EngagementId, str], engagements: Sequence[Engagement]) -> str:
    """The least advanced of the states that required engagements were pushed to, or stand for; empty if none was."""
    required = [one for one in latest_rounds(engagements) if one.required]
    names = [pushed.get(one.id) or _stands_for(one) for one in required]
    if not any(one.id in pushed for one in required):
        return ""
    return min((name for name in names if name), key=PUSH_STATES.index, default="")


def _stands_for(engagement: Engagement) -> str:
    if engagement.state is State.DECLINED and (engagement.successor or engagement.decline_accepted_by):
        return ""
    return _STANDS_FOR[engagement.state]


def _counterpart(record: str, case: Case, engagement: Engagement, current: Sequence[Engagement]) -> Mapping[str, str]:
    """The field that names the desk's own record, where there is one desk only and nobody else uses it."""
    taken = case.values.get("correlation_id", "") not in {"", record}
    if not record or taken or not correlation(record, engagement, current):
        return {}
    return {"correlation_id": record[:_LONGEST_CORRELATION]}


def correlation(reference: str, engagement: Engagement, current: Sequence[Engagement]) -> Mapping[str, str]:
    """The field that holds the desk's reference beside the case's number, where there is one desk only."""
    gone = {State.DECLINED, State.WITHDRAWN}
    desks = {engagement.desk} | {other.desk for other in current if other.state not in gone}
    if not reference or len(desks) > 1:
        return {}
    return {"correlation_display": reference[:_LONGEST_CORRELATION]}
