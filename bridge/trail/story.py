"""The whole story of a case, for people and for programs: `cpsd-bridge trace CASE`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from unicodedata import bidirectional, category

from bridge.ports import ToldEvent
from bridge.trail.events import ERASED, WHO

#: Explicit embeddings, overrides and isolates (Unicode Standard Annex 9).
_REORDERING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def lines(events: Sequence[ToldEvent]) -> list[str]:
    """The story as plain text, oldest first: a line for each event, and indented below it what it carries."""
    return [line for told in events for line in _told(told)]


def document(events: Sequence[ToldEvent]) -> list[dict[str, Any]]:
    """The story as JSON values, oldest first; an erased value is null, its hash stays."""
    return [_as_json(told) for told in events]


def _told(told: ToldEvent) -> Iterator[str]:
    event = told.event
    about = " · ".join(_about(told))
    what = f"{_stamp(told.at)}  {_label(event.kind)}, by {event.who or 'the bridge'}"
    yield _harmless(f"{what}  ({about})" if about else what)
    for name, value in event.facts.items():
        if value not in (None, "", [], {}):
            yield from _valued(name, _plain(value))
    for name in told.hashes:
        if name == WHO:
            continue  # told above
        yield from _valued(name, event.personal.get(name, ERASED))


def _valued(name: str, value: str) -> Iterator[str]:
    first, *rest = value.splitlines() or [""]
    yield _harmless(f"    {_label(name)}: {first}")
    yield from (_harmless(f"      {line}") for line in rest)


def _harmless(line: str) -> str:
    """Without what a stranger's text could do to a terminal or to the order in which it shows characters."""
    return "".join("\ufffd" if category(sign) == "Cc" or bidirectional(sign) in _REORDERING else sign for sign in line)


def _about(told: ToldEvent) -> Iterator[str]:
    event = told.event
    if event.desk:
        yield event.desk
    if event.round is not None:
        yield f"round {event.round}"
    if event.agreement_version is not None:
        yield f"agreement version {event.agreement_version}"
    if event.cause:
        yield f"because of {event.cause}"


def _as_json(told: ToldEvent) -> dict[str, Any]:
    event = told.event
    return {
        "id": told.id,
        "at": told.at.isoformat(),
        "software_version": told.software_version,
        "kind": event.kind,
        "who": event.who,
        "case": event.case,
        "case_number": event.case_number,
        "engagement": event.engagement,
        "round": event.round,
        "desk": event.desk,
        "cause": event.cause,
        "agreement_version": event.agreement_version,
        "facts": dict(event.facts),
        "personal": {
            name: {"sha256": digest, "value": event.personal.get(name)} for name, digest in told.hashes.items()
        },
    }


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _label(name: str) -> str:
    return name.replace("_", " ")


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
