"""One difference between what the bridge holds and what a far side shows: its kind, and who does something about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from bridge.domain.ids import SysId


class Kind(StrEnum):
    """What differs."""

    MISSED_REVISION = "missed_revision"
    MISSED_ENTRY = "missed_entry"
    MISSED_ECHO = "missed_echo"
    MISSED_FILE = "missed_file"
    MISSED_MAIL = "missed_mail"
    WRITE_ARRIVED = "write_arrived"
    MESSAGE_ARRIVED = "message_arrived"
    UNEXPLAINED_ENTRY = "unexplained_entry"
    DUPLICATE_ENTRY = "duplicate_entry"
    ENTRY_GONE = "entry_gone"
    MESSAGE_GONE = "message_gone"
    CASE_GONE = "case_gone"
    CASE_PARKED = "case_parked"
    ENDED_EARLY = "ended_early"
    DEAD_LETTER = "dead_letter"
    LATE_DELIVERY = "late_delivery"
    UNDELIVERABLE = "undeliverable"
    UNANSWERED = "unanswered"
    REFERENCE_DIFFERS = "reference_differs"
    STATE_DIFFERS = "state_differs"


class Remedy(StrEnum):
    """Who does something about a difference."""

    #: the bridge, by the way that everything takes
    MEND = "mend"
    #: a person; the alarm is raised by what has already seen it, or will see it when it is brought in
    PERSON = "person"
    #: a person, and reconciling is the first to see it: it raises the alarm
    ALERT = "alert"
    #: nobody: people may work in a case as they like
    NOTE = "note"


REMEDIES: Mapping[Kind, Remedy] = MappingProxyType(
    {
        Kind.MISSED_REVISION: Remedy.MEND,
        Kind.MISSED_ENTRY: Remedy.MEND,
        Kind.MISSED_ECHO: Remedy.MEND,
        Kind.MISSED_FILE: Remedy.MEND,
        Kind.MISSED_MAIL: Remedy.MEND,
        Kind.WRITE_ARRIVED: Remedy.MEND,
        Kind.MESSAGE_ARRIVED: Remedy.MEND,
        Kind.UNEXPLAINED_ENTRY: Remedy.PERSON,
        Kind.DUPLICATE_ENTRY: Remedy.PERSON,
        Kind.ENTRY_GONE: Remedy.ALERT,
        Kind.MESSAGE_GONE: Remedy.ALERT,
        Kind.CASE_GONE: Remedy.PERSON,
        Kind.CASE_PARKED: Remedy.PERSON,
        Kind.ENDED_EARLY: Remedy.ALERT,
        Kind.DEAD_LETTER: Remedy.PERSON,
        Kind.LATE_DELIVERY: Remedy.ALERT,
        Kind.UNDELIVERABLE: Remedy.PERSON,
        Kind.UNANSWERED: Remedy.ALERT,
        Kind.REFERENCE_DIFFERS: Remedy.NOTE,
        Kind.STATE_DIFFERS: Remedy.NOTE,
    }
)

_BROUGHT_IN = "it is brought in and dealt with as if it had come in time"
_ACTIONS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.MISSED_REVISION: _BROUGHT_IN,
        Kind.MISSED_ENTRY: _BROUGHT_IN,
        Kind.MISSED_ECHO: "it is brought in and bound to the delivery that wrote it",
        Kind.MISSED_FILE: _BROUGHT_IN,
        Kind.MISSED_MAIL: _BROUGHT_IN,
        Kind.WRITE_ARRIVED: "the write is settled as done",
        Kind.MESSAGE_ARRIVED: "the message is settled as done",
        Kind.UNEXPLAINED_ENTRY: "look which business rule or person writes as our user",
        Kind.DUPLICATE_ENTRY: "look which business rule copies our entries; one of the two can be deleted",
        Kind.ENTRY_GONE: "see in the case's history who deleted it; if people need it, write it there by hand",
        Kind.MESSAGE_GONE: "ask the desk whether it deleted it; `#desk` or a new round tells it again",
        Kind.CASE_GONE: "if nobody wants the desk's help any more, tell the desk; else make the record readable again",
        Kind.CASE_PARKED: "mend what the reason names; until then nothing is decided about the case",
        Kind.ENDED_EARLY: "put the case back to work, or end the engagement with #confirm or #withdraw",
        Kind.DEAD_LETTER: "cpsd-bridge outbox retry, skip or cancel",
        Kind.LATE_DELIVERY: "see cpsd-bridge outbox show, and whether deliveries are paused or the far side is away",
        Kind.UNDELIVERABLE: "correct the desk's contacts in its agreement",
        Kind.UNANSWERED: "ring the desk; what it says is written down with #heard",
        Kind.REFERENCE_DIFFERS: "nothing, if somebody changed it on purpose",
        Kind.STATE_DIFFERS: "nothing, if somebody changed it on purpose",
    }
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be."""

    kind: Kind
    #: what was seen
    seen: str
    #: the identity of what differs: a sys_id, a delivery, an engagement, a Message-ID
    about: str
    case: SysId | None = None
    number: str = ""
    desk: str = ""

    @property
    def remedy(self) -> Remedy:
        """Who does something about it."""
        return REMEDIES[self.kind]

    @property
    def todo(self) -> str:
        """What is done about it, or is to be done."""
        return _ACTIONS[self.kind]
