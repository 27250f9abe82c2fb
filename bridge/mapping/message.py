"""A message to a desk, complete and independent of the method.

Its contents are those of the Cross Party Service Desk Approach 0.7, 7.1.2 (description, impact, references, evidence),
and the nine that every record carries under the Low-Level Service Definition 1.4, 6.4: reference, contact name,
severity, start time, service level, its status, summary, impact statement, next steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from bridge.domain.agreement import Agreement
from bridge.domain.case import Case, parse_time
from bridge.domain.engagement import Engagement
from bridge.domain.facts import MessageKind
from bridge.domain.hours import ZONE, due
from bridge.domain.ids import DeliveryId
from bridge.mapping.attributes import is_major, level, priority, raiser
from bridge.mapping.completeness import texts
from bridge.mapping.references import ReferenceKind, find_references, mpan_check_digit_holds
from bridge.mapping.sharing import NOTHING_SO_FAR, WrittenSoFar
from bridge.ports import Fact, File, OutboundMessage

_ASKS: Mapping[MessageKind, str] = MappingProxyType(
    {
        MessageKind.OPEN: "Please take this case, and let us know your reference and when it is resolved.",
        MessageKind.UPDATE: "The case has changed as shown below. Please take this into account.",
        MessageKind.TEXT: "Please read the message below and answer it where it asks something.",
        MessageKind.CHASE: "We have not heard from you about this case. Please let us know how it stands.",
        MessageKind.ESCALATION: "The agreed time for this case has passed. Please bring it to your service manager.",
        MessageKind.ACCEPT: "We accept your resolution. There is nothing more to do.",
        MessageKind.REJECT: "We cannot accept this outcome for the reason below. Please take the case up again.",
        MessageKind.WITHDRAW: "We withdraw this case. Please stop working on it.",
    }
)
"""One sentence for each kind of message: what the desk is asked to do."""

_WITH_CONTENTS = frozenset({MessageKind.OPEN, MessageKind.CHASE, MessageKind.ESCALATION})
_WITH_DUE = _WITH_CONTENTS | {MessageKind.TEXT, MessageKind.UPDATE, MessageKind.REJECT}
_REFERENCE_LABELS: Mapping[ReferenceKind, str] = MappingProxyType(
    {
        ReferenceKind.MPAN: "MPAN",
        ReferenceKind.MESSAGE: "DIP message or transaction",
        ReferenceKind.FLOW: "Flow",
        ReferenceKind.TIMESTAMP: "Time",
    }
)


def compose(  # noqa: PLR0913 - a message is made from all of these
    kind: MessageKind,
    case: Case,
    engagement: Engagement,
    agreement: Agreement,
    now: datetime,
    *,
    id: DeliveryId,  # noqa: A002 - the field it fills
    ordinal: int,
    text: str = "",
    changes: Sequence[tuple[str, str, str]] = (),
    thread: Sequence[str] = (),
    files: Sequence[File] = (),
    so_far: WrittenSoFar = NOTHING_SO_FAR,
) -> OutboundMessage:
    """A message of a kind about a case, as it stands now."""
    answer_by = due_by(kind, case, engagement, agreement, now)
    contents = _contents(case, engagement, answer_by, now) if kind in _WITH_CONTENTS else ()
    return OutboundMessage(
        id=id,
        kind=kind,
        engagement=engagement.id,
        reference=engagement.reference,
        round=engagement.round,
        ordinal=ordinal,
        case_number=case.number,
        priority=priority(case),
        summary=case.values.get("short_description", "").strip() or f"Case {case.number}",
        ask=_ASKS[kind],
        due=answer_by,
        text=text,
        facts=(*_changes(changes), *contents),
        desk=engagement.desk,
        desk_reference=engagement.desk_reference,
        desk_record=engagement.desk_record,
        thread=tuple(thread),
        files=tuple(files),
        notes=so_far.notes,
        notes_left_out=so_far.left_out,
    )


def due_by(
    kind: MessageKind, case: Case, engagement: Engagement, agreement: Agreement, now: datetime
) -> datetime | None:
    """By when the desk should answer, in its hours; None where nothing was agreed or nothing is asked.

    A chase does not give new time: it repeats the end of the time that started with the engagement.
    """
    within = agreement.respond_within.get(priority(case))
    if within is None or kind not in _WITH_DUE:
        return None
    reminds = kind in {MessageKind.CHASE, MessageKind.ESCALATION}
    return due(engagement.opened_at if reminds else now, within, agreement.hours, major=is_major(case))


def _contents(case: Case, engagement: Engagement, answer_by: datetime | None, now: datetime) -> tuple[Fact, ...]:
    values = case.values
    told = (
        Fact("Reference", f"{case.number} / {engagement.reference}", "reference"),
        Fact("Your reference", engagement.desk_reference, "desk_reference"),
        Fact("Contact", raiser(case), "contact"),
        Fact("Severity", _severity(case), "severity"),
        Fact("Started", _started(case), "started"),
        Fact("Service level", _local(answer_by) and f"Please respond by {_local(answer_by)}", "sla"),
        Fact("Service level status", _sla_status(answer_by, now), "sla_status"),
        Fact("Summary", values.get("short_description", "").strip(), "summary"),
        Fact("Impact", values.get("business_impact", "").strip(), "impact"),
        Fact("Description", values.get("description", "").strip(), "description"),
        Fact("Category", " / ".join(filter(None, (case.shown("category"), case.shown("subcategory")))), "category"),
        Fact(
            "Suspected cause", (values.get("probable_cause", "") or values.get("cause", "")).strip(), "suspected_cause"
        ),
        *_references(case),
        Fact("Next steps", _next_steps(case), "next_steps"),
    )
    return tuple(fact for fact in told if fact.value)


def _severity(case: Case) -> str:
    choices = [f"{name} {level(case.shown(name))}" for name in ("impact", "urgency") if level(case.shown(name))]
    major = ["major incident"] if is_major(case) else []
    return ", ".join(filter(None, [priority(case), *major, *choices]))


def _started(case: Case) -> str:
    told = case.values.get("work_start") or case.values.get("opened_at") or case.values.get("sys_created_on", "")
    return _local(parse_time(told)) if told else ""


def _sla_status(answer_by: datetime | None, now: datetime) -> str:
    if answer_by is None:
        return ""
    return "In SLA" if now <= answer_by else "Breached"


def _references(case: Case) -> tuple[Fact, ...]:
    found = find_references(texts(case))
    return tuple(
        Fact(label, ", ".join(_with_doubt(kind, one.value) for one in found if one.kind is kind), kind.value)
        for kind, label in _REFERENCE_LABELS.items()
    )


def _with_doubt(kind: ReferenceKind, value: str) -> str:
    wrong = kind is ReferenceKind.MPAN and not mpan_check_digit_holds(value)
    return f"{value} (check digit does not match)" if wrong else value


def _next_steps(case: Case) -> str:
    group = case.shown("assignment_group")
    return f"{group} at Elexon follows the case and keeps it open until your resolution is confirmed." if group else ""


def _changes(changes: Sequence[tuple[str, str, str]]) -> tuple[Fact, ...]:
    return tuple(
        Fact(name.replace("_", " ").capitalize(), f"{before or '(empty)'} -> {after or '(empty)'}", f"changed_{name}")
        for name, before, after in changes
    )


def _local(at: datetime | None) -> str:
    """An instant as people in the United Kingdom read it."""
    return at.astimezone(ZONE).strftime("%a %d %b %Y %H:%M %Z") if at else ""
