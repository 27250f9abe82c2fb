"""A message as the requests that carry it: rendered once, stored as canonical JSON, taken step by step.

What only an answer tells (by what the portal names the ticket) stands in them as a word of its own, which no text of
people can hold, until it is known.
"""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import quote

import rfc8785

from bridge.connectors.portals.writing import marked
from bridge.connectors.rest.description import Body, Call, RestSettings
from bridge.connectors.rest.templates import Leaf, TemplateProblem, Values, rendered
from bridge.domain.errors import ConfigurationError
from bridge.domain.facts import MessageKind
from bridge.domain.ids import reference
from bridge.ports import File, OutboundMessage

Json: TypeAlias = Any

TICKET = "ticket"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Request:
    """One request, rendered."""

    method: str
    #: path and nothing before it, or a whole address of the same host
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    #: {"json": …}, {"form": {…}}, {"raw" or "base64": …, "type": …}, {"parts": [[name, {"text": …} or file]]}, or None
    body: Mapping[str, Json] | None = None


def file_values(file: File) -> dict[str, Json]:
    """A file as templates see it."""
    content = base64.b64encode(file.content).decode()
    return {"name": file.name, "type": file.content_type, "size": len(file.content), "base64": content}


def message_values(message: OutboundMessage, settings: RestSettings) -> dict[str, Json]:
    """A message as templates see it."""
    return {
        "message": {
            "kind": message.kind.value,
            "reference": message.reference,
            "round": message.round,
            "ordinal": message.ordinal,
            "case_number": message.case_number,
            "priority": message.priority,
            "summary": " ".join(message.summary.split()),
            "ask": message.ask,
            "due": settings.times.write(message.due) if message.due else None,
            "text": message.text,
            "facts": [{"label": one.label, "value": one.value, "key": one.key} for one in message.facts],
            "notes": [{"author": one.author, "at": one.at.isoformat(), "text": one.text} for one in message.notes],
            "desk_reference": message.desk_reference,
        },
        "desk": message.desk,
        "body": marked(message),
        "mark": mark_of(message.id),
        "reference": message.reference,
        "delivery": message.id,
        "settings": dict(settings.settings),
        "url": settings.url,
    }


def mark_of(delivery: str) -> str:
    """The line by which a text of ours is found again."""
    return f"[cpsd:{reference(delivery)}]"


def planned(message: OutboundMessage, settings: RestSettings, at: datetime) -> bytes:
    """Every request of a message, as canonical JSON (RFC 8785). Raises `ConfigurationError`."""
    values = message_values(message, settings)
    hidden = _Hidden(message.id, values["body"])
    values |= {TICKET: message.desk_record or hidden.word(TICKET), "kept": hidden}
    plan = {
        "version": _VERSION,
        "at": at.isoformat(),
        "delivery": message.id,
        "kind": message.kind.value,
        "reference": message.reference,
        "mark": values["mark"],
        "record": message.desk_record,
        "hidden": hidden.prefix,
        "steps": list(_steps(message, settings, values)),
    }
    try:
        return rfc8785.dumps(plan)
    except (rfc8785.CanonicalizationError, TypeError) as error:
        what = f"a template of rest.requests says what JSON cannot hold ({error})"
        raise ConfigurationError(what, remedy="let it say a text", desk=message.desk) from None


def _steps(message: OutboundMessage, settings: RestSettings, values: Values) -> Iterator[dict[str, Json]]:
    if message.kind is MessageKind.OPEN:
        yield _step("open", settings, values)
    else:
        yield _step("message", settings, values, mark=values["mark"])
    for file in message.files if "attachment" in settings.requests else ():
        told = file_values(file)
        yield _step("attachment", settings, {**values, "file": told}, name=told["name"], size=told["size"])
    if status := settings.on.get(message.kind):
        yield _step("status", settings, {**values, "status": status}, status=status)


