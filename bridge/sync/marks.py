"""How what the bridge writes into ServiceNow is recognised again.

Our journal entries end with the reference of the delivery that wrote them, because ServiceNow gives a journal entry no
place for an identity of ours and the Table API no conditional write.
"""

from __future__ import annotations

import re
import unicodedata

from bridge.domain.ids import Reference, reference

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
