"""A fake of Freshdesk's interface, version 2, made from its published description; no product was seen.

Described at developers.freshdesk.com/api: authentication by key, errors, rate limits, tickets (create, update, list
with `updated_since`, filter by a quoted query), conversations (notes and replies), attachments as forms, and pages by
the `Link` header. Of the filter's grammar it understands terms that are joined by AND or by OR, without parentheses.
"""

import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.servers.portal import Answer, Asked, Portal, Refusal, Route, basic, whole

KEY = "api-key-of-the-bridge"
BRIDGE, STAFF = 501, 502
ADDRESS = "bridge@elexon.example"
STATUSES = {2: "Open", 3: "Pending", 4: "Resolved", 5: "Closed"}
PRIORITIES, SOURCES = (1, 2, 3, 4), (1, 2, 3, 7, 9, 10)
#: the fields of the account's own
CUSTOM = ("cf_case", "cf_cpsd_reference")
_WHO = ("requester_id", "email", "facebook_id", "phone", "twitter_id", "unique_external_id")
_NUMBERS = {"status": STATUSES, "priority": PRIORITIES, "source": SOURCES}
_TEXTS = ("subject", "description", "email", "type", "name", "phone")
_WRITABLE = {*_WHO, *_NUMBERS, *_TEXTS, "attachments", "cc_emails", "custom_fields", "group_id", "responder_id", "tags"}
_REFUSED_FIELD = "Unexpected/invalid field in request"
_TERM = re.compile(r"(\w+):(>|<)?(?:'([^']*)'|(\w[\w-]*))")


@dataclass
class Ticket:
    """One ticket."""

    id: int
    fields: dict[str, Any]
    created: datetime
    updated: datetime
    conversations: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)


