"""Desks made of nothing but the YAML of an agreement, as the configuration makes them."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from textwrap import dedent

from bridge.configuration.document import read
from bridge.configuration.process import fetch_secret
from bridge.configuration.rest_checks import check_rest
from bridge.configuration.rest_method import build_rest
from bridge.configuration.rest_models import RestModel
from bridge.connectors.rest_desk import RestDesk
from bridge.domain.delivery import Delivery, DeliveryKind, DeliveryStatus
from bridge.domain.facts import MessageKind
from bridge.domain.ids import DeskName, SysId, delivery_id, engagement_id, reference
from bridge.ports import File, OutboundMessage

DESK = DeskName("portal")
_numbers = count(1)


class Clock:
    """The machine's clock."""

    def now(self):
        return datetime.now(UTC)


def settings_of(folder: Path, text: str, **environ: str):
    """What `method.rest` written as this YAML comes to; what is wrong with it fails the test."""
    path = folder / f"rest-{next(_numbers)}.yaml"
    path.write_text(dedent(text))
    document = read(path, {"PASSWORD": "password", **environ})
    assert document.problems == []
    model = RestModel.model_validate(document.data)
    assert [str(problem) for problem in check_rest(model, document, ())] == []
    return build_rest(model, fetch_secret)


def rest_desk(folder: Path, text: str, store=None, *, within: float = 40.0, changes=None, **environ: str) -> RestDesk:
    """A connector for it."""
    settings = replace(settings_of(folder, text, **environ), **(changes or {}))
    return RestDesk(DESK, settings, store, clock=Clock(), within=within)


@dataclass
class Talk:
    """The messages of one engagement, and their deliveries as the core would hold them."""

    desk: RestDesk
    case: SysId = field(default_factory=lambda: SysId(f"{next(_numbers):032x}"))
    record: str = ""
    ordinal: int = 0

    @property
    def engagement(self):
        # Portals outlive a test: no two runs may share a reference.
        return engagement_id(f"talk-{id(self)}-{datetime.now(UTC).date()}", self.case, DESK, 1)

    def message(self, kind: MessageKind = MessageKind.OPEN, text: str = "Reads are missing.", files=(), **changes):
        self.ordinal += 1
        values = {
            "id": delivery_id(f"talk-{id(self)}", self.case, DESK, 1, self.ordinal),
            "kind": kind,
            "engagement": self.engagement,
            "reference": reference(self.engagement),
            "round": 1,
            "ordinal": self.ordinal,
            "case_number": "CS0001001",
            "priority": "P2",
            "summary": "Reads are missing since Monday, & <more> 'quoted' \"words\"",
            "ask": "Please find out why.",
            "due": None,
            "text": text,
            "facts": (),
            "desk": DESK,
            "desk_reference": "",
            "desk_record": self.record,
            "files": tuple(files),
        }
        return OutboundMessage(**{**values, **changes})

    def delivery(self, message: OutboundMessage, frozen, attempts: int = 1) -> Delivery:
        return Delivery(
            message.id,
            DeliveryKind.MESSAGE,
            DESK,
            "lane",
            {"kind": message.kind.value},
            status=DeliveryStatus.UNKNOWN,
            attempts=attempts,
            frozen=frozen.content,
        )

    def send(self, message: OutboundMessage, attempt: int = 1):
        receipt = self.desk.send(self.desk.freeze(message, datetime.now(UTC)), attempt)
        self.record = receipt.far_id
        return receipt

    def open(self, *files: File):
        return self.send(self.message(files=files))
