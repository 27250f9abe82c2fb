"""Messages and settings that the tests of mail share."""

from datetime import UTC, datetime

from bridge.domain.facts import MessageKind
from bridge.domain.ids import DeskName, SysId, delivery_id, engagement_id, reference
from bridge.ports import Fact, OutboundMessage

NOW = datetime(2026, 7, 21, 9, 0, tzinfo=UTC)
DESK = DeskName("dcc-service-desk")
CASE = SysId("c" * 32)


def outbound(**changes):
    engagement = engagement_id("test", CASE, DESK, 1)
    values = {
        "id": delivery_id("test", CASE, DESK, 1, 1),
        "kind": MessageKind.OPEN,
        "engagement": engagement,
        "reference": reference(engagement),
        "round": 1,
        "ordinal": 1,
        "case_number": "CS0001234",
        "priority": "P2",
        "summary": "Half-hourly reads missing since Monday",
        "ask": "Please find out why the reads are missing and tell us what you find.",
        "due": datetime(2026, 7, 21, 11, 0, tzinfo=UTC),
        "text": "Reads for two metering systems have not arrived since 20 July.",
        "facts": (
            Fact("Impact", "Settlement run R1 is delayed", "impact_statement"),
            Fact("References", "DES-138 response code E21", "references"),
        ),
        "desk": DESK,
        "desk_reference": "",
    }
    return OutboundMessage(**{**values, **changes})