class Freshdesk(Portal):
    """One account, with an agent who is the bridge and another who works there."""

    def __init__(self) -> None:
        self.tickets: dict[int, Ticket] = {}
        self._contents: dict[str, tuple[str, bytes]] = {}
        self._serial = itertools.count(1)
        super().__init__()

    # ── what the staff does ──────────────────────────────────────────────────────────────────────────────────────

    def says(self, ticket: int, text: str, *, private: bool = False) -> None:
        """The other agent replies, or notes something among agents."""
        with self.lock:
            self._said(self.tickets[ticket], text, [], private=private, by=STAFF, source=2 if private else 0)

    def moves(self, ticket: int, status: int) -> None:
        """The other agent changes the status."""
        with self.lock:
            self.tickets[ticket].fields["status"] = status
            self.tickets[ticket].updated = self.now()

    # ── the interface ────────────────────────────────────────────────────────────────────────────────────────────

    def routes(self) -> Sequence[Route]:
        ticket = r"/api/v2/tickets/(\d+)"
        return [
            ("POST", "/api/v2/tickets", self._create),
            ("GET", "/api/v2/tickets", self._list),
            ("GET", "/api/v2/search/tickets", self._search),
            ("GET", ticket, self._one),
            ("PUT", ticket, self._update),
            ("GET", f"{ticket}/conversations", self._conversations),
            ("POST", f"{ticket}/notes", lambda asked, number: self._say(asked, number, is_note=True)),
            ("POST", f"{ticket}/reply", lambda asked, number: self._say(asked, number, is_note=False)),
            ("GET", r"/attachments/(\w+)", self._content),
            ("GET", "/api/v2/agents/me", lambda _: Answer(200, {"id": BRIDGE, "contact": {"email": ADDRESS}})),
        ]

    def authorise(self, asked: Asked) -> None:
        if asked.path.startswith("/attachments/"):  # such an address is its own right
            return
        if basic(asked)[0] != KEY:
            told = "You have to be logged in to perform this action."
            raise Refusal(401, {"code": "invalid_credentials", "message": told})

    def not_found(self) -> Answer:
        return Answer(404)

    def _create(self, asked: Asked) -> Answer:
        given, files = _given(asked)
        _check(given, _WRITABLE, required=("subject", "description", "status", "priority"))
        if not any(given.get(who) for who in _WHO):
            raise _invalid(_who_is_missing())
        now = self.now()
        ticket = Ticket(next(self._serial), {"source": 2, "type": None, "tags": []} | given, now, now)
        ticket.attachments = self._kept(files)
        self.tickets[ticket.id] = ticket
        return Answer(201, self._shown(ticket), {"Location": f"{self.url}/api/v2/tickets/{ticket.id}"})

    def _update(self, asked: Asked, number: str) -> Answer:
        ticket, (given, files) = self._ticket(number), _given(asked)
        _check(given, _WRITABLE)
        custom = ticket.fields.get("custom_fields", {}) | given.pop("custom_fields", {})
        ticket.fields |= given | ({"custom_fields": custom} if custom else {})
        ticket.attachments += self._kept(files)
        ticket.updated = self.now()
        return Answer(200, self._shown(ticket))

    def _one(self, asked: Asked, number: str) -> Answer:
        ticket = self._ticket(number)
        if asked.query.get("include") == "conversations":
            return Answer(200, self._shown(ticket) | {"conversations": ticket.conversations[:10]})
        return Answer(200, self._shown(ticket))

    def _list(self, asked: Asked) -> Answer:
        found, since = list(self.tickets.values()), asked.query.get("updated_since")
        if since is not None:
            begin = _instant(since)
            found = [ticket for ticket in found if ticket.updated.replace(microsecond=0) >= begin]
        by = asked.query.get("order_by", "created_at")
        if by not in {"created_at", "updated_at", "status"}:
            told = "It should be one of these values: 'created_at,due_by,updated_at,status'"
            raise _invalid([{"field": "order_by", "message": told, "code": "invalid_value"}])
        sorting: dict[str, Callable[[Ticket], Any]] = {
            "created_at": lambda one: (one.created, one.id),
            "updated_at": lambda one: (one.updated, one.id),
            "status": lambda one: (one.fields["status"], one.id),
        }
        found.sort(key=sorting[by], reverse=asked.query.get("order_type", "desc") == "desc")
        bare = [{**self._shown(ticket)} for ticket in found]
        for shown in bare:
            for name in ("description", "description_text", "attachments"):
                if asked.query.get("include") != "description" or name == "attachments":
                    shown.pop(name)
        return self._page(asked, bare)

    def _search(self, asked: Asked) -> Answer:
        query, page = asked.query.get("query", ""), whole(asked.query.get("page", "1"), 1, 1000)
        if not re.fullmatch(r'"[^"]{1,510}"', query) or not 1 <= page <= 10:
            told = "Should be a valid query in double quotes" if 1 <= page <= 10 else "It should be between 1 and 10"
            raise _invalid([{"field": "query" if page <= 10 else "page", "message": told, "code": "invalid_value"}])
        found = [self._shown(ticket) for ticket in self.tickets.values() if _fits(ticket, query.strip('"'))]
        return Answer(200, {"total": len(found), "results": found[(page - 1) * 30 : page * 30]})

    def _conversations(self, asked: Asked, number: str) -> Answer:
        return self._page(asked, self._ticket(number).conversations)

    def _say(self, asked: Asked, number: str, *, is_note: bool) -> Answer:
        ticket, (given, files) = self._ticket(number), _given(asked)
        allowed = (
            {"body", "private", "incoming", "notify_emails", "user_id", "attachments"}
            if is_note
            else {
                "body",
                "from_email",
                "user_id",
                "cc_emails",
                "bcc_emails",
                "attachments",
            }
        )
        _check(given, allowed, required=("body",))
        private = given.get("private", True) in {True, "true"} if is_note else False
        source = 2 if is_note else 0
        return Answer(201, self._said(ticket, given["body"], files, private=private, by=BRIDGE, source=source))

    def _content(self, _: Asked, secret: str) -> Answer:
        if secret not in self._contents:
            return self.not_found()
        kind, content = self._contents[secret]
        return Answer(200, content, {"Content-Type": kind})

    # ── within ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _ticket(self, number: str) -> Ticket:
        if int(number) not in self.tickets:
            raise Refusal(404, None)
        return self.tickets[int(number)]

    def _said(
        self, ticket: Ticket, text: str, files: list[tuple[str, str, bytes]], *, private: bool, by: int, source: int
    ) -> dict[str, Any]:
        ticket.updated = self.now()
        said = {
            "id": next(self._serial),
            "ticket_id": ticket.id,
            "user_id": by,
            "body": text,
            "body_text": _plain(text),
            "incoming": False,
            "private": private,
            "source": source,
            "attachments": self._kept(files),
            "created_at": _stamp(ticket.updated),
            "updated_at": _stamp(ticket.updated),
        }
        ticket.conversations.append(said)
        return said

    def _kept(self, files: list[tuple[str, str, bytes]]) -> list[dict[str, Any]]:
        kept = []
        for name, kind, content in files:
            number = next(self._serial)
            self._contents[f"file{number}"] = (kind, content)
            address = f"{self.url}/attachments/file{number}"
            told = {"id": number, "name": name, "content_type": kind, "size": len(content), "attachment_url": address}
            kept.append(told | {"created_at": _stamp(self.now()), "updated_at": _stamp(self.now())})
        return kept

    def _shown(self, ticket: Ticket) -> dict[str, Any]:
        return {
            "custom_fields": dict.fromkeys(CUSTOM),
            "requester_id": BRIDGE,
            "responder_id": None,
            "group_id": None,
            "spam": False,
            **{name: value for name, value in ticket.fields.items() if name not in {"email", "attachments"}},
            "description_text": _plain(ticket.fields["description"]),
            "attachments": ticket.attachments,
            "id": ticket.id,
            "created_at": _stamp(ticket.created),
            "updated_at": _stamp(ticket.updated),
        }

    def _page(self, asked: Asked, values: list[dict[str, Any]]) -> Answer:
        page, size = whole(asked.query.get("page", "1"), 1, 1000), whole(asked.query.get("per_page", "30"), 30, 100)
        shown = values[(page - 1) * size : page * size]
        if page * size >= len(values):
            return Answer(200, shown)
        query = dict(asked.query) | {"page": str(page + 1), "per_page": str(size)}
        address = f"{self.url}{asked.path}?" + "&".join(f"{name}={value}" for name, value in query.items())
        return Answer(200, shown, {"Link": f'<{address}>; rel="next"'})


