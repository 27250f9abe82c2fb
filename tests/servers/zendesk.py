"""A fake of Zendesk Support's ticketing interface, made from its published description; no product was seen.

Described at developer.zendesk.com/api-reference: introduction (errors, rate limits), ticketing/introduction
(idempotency: a key counts for two hours, and not for another body), tickets, ticket comments, attachments, incremental
exports (by cursor, which leave the newest minute out) and search. The product ignores what it does not know in a
ticket; the fake refuses it, so that a misspelt name is seen.
"""

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.portal import Answer, Asked, Portal, Refusal, Route, basic, whole

EMAIL, TOKEN = "bridge@elexon.example", "api-token-of-the-bridge"
BRIDGE, STAFF = 401, 402
STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
PRIORITIES = ("urgent", "high", "normal", "low")
KEY_COUNTS_FOR = timedelta(hours=2)
#: what an export leaves out, because it may still change
NEWEST = timedelta(minutes=1)
PAGE = 100
_WRITABLE = {
    "subject",
    "comment",
    "description",
    "priority",
    "status",
    "type",
    "tags",
    "external_id",
    "requester",
    "requester_id",
    "group_id",
    "custom_fields",
    "updated_stamp",
    "safe_update",
}
_TERM = re.compile(r'(\w+)([:<>]=?)("[^"]*"|\S+)|(\S+)')


@dataclass
class Ticket:
    """One ticket."""

    id: int
    fields: dict[str, Any]
    created: datetime
    updated: datetime
    comments: list[dict[str, Any]] = field(default_factory=list)


