"""The whole story of a case, for people and for programs: `cpsd-bridge trace CASE`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from bridge.ports import ToldEvent

ERASED = "[erased]"


def lines(events: Sequence[ToldEvent]) -> list[str]:
    """The story as plain text, oldest first: a line for each event, and indented below it what it carries."""
    return [line for told in events for line in _told(told)]


def document(events: Sequence[ToldEvent]) -> list[dict[str, Any]]:
    """The story as JSON values, oldest first; an erased value is null, its hash stays."""
    return [_as_json(told) for told in events]


def _told(told: ToldEvent) -> Iterator[str]:
    event = told.event
    about = " · ".join(_about(told))
    yield f"{_stamp(told.at)}  {event.kind.replace('_', ' ')}, by {event.who or 'the bridge'}" + (
        f"  ({about})" if about else ""
    )
    for name, value in event.facts.items():
        if value not in (None, "", [], {}):
            yield f"    {_label(name)}: {_plain(value)}"
    for name in told.hashes:
        first, *rest = (event.personal.get(name, ERASED).splitlines()) or [""]
        yield f"    {_label(name)}: {first}"
        yield from (f"      {line}" for line in rest)


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
