"""How what the bridge writes into ServiceNow is recognised again.

Our journal entries end with the reference of the delivery that wrote them, because ServiceNow gives a journal entry no
place for an identity of ours and the Table API no conditional write.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from bridge.domain.delivery import Delivery
from bridge.domain.ids import DeliveryId, Reference, reference
from bridge.ports import JournalEntry

_MARK = re.compile(r"\[cpsd:([0-9A-HJKMNP-TV-Z]{10})\]")
_MARK_AT_END = re.compile(rf"\n{_MARK.pattern}\s*\Z")


def signed_text(text: str, delivery: str) -> str:
    """A journal text with the reference of its delivery at the end."""
    return f"{text.rstrip()}\n[cpsd:{reference(delivery)}]"


def mark_in(text: str) -> Reference | None:
    """The reference at the end of a journal text; one that stands elsewhere was quoted by somebody."""
    stripped = text.rstrip()
    found = list(_MARK.finditer(stripped))
    if not found or found[-1].end() != len(stripped):
        return None
    return Reference(found[-1].group(1))


def unsigned(text: str) -> str:
    """A journal text of ours without the reference at its end."""
    return _MARK_AT_END.sub("", text)


def normalised(text: str) -> str:
    """A text for comparison: LF, NFC, trimmed."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def written_by(entry: JournalEntry, deliveries: Iterable[Delivery]) -> list[DeliveryId]:
    """The attempted delivery of an entry's case and field whose reference the entry ends with.

    An entry that ends with no reference: those that have its very words, oldest first.
    """
    mark, words = mark_in(entry.text), normalised(entry.text)
    attempted = [one for one in deliveries if one.payload.get("element") == entry.element and one.attempts]
    if mark is not None:
        return [delivery.id for delivery in attempted if reference(delivery.id) == mark]
    return [delivery.id for delivery in attempted if normalised(unsigned(delivery.payload["text"])) == words]