class Zendesk(Portal):
    """One account, with an agent who is the bridge and another who works there."""

    def __init__(self) -> None:
        self.tickets: dict[int, Ticket] = {}
        #: key -> when it was used first, with which body, and the answer
        self._keys: dict[str, tuple[datetime, bytes, Answer]] = {}
        #: token -> files that wait for a comment
        self._uploads: dict[str, list[dict[str, Any]]] = {}
        self._contents: dict[str, tuple[str, bytes]] = {}
        self._serial = itertools.count(35001)
        super().__init__()

    # ── what the staff does ──────────────────────────────────────────────────────────────────────────────────────

    def says(self, ticket: int, text: str, *, public: bool = True) -> None:
        """The other agent comments."""
        with self.lock:
            self._commented(self.tickets[ticket], {"body": text, "public": public, "author_id": STAFF})

    def moves(self, ticket: int, status: str) -> None:
        """The other agent changes the status."""
        with self.lock:
            self.tickets[ticket].fields["status"] = status
            self.tickets[ticket].updated = self.now()

    # ── the interface ────────────────────────────────────────────────────────────────────────────────────────────

    def routes(self) -> Sequence[Route]:
        ticket = r"/api/v2/tickets/(\d+)(?:\.json)?"
        return [
            ("POST", r"/api/v2/tickets(?:\.json)?", self._create),
            ("GET", ticket, lambda _, number: Answer(200, {"ticket": self._shown(self._ticket(number))})),
            ("PUT", ticket, self._update),
            ("GET", r"/api/v2/tickets/(\d+)/comments(?:\.json)?", self._comments),
            ("POST", r"/api/v2/uploads(?:\.json)?", self._upload),
            ("GET", r"/attachments/token/(\w+)/", self._content),
            ("GET", r"/api/v2/incremental/tickets/cursor(?:\.json)?", self._export),
            ("GET", r"/api/v2/search(?:\.json)?", self._search),
            ("GET", r"/api/v2/users/me(?:\.json)?", lambda _: Answer(200, {"user": {"id": BRIDGE, "email": EMAIL}})),
        ]

    def authorise(self, asked: Asked) -> None:
        if asked.path.startswith("/attachments/token/"):  # such an address is its own right
            return
        bearer = asked.headers.get("authorization", "") == f"Bearer {TOKEN}"
        if not bearer and basic(asked) != (f"{EMAIL}/token", TOKEN):
            raise Refusal(401, {"error": "Couldn't authenticate you"})

    def not_found(self) -> Answer:
        return Answer(404, {"error": "InvalidEndpoint", "description": "Not found"})

    def _create(self, asked: Asked) -> Answer:
        key = asked.headers.get("idempotency-key", "")
        if key and (known := self._known(key, asked.body)):
            return known
        given = _ticket_of(asked)
        comment = given.pop("comment", None) or {"body": given.pop("description", "")}
        if not _text(comment):
            raise _invalid("base", "BlankValue", "Description: cannot be blank")
        now = self.now()
        ticket = Ticket(next(self._serial), {"status": "new"} | given, now, now)
        comment = {"author_id": BRIDGE} | comment
        self._commented(ticket, comment)
        ticket.fields["description"] = ticket.comments[0]["body"]
        self.tickets[ticket.id] = ticket
        body = {"ticket": self._shown(ticket)}
        answer = Answer(201, body, {"Location": f"{self.url}/api/v2/tickets/{ticket.id}.json"})
        if key:
            self._keys[key] = (now, asked.body, answer)
            return Answer(201, body, dict(answer.headers) | {"x-idempotency-lookup": "miss"})
        return answer

    def _known(self, key: str, body: bytes) -> Answer | None:
        used = self._keys.get(key)
        if used is None or self.now() - used[0] > KEY_COUNTS_FOR:
            return None
        if used[1] != body:
            told = "Request parameters don't match the given idempotency key"
            raise Refusal(400, {"error": "IdempotentRequestError", "description": told})
        return Answer(used[2].status, used[2].body, dict(used[2].headers) | {"x-idempotency-lookup": "hit"})

    def _update(self, asked: Asked, number: str) -> Answer:
        ticket, given = self._ticket(number), _ticket_of(asked)
        if ticket.fields["status"] == "closed":
            raise _invalid("status", "InvalidValue", "Status: closed prevents ticket update")
        comment, stamp = given.pop("comment", None), given.pop("updated_stamp", "")
        if given.pop("safe_update", False) and stamp != _stamp(ticket.updated):
            told = "Safe Update prevented the update due to outdated ticket data. Please fetch the latest ticket data."
            raise Refusal(409, {"error": "UpdateConflict", "description": told})
        if comment is not None:
            if not _text(comment):
                raise _invalid("comment", "BlankValue", "Comment: cannot be blank")
            self._commented(ticket, {"author_id": BRIDGE} | comment)
        ticket.fields |= given
        ticket.updated = self.now()
        return Answer(200, {"ticket": self._shown(ticket)})

    def _comments(self, asked: Asked, number: str) -> Answer:
        comments = self._ticket(number).comments
        if asked.query.get("sort_order", asked.query.get("sort", "")) in {"desc", "-created_at"}:
            comments = comments[::-1]
        size = asked.query.get("page[size]")
        if size is None:
            return Answer(200, {"comments": comments, "next_page": None, "previous_page": None, "count": len(comments)})
        start, most = whole(asked.query.get("page[after]", "0"), 0, 10**6), whole(size, PAGE, PAGE)
        more = start + most < len(comments)
        after = str(start + most) if more else None
        address = f"{self.url}{asked.path}?page[size]={most}"
        links = {"next": f"{address}&page[after]={after}" if more else None, "prev": None}
        meta = {"has_more": more, "after_cursor": after, "before_cursor": None}
        return Answer(200, {"comments": comments[start : start + most], "meta": meta, "links": links})

    def _upload(self, asked: Asked) -> Answer:
        name = asked.query.get("filename", "")
        if not name:
            raise Refusal(400, {"error": "ParameterMissing", "description": "Required parameter missing: filename"})
        token = asked.query.get("token") or f"upload{next(self._serial)}"
        secret = f"secret{next(self._serial)}"
        self._contents[secret] = (asked.content_type or "application/binary", asked.body)
        attachment = {
            "id": next(self._serial),
            "file_name": name,
            "content_type": asked.content_type or "application/binary",
            "size": len(asked.body),
            "content_url": f"{self.url}/attachments/token/{secret}/?name={name}",
        }
        self._uploads.setdefault(token, []).append(attachment)
        told = {"token": token, "attachment": attachment, "attachments": self._uploads[token]}
        return Answer(201, {"upload": told})

    def _content(self, _: Asked, secret: str) -> Answer:
        if secret not in self._contents:
            return self.not_found()
        kind, content = self._contents[secret]
        return Answer(200, content, {"Content-Type": kind})

    def _export(self, asked: Asked) -> Answer:
        cursor, begin = asked.query.get("cursor"), asked.query.get("start_time", "")
        newest = self.now() - NEWEST
        if cursor is not None:
            since = _position(cursor)
        elif begin.isdigit():
            if datetime.fromtimestamp(int(begin), UTC) > newest:
                raise Refusal(422, {"error": "InvalidValue", "description": "Too recent start_time."})
            since = (int(begin), -1)
        else:
            raise Refusal(400, {"error": "StartTimeMissing", "description": "start_time is required"})
        places = sorted(
            (int(one.updated.timestamp()), one.id) for one in self.tickets.values() if one.updated <= newest
        )
        left = [place for place in places if place > since]
        page = left[: whole(asked.query.get("per_page", "1000"), 1000, 1000)]
        after = "{}-{}".format(*(page[-1] if page else since))
        body = {
            "tickets": [self._shown(self.tickets[number]) for _, number in page],
            "after_cursor": after,
            "after_url": f"{self.url}/api/v2/incremental/tickets/cursor.json?cursor={after}",
            "before_cursor": None,
            "before_url": None,
            "end_of_stream": len(page) == len(left),
        }
        return Answer(200, body)

    def _search(self, asked: Asked) -> Answer:
        query = asked.query.get("query", "")
        if not query.strip():
            raise Refusal(422, {"error": "invalid", "description": "Invalid search: query is blank"})
        found = [self._shown(one) | {"result_type": "ticket"} for one in self.tickets.values() if _fits(one, query)]
        page, size = whole(asked.query.get("page", "1"), 1, 10), whole(asked.query.get("per_page", "100"), 100, 100)
        shown, more = found[(page - 1) * size : page * size], page * size < len(found)
        address = f"{self.url}/api/v2/search.json?query={query}&page={page + 1}"
        told = {"results": shown, "count": len(found), "next_page": address if more else None, "previous_page": None}
        return Answer(200, told)

    # ── within ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _ticket(self, number: str) -> Ticket:
        if int(number) not in self.tickets:
            raise Refusal(404, {"error": "RecordNotFound", "description": "Not found"})
        return self.tickets[int(number)]

    def _commented(self, ticket: Ticket, comment: dict[str, Any]) -> None:
        files: list[dict[str, Any]] = []
        for token in comment.get("uploads") or ():
            if token not in self._uploads:
                raise _invalid("base", "InvalidValue", "Comment: upload token is invalid")
            files += self._uploads.pop(token)
        ticket.updated, text = self.now(), _text(comment)
        ticket.comments.append(
            {
                "id": next(self._serial),
                "type": "Comment",
                "author_id": comment["author_id"],
                "body": text,
                "plain_body": text,
                "html_body": f"<div>{text}</div>",
                "public": comment.get("public", True),
                "attachments": files,
                "created_at": _stamp(ticket.updated),
            }
        )

    def _shown(self, ticket: Ticket) -> dict[str, Any]:
        empty = dict.fromkeys(("subject", "priority", "type", "external_id", "group_id"))
        return {
            **empty,
            "tags": [],
            "custom_fields": [],
            "requester_id": BRIDGE,
            "submitter_id": BRIDGE,
            **ticket.fields,
            "id": ticket.id,
            "url": f"{self.url}/api/v2/tickets/{ticket.id}.json",
            "created_at": _stamp(ticket.created),
            "updated_at": _stamp(ticket.updated),
        }


