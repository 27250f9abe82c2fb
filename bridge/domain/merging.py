"""Cases that were put together with another one: closed as its duplicate, or merged into it.

The platform has no one way to say so. Incident Management ships the close code `Duplicate`, Problem Management the
resolution code `duplicate` and the field `duplicate_of`; merging functions for cases close the record with a code or a
state of that name and point at the record that goes on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bridge.domain.case import Case

_SAYS_SO = re.compile(r"\b(?:duplicate|merged)\b", re.IGNORECASE)
_ORIGINALS = ("duplicate_of", "parent_incident", "parent")


@dataclass(frozen=True, slots=True)
class Merge:
    """What the record shows."""

    #: the field that says so, and how people read it
    field: str
    says: str
    #: the record that goes on, as far as it is named: its number, and its sys_id
    original: str = ""
    original_id: str = ""

    @property
    def seen(self) -> str:
        """What was seen, in words."""
        of = f", of {self.original}" if self.original else ""
        return f"{self.field} is {self.says}{of}"


def merge_of(case: Case) -> Merge | None:
    """How a record says that it is a duplicate or was merged; None if it does not."""
    for name in (case.profile.resolution_code, "state"):
        raw, shown = case.values.get(name, ""), case.shown(name)
        if name and (_SAYS_SO.search(shown) or _SAYS_SO.search(raw)):
            return Merge(name, shown, *_original(case))
    if case.values.get("duplicate_of"):
        original, sys_id = _original(case)
        return Merge("duplicate_of", original, original, sys_id)
    return None


def _original(case: Case) -> tuple[str, str]:
    named = next((name for name in _ORIGINALS if case.values.get(name)), "")
    return (case.shown(named), case.values[named]) if named else ("", "")
