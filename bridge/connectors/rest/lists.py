"""What can be read of a ticket: itself, what was written in it, its files, and which tickets have changed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from bridge.connectors.rest.answers import is_true, text_of
from bridge.connectors.rest.description import Call, RestSettings
from bridge.connectors.rest.plan import Request, render
from bridge.connectors.rest.session import Answer, Session
from bridge.connectors.rest.templates import TemplateProblem, Values
from bridge.domain.errors import ConfigurationError, FarSideError, UntrustedAnswer

Json: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of a list, or a ticket: its parts by the names of the configuration, and what the portal told."""

    parts: Mapping[str, Json]
    told: Json

    def text(self, name: str) -> str:
        """A part as text; empty if it is not there."""
        return text_of(self.parts.get(name))

    @property
    def id(self) -> str:
        """By what the portal names it."""
        return self.text("id")


class TooManyPages(UntrustedAnswer):
    """A list is longer than is read: what is missing from it proves nothing."""

    code = "too_many_pages"


class Lists:
    """Reads a portal. Raises as `Session.read` does."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._settings: RestSettings = session.settings

    def has(self, name: str) -> bool:
        """Whether a request is configured."""
        return name in self._settings.requests

    def ticket(self, record: str) -> Item:
        """A ticket by what the portal names it."""
        call = self._call("ticket")
        answer = self._session.read(self._render(call, {"ticket": record}))
        return Item({name: path.of(answer.payload) for name, path in call.answer.items()}, answer.payload)

    def found(self, values: Values) -> list[Item]:
        """Tickets that hold our reference."""
        return list(self._items("find", values))

    def messages(self, record: str) -> list[Item]:
        """What was written in a ticket."""
        return list(self._items("messages", {"ticket": record}))

    def message(self, record: str, item: Item) -> Item:
        """One of them with everything that only a request of its own tells."""
        return self._whole("each_message", record, item)

    def files(self, record: str) -> list[Item]:
        """The files of a ticket, without their contents."""
        return list(self._items("files", {"ticket": record})) if self.has("files") else []

    def about_file(self, record: str, item: Item) -> Item:
        """One of them with everything that only a request of its own tells."""
        return self._whole("each_file", record, item)

    def file(self, record: str, item: Item) -> bytes:
        """What a file holds: what the list of files had of it, else what `file` fetches.

        Raises `FarSideError` if it is too large.
        """
        if inline := item.text("content"):
            content = _decoded(inline, self._session.desk)
            if len(content) > self._settings.largest_file:
                raise FarSideError(f"more than {self._settings.largest_file} bytes", desk=self._session.desk)
            return content
        call = self._call("file")
        request = self._render(call, {"ticket": record, "item": _of(item)})
        # Base64 is a third longer than what it holds, and JSON stands around it.
        limit = self._settings.largest_file
        if "content" not in call.answer:
            return self._session.download(request, limit=limit)
        answer = self._session.read(request)
        return _decoded(text_of(call.answer["content"].of(answer.payload)), self._session.desk)

    def changed(self, since: datetime) -> tuple[list[Item], datetime | None]:
        """Tickets that have changed since an instant, and the portal's clock when that was asked."""
        call = self._call("changes")
        first = self._session.read(self._render(call, {"since": self._settings.times.write(since)}))
        values = {"since": self._settings.times.write(since)}
        return list(self._pages(call, values, first)), first.at

    def _items(self, name: str, values: Values) -> Iterator[Item]:
        call = self._call(name)
        yield from self._pages(call, values, self._session.read(self._render(call, values)))

    def _pages(self, call: Call, values: Values, answer: Answer) -> Iterator[Item]:
        seen = 0
        for page in range(1, (call.paging.most if call.paging else 1) + 1):
            items = _listed(call, answer)
            yield from items
            seen += len(items)
            request = self._next(call, values, answer, items, page, seen)
            if request is None:
                return
            if call.paging and page == call.paging.most:
                break
            answer = self._session.read(request)
        raise TooManyPages(
            f"a list of {self._session.desk} has more than {call.paging.most if call.paging else 1} pages",
            remedy="let rest.requests ask for less at once, or allow more pages",
        )

    def _next(
        self, call: Call, values: Values, answer: Answer, items: Sequence[Item], page: int, seen: int
    ) -> Request | None:
        paging, request = call.paging, self._render(call, values)
        if paging is None:
            return None
        told = paging.value.of(answer.payload) if paging.value else None
        match paging.by:
            case "link" | "next":
                link = answer.next_link if paging.by == "link" else text_of(told)
                return replace(request, path=link, query={}) if link else None
            case "cursor":
                added = text_of(told)
            case "page":
                added = str(paging.first + page) if items else ""
            case _:
                added = str(seen) if items else ""
        return replace(request, query={**request.query, paging.name: added}) if added else None

    def _whole(self, name: str, record: str, item: Item) -> Item:
        if not self.has(name):
            return item
        call = self._call(name)
        answer = self._session.read(self._render(call, {"ticket": record, "item": _of(item)}))
        parts = {part: path.of(answer.payload) for part, path in call.answer.items()}
        return Item({**item.parts, **parts}, {"listed": item.told, "itself": answer.payload})

    def _call(self, name: str) -> Call:
        call = self._settings.first(name)
        if call is None:
            raise ConfigurationError(f"rest.requests has no {name}", remedy=f"add {name}:", desk=self._session.desk)
        return call

    def _render(self, call: Call, values: Values) -> Request:
        settings = self._settings
        common = {"settings": dict(settings.settings), "url": settings.url, "desk": self._session.desk}
        try:
            return render(call, {**common, **values})
        except TemplateProblem as error:
            raise ConfigurationError(
                f"rest.requests: {error}", remedy="correct the template", desk=self._session.desk
            ) from None


def is_private(item: Item) -> bool:
    """Whether the portal says that something is not for us to see."""
    return "public" in item.parts and not is_true(item.parts["public"])


def _of(item: Item) -> dict[str, Json]:
    """An item as templates see it."""
    return {**{name: value for name, value in item.parts.items() if value is not None}, "told": item.told}


def _decoded(text: str, desk: str) -> bytes:
    try:
        return base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        raise UntrustedAnswer("a file is not in base64", desk=desk) from None


def _listed(call: Call, answer: Answer) -> list[Item]:
    listed = call.answer["items"].of(answer.payload)
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise UntrustedAnswer("what should be a list is none", remedy="correct rest.requests: answer.items")
    if inner := call.answer.get("inner"):
        # What is in the items of a list, such as the files of comments; each knows in which item it was.
        listed = [{**one, "outer": each} for each in listed for one in inner.of(each) or ()]
    names = {name: path for name, path in call.answer.items() if name not in {"items", "inner"}}
    found = [Item({name: path.of(one) for name, path in names.items()}, one) for one in listed]
    if any(not one.id for one in found):
        raise UntrustedAnswer("an item of a list has no id", remedy="correct rest.requests: answer.id")
    return found