def _given(asked: Asked) -> tuple[dict[str, Any], list[tuple[str, str, bytes]]]:
    """The fields and the files of a JSON object or of a form."""
    if asked.content_type == "multipart/form-data":
        fields: dict[str, Any] = {}
        files = []
        for name, file, kind, content in asked.files():
            if name == "attachments[]":
                files.append((file, kind, content))
            elif found := re.fullmatch(r"(\w+)\[(\w*)\]", name):
                place = fields.setdefault(found[1], {} if found[2] else [])
                place.update({found[2]: content.decode()}) if found[2] else place.append(content.decode())
            else:
                text = content.decode()
                fields[name] = int(text) if name in _NUMBERS and text.isdigit() else text
        return fields, files
    if asked.content_type != "application/json":
        raise Refusal(
            415, {"code": "invalid_content_type", "message": "Content-Type header is set to an invalid value"}
        )
    try:
        given = json.loads(asked.body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refusal(400, {"code": "invalid_json", "message": "Request body has invalid json format"})
    return given, []


def _check(given: dict[str, Any], allowed: set[str], required: Sequence[str] = ()) -> None:
    wrong = [{"field": name, "message": _REFUSED_FIELD, "code": "invalid_field"} for name in set(given) - allowed]
    custom = given.get("custom_fields") or {}
    wrong += [{"field": name, "message": _REFUSED_FIELD, "code": "invalid_field"} for name in set(custom) - set(CUSTOM)]
    missing = [name for name in required if not given.get(name)]
    wrong += [
        {"field": name, "message": "It should be a/an present value", "code": "missing_field"} for name in missing
    ]
    for name, values in _NUMBERS.items():
        if name in given and given[name] not in values:
            told = f"It should be one of these values: '{','.join(map(str, values))}'"
            wrong.append({"field": name, "message": told, "code": "invalid_value"})
    texts = [name for name in (*_TEXTS, "body") if name in given and not isinstance(given[name], str)]
    wrong += [{"field": name, "message": "It should be a/an String", "code": "datatype_mismatch"} for name in texts]
    if wrong:
        raise _invalid(wrong)


def _who_is_missing() -> list[dict[str, Any]]:
    told = "One of these fields should be present: requester_id, email, facebook_id, phone, twitter_id"
    return [{"field": "requester_id", "message": told, "code": "missing_field"}]


def _invalid(errors: list[dict[str, Any]]) -> Refusal:
    return Refusal(400, {"description": "Validation failed", "errors": errors})


def _fits(ticket: Ticket, query: str) -> bool:
    joined = " OR " if " OR " in query else " AND "
    terms = [_TERM.fullmatch(term.strip()) for term in query.split(joined)]
    if not all(terms):
        raise _invalid([{"field": "query", "message": "Unexpected/invalid field in request", "code": "invalid_value"}])
    results = [
        _is(ticket, found[1], found[2], found[3] if found[3] is not None else found[4]) for found in terms if found
    ]
    return any(results) if joined == " OR " else all(results)


def _is(ticket: Ticket, name: str, operator: str | None, value: str) -> bool:
    if name in {"updated_at", "created_at"}:
        day = _stamp(ticket.updated if name == "updated_at" else ticket.created)[:10]
        return day >= value if operator == ">" else day <= value if operator == "<" else day == value
    held = ticket.fields.get(name, (ticket.fields.get("custom_fields") or {}).get(name))
    if name == "tag":
        return value in ticket.fields.get("tags", [])
    if name not in {*_NUMBERS, *CUSTOM, "type", "group_id", "agent_id"}:
        raise _invalid([{"field": name, "message": _REFUSED_FIELD, "code": "invalid_field"}])
    return held is None if value == "null" else str(held) == value


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        told = "It should be in the 'combined date and time ISO8601' format"
        raise _invalid([{"field": "updated_since", "message": told, "code": "invalid_date"}]) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _plain(html: str) -> str:
    return re.sub(r"<[^>]+>", "", re.sub(r"<br\s*/?>", "\n", html))


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
