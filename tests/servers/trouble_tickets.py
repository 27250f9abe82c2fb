"""A fake of a TM Forum Trouble Ticket interface (TMF621, version 4), made from its published description.

Described in TMF621 Trouble Ticket Management API REST Specification 4.0 (attributes, mandatory ones, states, PATCH by
merge patch) and TMF630 REST API Design Guidelines (filters with `.gt` and the like, `fields`, `sort`, `offset` and
`limit` with `X-Total-Count` and 206, errors). Neither says how one logs in; the fake has OAuth client credentials. A
merge patch replaces arrays, so whoever adds a note sends the others along: the fake takes a note away that is left out.
"""

import base64
import itertools
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from tests.servers.portal import Answer, Asked, Portal, Refusal, Route, basic, whole

CLIENT, SECRET = "bridge", "secret-of-the-bridge"
TICKETS = "/tmf-api/troubleTicket/v4/troubleTicket"
STATUSES = ("acknowledged", "rejected", "pending", "held", "inProgress", "cancelled", "closed", "resolved")
MANDATORY = ("description", "severity", "ticketType")
TOKEN_LASTS = timedelta(minutes=5)
PAGE = 100
_READ_ONLY = {"id", "href", "creationDate", "lastUpdate", "statusChange", "statusChangeDate"}
_TEXTS = {
    *MANDATORY,
    "name",
    "externalId",
    "priority",
    "status",
    "statusChangeReason",
    "expectedResolutionDate",
    "requestedResolutionDate",
    "resolutionDate",
    "@baseType",
    "@schemaLocation",
    "@type",
}
_LISTS = {"attachment", "note", "relatedEntity", "relatedParty", "troubleTicketRelationship"}
_WRITABLE = {*_TEXTS, *_LISTS, "channel"}
_NOTE = {"id", "author", "date", "text", "@type", "@baseType", "@schemaLocation"}
_COMPARING: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "ne": operator.ne,
}


@dataclass
class Token:
    """A session of a client."""

    expires: datetime


