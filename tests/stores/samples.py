"""Cases, engagements and deliveries as the tests of the store need them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.domain import ids
from bridge.domain.case import Case, format_time
from bridge.domain.delivery import Delivery, DeliveryKind, case_lane, engagement_lane
from bridge.domain.engagement import Engagement
from bridge.domain.ids import DeliveryId, DeskName, SysId
from bridge.ports import CaseRecord, Frozen
from bridge.store import SqlStore

INSTANCE = "https://example.service-now.com"
START = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
LEASE = timedelta(seconds=90)
SETTLE = timedelta(seconds=60)
LETTER = Frozen(b"Subject: Case CS0000001\r\n\r\nPlease help.\r\n", "<one@bridge.example>", ("desk@dcc.example",))


def sys_id(number: int) -> SysId:
    return SysId(f"{number:032x}")


def revision(number: int, mod_count: int = 0, **values: str) -> Case:
    stamp = format_time(START + timedelta(seconds=mod_count))
    fields = {"number": f"CS{number:07}", "sys_updated_on": stamp, "sys_mod_count": str(mod_count), "state": "10"}
    return Case("sn_customerservice_case", sys_id(number), fields | values, {"state": "Open"})


def record(number: int = 1, **fields: Any) -> CaseRecord:
    values = {"sys_id": sys_id(number), "table": "sn_customerservice_case", "number": f"CS{number:07}", "version": 1}
    return CaseRecord(**(values | fields))


def engagement(case: int = 1, desk: str = "dcc", round_: int = 1, **fields: Any) -> Engagement:
    identity = ids.engagement_id(INSTANCE, sys_id(case), DeskName(desk), round_)
    values = {
        "id": identity,
        "reference": ids.reference(identity),
        "case": sys_id(case),
        "case_number": f"CS{case:07}",
        "desk": DeskName(desk),
        "round": round_,
        "agreement_version": 3,
        "opened_at": START + timedelta(days=round_),
    }
    return Engagement(**(values | fields))


def message(of: Engagement, ordinal: int = 1, kind: str = "open", **fields: Any) -> Delivery:
    values = {
        "id": ids.delivery_id(INSTANCE, of.case, of.desk, of.round, ordinal),
        "kind": DeliveryKind.MESSAGE,
        "recipient": of.desk,
        "lane": engagement_lane(of.id),
        "payload": {"kind": kind, "ordinal": ordinal},
        "case": of.case,
        "engagement": of.id,
    }
    return Delivery(**(values | fields))


def write(case: int = 1, ordinal: int = 1, **fields: Any) -> Delivery:
    values = {
        "id": ids.delivery_id(INSTANCE, sys_id(case), "sn_customerservice_case", 0, ordinal),
        "kind": DeliveryKind.WRITE,
        "recipient": "servicenow",
        "lane": case_lane(sys_id(case)),
        "payload": {"work_notes": "The desk has the case."},
        "case": sys_id(case),
    }
    return Delivery(**(values | fields))


def enqueue(store: SqlStore, *deliveries: Delivery) -> None:
    with store.transaction() as work:
        for delivery in deliveries:
            work.enqueue(delivery)


def add(store: SqlStore, *engagements: Engagement) -> None:
    """Store engagements, with the records of their cases."""
    with store.transaction() as work:
        for one in engagements:
            if work.case(one.case) is None:
                work.add_case(CaseRecord(one.case, "sn_customerservice_case", one.case_number, 1))
            work.save_engagement(one)


def status(store: SqlStore, delivery: DeliveryId) -> str:
    with store.reading() as work:
        found = work.delivery(delivery)
    assert found is not None
    return found.status.value


def numbers(cases: Iterable[CaseRecord]) -> list[str]:
    return [case.number for case in cases]
