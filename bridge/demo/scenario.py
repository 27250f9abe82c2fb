"""The three cases of the demo, and how each should end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DemoCase:
    """One case: what is raised, what the people at Elexon do, and how it must end."""

    title: str
    table: str
    fields: Mapping[str, str]
    desk: str
    #: engagement state -> the work note that the resolver writes when the engagement gets there
    answers: Mapping[str, str]
    ends_in_case_state: str
    ends_in_engagement_state: str


CASES: tuple[DemoCase, ...] = (
    DemoCase(
        title="The desk acknowledges, asks, is answered, reports resolved, and is confirmed",
        table="incident",
        fields={
            "short_description": "IF-021 reads missing for 140 MPANs since 02:10",
            "description": (
                "No IF-021 meter reads were received through the DIP for 140 smart meters, for example MPAN "
                "1012345678903, since 2026-11-20 02:10 UTC. DIP transaction 5f2c1f34-8f0a-4a52-9d43-5a0c4c2f6b11 was "
                "answered with response code N/A. Suspected root cause: a communications hub firmware roll-out."
            ),
            "business_impact": "Settlement period data for 140 meters falls back to estimates at the next run.",
            "impact": "1",
            "urgency": "2",
            "priority": "2",
            "category": "software",
            "assignment_group": "CPSD DCC",
        },
        desk="dcc-service-desk",
        answers={
            "awaiting_information": "#desk @dcc-service-desk: Since 2026-11-20 02:10 UTC, all in the northern region.",
            "resolution_reported": "#confirm @dcc-service-desk",
        },
        ends_in_case_state="Resolved",
        ends_in_engagement_state="confirmed",
    ),
    DemoCase(
        title="The desk declines and names another one: the case stays open and says so",
        table="sn_customerservice_case",
        fields={
            "short_description": "Registration rejected by CSS for MPAN 2098765432109",
            "description": (
                "The switch request for MPAN 2098765432109 was rejected on 2026-11-20 09:41 UTC, DIP transaction "
                "0c4b7a0e-1c8e-4d0f-8f38-6d8f4b4f2a77. The MPAN status looks right in the registration data."
            ),
            "business_impact": "One customer cannot switch supplier.",
            "priority": "3",
            "assignment_group": "CPSD LDSO",
        },
        desk="ldso-help-desk",
        answers={},
        ends_in_case_state="Open",
        ends_in_engagement_state="declined",
    ),
    DemoCase(
        title="The contents are incomplete: nothing is sent, and a work note names what is missing",
        table="sn_customerservice_case",
        fields={
            "short_description": "Wrong MPAN status",
            "description": "A supplier says that the status of a metering point is wrong.",
            "priority": "3",
            "assignment_group": "CPSD LDSO",
        },
        desk="ldso-help-desk",
        answers={},
        ends_in_case_state="Open",
        ends_in_engagement_state="incomplete",
    ),
)