def _ticket_of(asked: Asked) -> dict[str, Any]:
    if asked.content_type != "application/json":
        raise Refusal(415, {"error": "Unsupported Media Type"})
    try:
        given = json.loads(asked.body)
    except ValueError:
        told = {"title": "Unprocessable Entity", "message": "Server could not parse JSON"}
        raise Refusal(422, {"error": told}) from None
    ticket = given.get("ticket") if isinstance(given, dict) else None
    if not isinstance(ticket, dict):
        told = {"title": "Invalid attribute", "message": "You passed an invalid value for the ticket attribute."}
        raise Refusal(400, {"error": told})
    if unknown := set(ticket) - _WRITABLE:
        raise _invalid(min(unknown), "InvalidValue", f"{min(unknown)}: is no attribute of a ticket")
    for name, allowed in (("status", STATUSES), ("priority", PRIORITIES)):
        if name in ticket and ticket[name] not in allowed:
            raise _invalid(name, "InvalidValue", f"{name.title()}: {ticket[name]} is not a valid {name}")
    return dict(ticket)


def _text(comment: dict[str, Any]) -> str:
    return str(comment.get("body") or comment.get("html_body") or "").strip()


def _invalid(where: str, error: str, told: str) -> Refusal:
    details = {where: [{"error": error, "description": told}]}
    return Refusal(422, {"error": "RecordInvalid", "description": "Record validation errors", "details": details})


def _position(cursor: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)-(-?\d+)", cursor)
    if found is None:
        raise Refusal(400, {"error": "InvalidPaginationParameter", "description": "Invalid cursor"})
    return int(found[1]), int(found[2])


def _fits(ticket: Ticket, query: str) -> bool:
    return all(_is(ticket, *match.groups(default="")) for match in _TERM.finditer(query))


def _is(ticket: Ticket, name: str, operator: str, value: str, word: str) -> bool:
    value = value.strip('"')
    if word:
        texts = " ".join([str(ticket.fields.get("subject", "")), *(one["body"] for one in ticket.comments)])
        return word.strip('"').lower() in texts.lower()
    if name == "type":
        return value == "ticket"
    if name in {"updated", "created"}:
        at = _stamp(ticket.updated if name == "updated" else ticket.created)
        at = at[: len(value)]
        return {":": at == value, ">": at > value, ">=": at >= value, "<": at < value, "<=": at <= value}[operator]
    return str(ticket.fields.get(name) or "").lower() == value.lower()


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