def _step(do: str, settings: RestSettings, values: Values, **proof: Json) -> dict[str, Json]:
    try:
        calls = [_frozen(call, values) for call in settings.requests[do]]
    except TemplateProblem as error:
        raise ConfigurationError(
            f"rest.requests.{do}: {error}", remedy="correct the template", desk=str(values["desk"])
        ) from None
    return {"do": do, "proof": proof, "calls": calls}


def _frozen(call: Call, values: Values) -> dict[str, Json]:
    request = render(call, values)
    return {
        "method": request.method,
        "path": request.path,
        "query": dict(request.query),
        "headers": dict(request.headers),
        "body": request.body,
        "keep": {name: path.source for name, path in {**call.answer, **call.keep}.items()},
        "refused": call.refused.source if call.refused else "",
    }


def render(call: Call, values: Values) -> Request:
    """A request with every template rendered. Raises `TemplateProblem`."""
    return Request(
        call.method,
        call.path.text(values),
        {name: text for name, leaf in call.query.items() if (text := _query(leaf, values)) is not None},
        {name: leaf.line(values) for name, leaf in call.headers.items()},
        _body(call.body, values) if call.body else None,
    )


def _query(leaf: Leaf, values: Values) -> str | None:
    value = leaf.value(values)
    return None if value is None else str(value)


def _body(body: Body, values: Values) -> dict[str, Json]:
    match body.kind:
        case "raw":
            return _raw(body, body.content.value(values))
        case "multipart":
            return {"parts": [[name, _part(value)] for name, value in rendered(body.content, values).items()]}
        case "form":
            return {"form": {name: str(value) for name, value in rendered(body.content, values).items()}}
        case _:
            return {"json": rendered(body.content, values)}


def _raw(body: Body, value: Json) -> dict[str, Json]:
    """A text, or a file as it is, which has a kind of its own."""
    if isinstance(value, Mapping):
        return {"base64": value["base64"], "type": body.content_type or value["type"] or "application/octet-stream"}
    return {"raw": str(value), "type": body.content_type or "text/plain; charset=utf-8"}


def _part(value: Json) -> dict[str, Json]:
    return dict(value) if isinstance(value, Mapping) else {"text": str(value)}


class _Hidden(dict[str, str]):
    """Whatever an answer will tell, under a word that stands for it until then."""

    def __init__(self, delivery: str, words: str) -> None:
        super().__init__()
        self.prefix = f"cpsd_{uuid.UUID(delivery).hex}_"
        while self.prefix in words:
            self.prefix += "_"

    def word(self, name: str) -> str:
        return f"{self.prefix}{name}_"

    def __missing__(self, name: str) -> str:
        return self.word(name)

    def __contains__(self, name: object) -> bool:
        return True


def revealed(call: Mapping[str, Json], hidden: str, known: Mapping[str, Json]) -> Request:
    """A frozen request in which everything that answers have told stands in its place."""
    words = {f"{hidden}{name}_": value for name, value in known.items()}
    quoted = {word: quote(str(value), safe="") for word, value in words.items()}
    return Request(
        call["method"],
        _replaced(call["path"], quoted),
        _replaced(call["query"], words),
        _replaced(call["headers"], words),
        _replaced(call["body"], words),
    )


def _replaced(content: Json, words: Mapping[str, Json]) -> Json:
    match content:
        case str():
            if content in words:
                return words[content]
            # Of two words one may begin like the other, and what an answer told holds none of ours.
            longest_first = sorted(words, key=len, reverse=True)
            known = "|".join(re.escape(word) for word in longest_first)
            return re.sub(known, lambda found: str(words[found[0]]), content) if known else content
        case Mapping():
            return {key: _replaced(one, words) for key, one in content.items()}
        case list():
            return [one for each in content for one in _spliced(each, words)]
        case _:
            return content


def _spliced(element: Json, words: Mapping[str, Json]) -> list[Json]:
    """A list that an answer told takes the place of the word for it in another: `["{{ kept.notes }}", …]`."""
    value = _replaced(element, words)
    return value if isinstance(element, str) and isinstance(value, list) else [value]
