"""Whether a described API can be used: every template, every expression and every name, before anything is started.

Each template is rendered once for a message that nobody sends. So a misspelt name is told with its place, and not when
the first case is engaged.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bridge.configuration.document import Document, Location
from bridge.configuration.problems import Problem
from bridge.configuration.process import fetch_secret
from bridge.configuration.rest_method import build_rest
from bridge.configuration.rest_models import CallModel, ClientModel, LoginModel, RestModel
from bridge.configuration.secrecy import SecretSource
from bridge.configuration.written import WrongValue
from bridge.connectors.rest.answers import Path as Expression
from bridge.connectors.rest.answers import PathProblem
from bridge.connectors.rest.description import Call, RestSettings
from bridge.connectors.rest.plan import file_values, message_values
from bridge.connectors.rest.templates import Leaf, TemplateProblem, compiled, leaves
from bridge.domain.facts import MessageKind
from bridge.domain.ids import DeskName, SysId, delivery_id, engagement_id, reference
from bridge.domain.spelling import write_one_of
from bridge.ports import Fact, File, Note, OutboundMessage

_NEEDED = ("open", "message", "ticket", "find", "messages")
_ANSWERS: Mapping[str, tuple[str, ...]] = {
    "open": ("id",),
    "find": ("items", "id"),
    "ticket": ("status",),
    "messages": ("items", "id"),
    "files": ("items", "id", "name"),
    "changes": ("items", "id"),
}
_COMMON = frozenset({"settings", "url", "desk"})
_SENDING = _COMMON | {"message", "body", "mark", "reference", "delivery", "ticket", "kept"}
_NAMES: Mapping[str, frozenset[str]] = {
    "open": _SENDING - {"ticket"},
    "message": _SENDING,
    "attachment": _SENDING | {"file"},
    "status": _SENDING | {"status"},
    "find": _COMMON | {"reference", "mark", "delivery"},
    "ticket": _COMMON | {"ticket"},
    "messages": _COMMON | {"ticket"},
    "each_message": _COMMON | {"ticket", "item"},
    "files": _COMMON | {"ticket"},
    "each_file": _COMMON | {"ticket", "item"},
    "file": _COMMON | {"ticket", "item"},
    "changes": _COMMON | {"since"},
    "login": frozenset({"username", "password", "settings"}),
}
_NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class _Anything(dict[str, str]):
    """Answers, of which nobody knows before what they hold."""

    def __missing__(self, name: str) -> str:
        return f"a-{name}"


@dataclass(frozen=True, slots=True)
class _Place:
    """A part of the file."""

    document: Document
    at: Location

    def below(self, *steps: str | int) -> _Place:
        return _Place(self.document, (*self.at, *steps))

    def problem(self, what: str, remedy: str) -> Problem:
        return self.document.problem(self.at, what, remedy)


def check_rest(model: RestModel, document: Document, at: Location, *, production: bool = False) -> Iterator[Problem]:
    """Everything that is wrong with `method.rest` besides its form."""
    place = _Place(document, at)
    tokens = model.auth.token_url if isinstance(model.auth, ClientModel) else ""
    for below, url in ((("url",), model.url), (("auth", "token_url"), tokens)):
        if production and url.startswith("http:") and not _is_here(url):
            yield place.below(*below).problem(f"{below[-1]}: everything would travel unprotected", "write https://")
    problems = [*_check_parts(model, place), *_check_auth(model, place), *_check_around(model, place)]
    yield from problems
    if not problems:
        yield from _check_rendered(model, place)


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.")


def _check_parts(model: RestModel, place: _Place) -> Iterator[Problem]:
    wanted = [*_NEEDED, *(["status"] if model.on else []), *(["files"] if "attachment" in model.requests else [])]
    for name in wanted:
        if name not in model.requests:
            yield place.below("requests").problem(
                f"the request {name!r} is missing", f"add {name}: with path and answer, or take a preset"
            )
    for name in model.requests:
        calls = model.calls(name)
        for index, call in enumerate(calls):
            below = place.below("requests", name, index) if len(calls) > 1 else place.below("requests", name)
            last = index == len(calls) - 1
            yield from _check_call(call, below, _NAMES[name], model, _ANSWERS.get(name, ()) if last else ())
        if len(calls) > 1 and name not in {"open", "message", "attachment", "status"}:
            yield place.below("requests", name).problem(f"{name}: what reads is one request", "write one request")


def _check_call(
    call: CallModel, place: _Place, known: frozenset[str], model: RestModel, answers: tuple[str, ...]
) -> Iterator[Problem]:
    yield from _check_leaf(call.path, place.below("path"), known, model, quoted=True)
    for part, texts in (("query", call.query), ("headers", call.headers)):
        for name, text in texts.items():
            yield from _check_leaf(text, place.below(part, name), known, model)
    if call.body is not None:
        yield from _check_body(call, place.below("body"), known, model)
    told = {**{("answer", n): p for n, p in call.answer.items()}, **{("keep", n): p for n, p in call.keep.items()}}
    for (part, name), path in told.items():
        yield from _check_path(path, place.below(part, name))
    if call.refused:
        yield from _check_path(call.refused, place.below("refused"))
    for name in answers:
        if name not in call.answer:
            yield place.below("answer").problem(
                f"answer: {name!r} is missing", f"add {name}: with the JMESPath of where the answer has it"
            )
    if call.paging is not None:
        yield from _check_paging(call, place.below("paging"))


def _check_body(call: CallModel, place: _Place, known: frozenset[str], model: RestModel) -> Iterator[Problem]:
    body = call.body
    assert body is not None  # noqa: S101 - asked before
    forms = {"json": body.json_, "form": body.form, "multipart": body.multipart, "raw": body.raw}
    given = [name for name, content in forms.items() if content is not None]
    if len(given) != 1:
        yield place.problem("body: it has one form", "write one of json:, form:, multipart:, raw:")
    for name in given:
        try:
            found = leaves(compiled(forms[name]))
        except TemplateProblem as error:
            yield place.below(name).problem(f"{name}: {error}", "correct the template")
            continue
        for leaf in found:
            yield from _check_names(leaf, place.below(name), known, model)


def _check_paging(call: CallModel, place: _Place) -> Iterator[Problem]:
    paging = call.paging
    assert paging is not None  # noqa: S101 - asked before
    if paging.value:
        yield from _check_path(paging.value, place.below("value"))
    if paging.by in {"next", "cursor"} and not paging.value:
        yield place.problem(f"paging by {paging.by} needs to know where the answer has it", "add value: a JMESPath")
    if paging.by in {"cursor", "page", "offset"} and not paging.name:
        yield place.problem(f"paging by {paging.by} needs a query parameter", "add name:")


def _check_leaf(
    text: str, place: _Place, known: frozenset[str], model: RestModel, *, quoted: bool = False
) -> Iterator[Problem]:
    try:
        leaf = Leaf(text, quoted=quoted)
    except TemplateProblem as error:
        yield place.problem(f"{place.at[-1]}: {error}", "correct the template")
        return
    yield from _check_names(leaf, place, known, model)


def _check_names(leaf: Leaf, place: _Place, known: frozenset[str], model: RestModel) -> Iterator[Problem]:
    for name in sorted(leaf.names - known):
        yield place.problem(f"{place.at[-1]}: nothing is called {name!r} here", write_one_of(name, known))
    for name in sorted(leaf.members("settings") - set(model.settings)):
        yield place.problem(
            f"{place.at[-1]}: settings has no {name!r}", f"add {name}: under settings:, or correct the name"
        )


def _check_path(text: str, place: _Place) -> Iterator[Problem]:
    try:
        Expression(text)
    except PathProblem as error:
        yield place.problem(f"{place.at[-1]}: {text!r} is no JMESPath ({error})", "correct the expression")


def _check_auth(model: RestModel, place: _Place) -> Iterator[Problem]:
    if isinstance(model.auth, LoginModel):
        below = place.below("auth", "request")
        yield from _check_call(model.auth.request, below, _NAMES["login"], model, ())
        if model.auth.token:
            yield from _check_path(model.auth.token, place.below("auth", "token"))
    for name in ("password", "token", "key", "client_secret"):
        source = getattr(model.auth, name, None)
        if isinstance(source, SecretSource):
            try:
                fetch_secret(source)
            except WrongValue as error:
                yield place.below("auth", name).problem(error.what, error.remedy)


def _check_around(model: RestModel, place: _Place) -> Iterator[Problem]:
    for name, text in (("named", model.named), ("link", model.link)):
        try:
            Leaf(text)
        except TemplateProblem as error:
            yield place.below(name).problem(f"{name}: {error}", "correct the template")
    try:
        ZoneInfo(model.zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield place.below("zone").problem(f"zone: {model.zone!r} is no time zone", "write one such as Europe/London")
    if "files" in model.requests and not model.ours:
        yield place.problem(
            "nobody says whose files are the bridge's own", "add ours: with the bridge's user, as the API names authors"
        )
    for index, form in enumerate(model.times):
        if form not in {"iso", "epoch", "epoch_ms"} and "%" not in form:
            yield place.below("times", index).problem(
                f"times: {form!r} is no form of time", "write iso, epoch, epoch_ms, or one such as %Y-%m-%d %H:%M:%S"
            )
    if model.ca_file and not Path(model.ca_file).is_file():
        yield place.below("ca_file").problem(
            f"ca_file: {model.ca_file!r} is no file", "write the path of a file with certificates"
        )


def _check_rendered(model: RestModel, place: _Place) -> Iterator[Problem]:
    """Render everything once, and see that what is written can be found again."""
    settings = build_rest(model, fetch_secret)
    values = _sample(settings)
    yield from _check_opening(settings.requests["open"], place.below("requests", "open"))
    for name in model.requests:
        calls = settings.requests[name]
        texts: list[str] = []
        for index, call in enumerate(calls):
            below = place.below("requests", name, index) if len(calls) > 1 else place.below("requests", name)
            parts: list[tuple[tuple[str, ...], Any]] = [(("path",), call.path)]
            parts += [(("query", key), leaf) for key, leaf in call.query.items()]
            parts += [(("headers", key), leaf) for key, leaf in call.headers.items()]
            parts += [(("body", call.body.kind), call.body.content)] if call.body else []
            for at, structure in parts:
                for leaf, status in itertools.product(leaves(structure), sorted({*model.on.values()}) or ["open"]):
                    try:
                        texts.append(leaf.text({**values, "status": status}))
                    except TemplateProblem as error:
                        yield below.below(*at).problem(f"{at[-1]}: {error}", "correct the template")
        proof = {"open": values["reference"], "message": values["mark"], "find": values["reference"]}.get(name)
        if proof is not None and not any(proof in text or values["mark"] in text for text in texts):
            need = "{{ body }} or {{ mark }}" if name == "message" else "{{ reference }} or {{ mark }}"
            yield place.below("requests", name).problem(
                f"{name}: nothing in it names the message, so that it could not be found again", f"use {need} in it"
            )


def _check_opening(calls: Sequence[Call], place: _Place) -> Iterator[Problem]:
    """A ticket that is found counts as opened: whatever came after the request that makes it might never be done.

    Which one that is nobody says; it is none that names the reference and is not the last, or is made known by `kept`.
    """
    *before, last = calls
    early = [call for call in before if call.method != "GET"]
    named = any("reference" in leaf.names | leaf.members("message") or "mark" in leaf.names for leaf in _leaves(early))
    if last.method == "GET" or named or (early and "kept" in last.path.names):
        yield place.problem(
            "open: what comes after the request that makes the ticket is not done where its answer is lost",
            "let that request be the last, and do the rest in it",
        )


def _leaves(calls: Iterable[Call]) -> list[Leaf]:
    parts = [
        [call.path, dict(call.query), dict(call.headers), call.body.content if call.body else None] for call in calls
    ]
    return leaves(parts)


def _sample(settings: RestSettings) -> dict[str, Any]:
    desk, case = DeskName("a-desk"), SysId("c" * 32)
    engagement = engagement_id("sample", case, desk, 1)
    file = File("report.pdf", "application/pdf", b"%PDF-")
    message = OutboundMessage(
        id=delivery_id("sample", case, desk, 1, 1),
        kind=MessageKind.OPEN,
        engagement=engagement,
        reference=reference(engagement),
        round=1,
        ordinal=1,
        case_number="CS0001001",
        priority="P3",
        summary="Reads are missing",
        ask="Please find out why.",
        due=_NOW,
        text="Since Monday.",
        facts=(Fact("Impact", "Settlement is late", "impact_statement"),),
        desk=desk,
        desk_reference="REQ-1",
        desk_record="1",
        files=(file,),
        notes=(Note("Sam", _NOW, "It began on Monday."),),
    )
    return {
        **message_values(message, settings),
        "ticket": "1",
        "kept": _Anything(),
        "item": _Anything(),
        "file": file_values(file),
        "since": settings.times.write(_NOW),
    }