class TroubleTickets(Portal):
    """One system, whose client is the bridge."""

    def __init__(self) -> None:
        self.tickets: dict[str, dict[str, Any]] = {}
        self._tokens: dict[str, Token] = {}
        self._contents: dict[str, tuple[str, bytes]] = {}
        self._serial = itertools.count(3180)
        super().__init__()

    # ── what the staff does ──────────────────────────────────────────────────────────────────────────────────────

    def says(self, ticket: str, text: str) -> None:
        """Somebody there writes a note."""
        with self.lock:
            held = self.tickets[ticket]
            held["note"] = [*held.get("note", []), self._note({"author": "Jo Watt", "text": text})]
            held["lastUpdate"] = self._stamp()

    def moves(self, ticket: str, status: str, reason: str = "") -> None:
        """Somebody there changes the status."""
        with self.lock:
            self._set_status(self.tickets[ticket], status, reason)
            self.tickets[ticket]["lastUpdate"] = self._stamp()

    def end_sessions(self) -> None:
        """Every token that was given counts no more."""
        with self.lock:
            self._tokens.clear()

    # ── the interface ────────────────────────────────────────────────────────────────────────────────────────────

    def routes(self) -> Sequence[Route]:
        return [
            ("POST", "/oauth/token", self._log_in),
            ("POST", TICKETS, self._create),
            ("GET", TICKETS, self._list),
            ("GET", f"{TICKETS}/([^/]+)", self._one),
            ("PATCH", f"{TICKETS}/([^/]+)", self._change),
            ("GET", r"/attachments/(\w+)", self._content),
        ]

    def authorise(self, asked: Asked) -> None:
        if asked.path == "/oauth/token":
            return
        given = self._tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if given is None or given.expires < self.now():
            body = _error("401", "Unauthorized", "The access token is missing, invalid or expired.")
            raise Refusal(401, body, {"WWW-Authenticate": 'Bearer error="invalid_token"'})

    def not_found(self) -> Answer:
        return Answer(404, _error("404", "Not Found", "No such resource."))

    def _log_in(self, asked: Asked) -> Answer:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode("utf-8", "replace")).items()}
        client = (
            basic(asked) if "authorization" in asked.headers else (form.get("client_id"), form.get("client_secret"))
        )
        if asked.content_type != "application/x-www-form-urlencoded" or not form.get("grant_type"):
            raise Refusal(400, {"error": "invalid_request"})
        if client != (CLIENT, SECRET):
            raise Refusal(401, {"error": "invalid_client"})
        if form["grant_type"] != "client_credentials":
            raise Refusal(400, {"error": "unsupported_grant_type"})
        token = f"token{next(self._serial)}"
        self._tokens[token] = Token(self.now() + TOKEN_LASTS)
        told = {"access_token": token, "token_type": "Bearer", "expires_in": int(TOKEN_LASTS.total_seconds())}
        return Answer(200, told, {"Cache-Control": "no-store"})

    def _create(self, asked: Asked) -> Answer:
        given = _given(asked, ("application/json",))
        self._check(given)
        for name in MANDATORY:
            if not given.get(name):
                raise _refused("Missing mandatory attribute", f"{name} is mandatory.")
        number, now = str(next(self._serial)), self._stamp()
        ticket = {"id": number, "href": f"{self.url}{TICKETS}/{number}", "creationDate": now, "lastUpdate": now}
        self._set_status(ticket, given.pop("status", "acknowledged"), given.pop("statusChangeReason", ""))
        self._apply(ticket, given)
        self.tickets[number] = {"@type": "TroubleTicket"} | ticket
        return Answer(201, self.tickets[number], {"Location": ticket["href"]})

    def _one(self, asked: Asked, number: str) -> Answer:
        return Answer(200, _chosen(self._ticket(number), asked.query.get("fields", "")))

    def _change(self, asked: Asked, number: str) -> Answer:
        ticket = self._ticket(number)
        given = _given(asked, ("application/merge-patch+json", "application/json"))
        self._check(given)
        if any(given.get(name, "kept") in ("", None) for name in MANDATORY):
            raise _refused("Missing mandatory attribute", "A mandatory attribute may not be taken away.")
        reason, status = given.pop("statusChangeReason", ""), given.pop("status", "")
        self._apply(ticket, given)
        if status:
            self._set_status(ticket, status, reason)
        ticket["lastUpdate"] = self._stamp()
        return Answer(200, ticket)

    def _list(self, asked: Asked) -> Answer:
        query = dict(asked.query)
        fields, sort = query.pop("fields", ""), query.pop("sort", "")
        offset, limit = (
            whole(query.pop(name, str(given)), given, 10**6) for name, given in (("offset", 0), ("limit", PAGE))
        )
        found = [one for one in self.tickets.values() if all(_fits(one, name, value) for name, value in query.items())]
        if sort:
            found.sort(key=lambda one: str(one.get(sort.lstrip("-+"), "")), reverse=sort.startswith("-"))
        page = found[offset : offset + min(limit, PAGE)]
        counts = {"X-Total-Count": str(len(found)), "X-Result-Count": str(len(page))}
        return Answer(206 if len(page) < len(found) else 200, [_chosen(one, fields) for one in page], counts)

    def _content(self, _: Asked, secret: str) -> Answer:
        if secret not in self._contents:
            return self.not_found()
        kind, content = self._contents[secret]
        return Answer(200, content, {"Content-Type": kind})

    # ── within ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _ticket(self, number: str) -> dict[str, Any]:
        if number not in self.tickets:
            raise Refusal(404, _error("404", "Not Found", f"No trouble ticket {number}."))
        return self.tickets[number]

    def _check(self, given: dict[str, Any]) -> None:
        if forbidden := set(given) & _READ_ONLY:
            raise _refused("Attribute may not be set", f"{min(forbidden)} is the server's own.")
        if unknown := set(given) - _WRITABLE:
            raise _refused("Unknown attribute", f"{min(unknown)} is no attribute of a trouble ticket.")
        for name, value in given.items():
            kind = list if name in _LISTS else dict if name == "channel" else str
            if value is not None and not isinstance(value, kind):
                raise _refused("Wrong type", f"{name} has a value of another type.")
        if given.get("status", STATUSES[0]) not in STATUSES:
            raise _refused("Unknown status", f"{given['status']} is no TroubleTicketStatusType.")
        for note in given.get("note") or ():
            if set(note) - _NOTE or not note.get("text"):
                raise _refused("Wrong note", "A note has a text, and author and date if need be.")

    def _apply(self, ticket: dict[str, Any], given: dict[str, Any]) -> None:
        """A merge patch (RFC 7396): null takes away, a list replaces the whole one."""
        if "note" in given:
            given["note"] = [self._note(note) for note in given["note"] or ()]
        if "attachment" in given:
            given["attachment"] = [self._attachment(one) for one in given["attachment"] or ()]
        for name, value in given.items():
            ticket.pop(name, None) if value is None else ticket.update({name: value})

    def _note(self, note: dict[str, Any]) -> dict[str, Any]:
        return {"id": str(next(self._serial)), "date": self._stamp(), "@type": "Note"} | note

    def _attachment(self, attachment: dict[str, Any]) -> dict[str, Any]:
        if "content" not in attachment:
            return attachment
        try:
            content = base64.b64decode(attachment["content"], validate=True)
        except ValueError:
            raise _refused("Wrong attachment", "The content is not base64.") from None
        number = str(next(self._serial))
        self._contents[f"file{number}"] = (attachment.get("mimeType", "application/octet-stream"), content)
        kept = {name: value for name, value in attachment.items() if name != "content"}
        size = {"amount": len(content), "units": "B"}
        return {"id": number, "url": f"{self.url}/attachments/file{number}", "size": size} | kept

    def _set_status(self, ticket: dict[str, Any], status: str, reason: str) -> None:
        if ticket.get("status") != status:
            now = self._stamp()
            change = {"status": status, "changeReason": reason, "changeDate": now}
            ticket["statusChange"] = [*ticket.get("statusChange", []), change]
            ticket |= {"status": status, "statusChangeDate": now, "statusChangeReason": reason}

    def _stamp(self) -> str:
        now = self.now()
        return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"


