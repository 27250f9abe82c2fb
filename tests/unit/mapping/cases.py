"""Cases, engagements and agreements as the tests of the mapping need them."""

from datetime import UTC, date, datetime
from typing import Any

from bridge.domain.agreement import Agreement, EmailMethod, WorkingHours
from bridge.domain.case import Case
from bridge.domain.engagement import Engagement, State
from bridge.domain.ids import DeskName, SysId, engagement_id, reference

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
"""A Monday, 10:00 in London."""

OFFICE_HOURS = WorkingHours(open=dict.fromkeys(range(1, 6), ((8 * 60, 18 * 60),)))
_VALUES = {
    "number": "CS0000871",
    "state": "10",
    "priority": "2",
    "impact": "2",
    "urgency": "1",
    "category": "3",
    "subcategory": "",
    "short_description": "Registrations rejected",
    "description": "IF-036 for MPAN 2000012345678 was rejected with error code E042 on 2026-06-01T08:55:00Z.",
    "business_impact": "120 customers cannot be billed.",
    "assignment_group": "a" * 32,
    "contact": "b" * 32,
    "opened_at": "2026-06-01 08:30:00",
    "sys_updated_on": "2026-06-01 09:00:00",
}
_DISPLAYS = {
    "state": "Open",
    "priority": "2 - High",
    "impact": "2 - Medium",
    "urgency": "1 - High",
    "category": "Registration",
    "assignment_group": "CPSD LDSO",
    "contact": "Robin Supplier",
}


def case(table: str = "sn_customerservice_case", displays: dict[str, str] | None = None, **values: str) -> Case:
    """A case; a value that is given has no display unless one is given too."""
    shown = {name: text for name, text in _DISPLAYS.items() if name not in values}
    return Case(table, SysId("1" * 32), {**_VALUES, **values}, {**shown, **(displays or {})})


def engagement(desk: str = "ldso", state: State = State.OPEN, **fields: Any) -> Engagement:
    number = fields.pop("round", 1)
    identity = engagement_id("test", SysId("1" * 32), DeskName(desk), number)
    values = {
        "id": identity,
        "reference": reference(identity),
        "case": SysId("1" * 32),
        "case_number": "CS0000871",
        "desk": DeskName(desk),
        "round": number,
        "agreement_version": 1,
        "opened_at": NOW,
        "state": state,
    }
    return Engagement(**(values | fields))


def agreement(desk: str = "ldso", **fields: Any) -> Agreement:
    values = {
        "desk": DeskName(desk),
        "version": 1,
        "effective": date(2026, 1, 1),
        "method": EmailMethod(("helpdesk@ldso.example",)),
        "hours": OFFICE_HOURS,
    }
    return Agreement(**(values | fields))
