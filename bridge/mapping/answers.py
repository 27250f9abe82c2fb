"""What a desk answers on the page of a link: as it is kept in the inbox, and as it is read from there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from bridge.domain.facts import ReportKind
from bridge.domain.ids import EngagementId, SysId
from bridge.ports import RawItem

LINK_SOURCE = "link"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer by link."""

    engagement: EngagementId
    report: ReportKind
    text: str = ""
    #: the desk's own reference, if it gave one
    reference: str = ""


def answer_item(answer: Answer, identity: str, received_at: datetime, case: SysId) -> RawItem:
    """An answer as it is put into the inbox; the same identity a second time is the same press of a button."""
    raw = json.dumps(asdict(answer), sort_keys=True, ensure_ascii=False).encode()
    return RawItem(LINK_SOURCE, identity, raw, received_at, case)


def answer_of(raw: bytes) -> Answer:
    """An answer as it was put into the inbox."""
    told = json.loads(raw)
    return Answer(EngagementId(told["engagement"]), ReportKind(told["report"]), told["text"], told["reference"])