def _given(asked: Asked, allowed: tuple[str, ...]) -> dict[str, Any]:
    if asked.content_type not in allowed:
        raise Refusal(415, _error("415", "Unsupported Media Type", f"Send {allowed[0]}."))
    try:
        given = json.loads(asked.body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise _refused("Invalid body", "The body is not a JSON object.")
    return given


def _chosen(ticket: dict[str, Any], fields: str) -> dict[str, Any]:
    if not fields:
        return ticket
    wanted = {"id", "href", *fields.split(",")} if fields != "none" else {"id", "href"}
    return {name: value for name, value in ticket.items() if name in wanted}


def _fits(ticket: dict[str, Any], name: str, value: str) -> bool:
    """A filter of TMF630: `status=held,pending`, `note.author=…`, `lastUpdate.gt=…`."""
    path, _, comparison = name.rpartition(".")
    if comparison in _COMPARING:
        wanted = _comparable(value)
        held = [_comparable(one) for one in _values(ticket, path.split("."))]
        return any(_COMPARING[comparison](one, wanted) for one in held if type(one) is type(wanted))
    if name.split(".", maxsplit=1)[0] not in _WRITABLE | _READ_ONLY:
        raise _refused("Unknown filter", f"{name} is no attribute of a trouble ticket.")
    return any(held in value.split(",") for held in _values(ticket, name.split(".")))


def _comparable(text: str) -> datetime | str:
    """A time as one, whether it has fractions of a second or not; anything else as it stands."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _values(held: Any, path: list[str]) -> list[str]:
    if isinstance(held, list):
        return [value for one in held for value in _values(one, path)]
    if not path:
        return [] if held is None else [str(held)]
    return _values(held.get(path[0]), path[1:]) if isinstance(held, dict) else []


def _refused(reason: str, told: str) -> Refusal:
    return Refusal(400, _error("400", reason, told))


def _error(code: str, reason: str, told: str) -> dict[str, Any]:
    return {"code": code, "reason": reason, "message": told, "status": code, "@type": "Error"}
