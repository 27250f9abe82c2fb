"""A fake of Jira Service Management Cloud, made from its published description; no product was seen.

Described at developer.atlassian.com/cloud/jira/service-desk/rest (customer requests, comments, temporary attachments,
transitions) and developer.atlassian.com/cloud/jira/platform/rest/v3 (search by JQL with `nextPageToken`, which takes
bounded queries only, issues, the login's own user). Of JQL it understands a conjunction of `project =`, `key =`,
`key in`, `summary ~`, `updated >=` (in minutes, UTC) and one `ORDER BY`.
"""

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.servers.portal import Answer, Asked, Portal, Refusal, Route, basic, whole

USER, TOKEN = "bridge@elexon.example", "api-token-of-the-bridge"
PROJECT, DESK, TYPE = "HELP", "10", "25"
STATUSES = {
    "Waiting for support": "indeterminate",
    "In Progress": "indeterminate",
    "Waiting for customer": "indeterminate",
    "Resolved": "done",
    "Canceled": "done",
}
#: what a customer may do, by number
TRANSITIONS = {"761": ("Resolve this issue", "Resolved"), "901": ("Cancel request", "Canceled")}
_OPEN = "Waiting for support"
_CREATABLE = {
    "serviceDeskId",
    "requestTypeId",
    "requestFieldValues",
    "raiseOnBehalfOf",
    "requestParticipants",
    "isAdfRequest",
    "form",
    "channel",
}
_FIELDS = {"summary", "description", "priority", "labels"}
_CLAUSES = (
    (re.compile(r'summary\s*~\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE), "summary"),
    (re.compile(r"project\s*=\s*\"?(\w+)\"?", re.IGNORECASE), "project"),
    (re.compile(r"(?:issue)?key\s*=\s*\"?([\w-]+)\"?", re.IGNORECASE), "key"),
    (re.compile(r"(?:issue)?key\s+in\s*\(([^)]*)\)", re.IGNORECASE), "keys"),
    (re.compile(r'updated\s*>=\s*"(\d{4}-\d\d-\d\d \d\d:\d\d)"', re.IGNORECASE), "updated"),
)


@dataclass
class Request:
    """One customer request, which is an issue too."""

    number: int
    fields: dict[str, Any]
    created: datetime
    updated: datetime
    status: str = _OPEN
    comments: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{PROJECT}-{self.number}"

    @property
    def id(self) -> str:
        return str(10000 + self.number)


class JiraServiceManagement(Portal):
    """One site with one service desk, one request type, and one customer who is the bridge."""

    def __init__(self) -> None:
        self.requests: dict[str, Request] = {}
        self._temporary: dict[str, tuple[str, str, bytes]] = {}
        self._serial = itertools.count(1)
        super().__init__()

    # ── what the staff does ──────────────────────────────────────────────────────────────────────────────────────

    def says(self, key: str, text: str, *, public: bool = True) -> None:
        """An agent comments."""
        with self.lock:
            self._commented(self.requests[key], text, public=public, author="Jo Watt")

    def moves(self, key: str, status: str) -> None:
        """An agent changes the status."""
        with self.lock:
            request = self.requests[key]
            request.status, request.updated = status, self.now()

    # ── the interface ────────────────────────────────────────────────────────────────────────────────────────────

    def routes(self) -> Sequence[Route]:
        desk, request = "/rest/servicedeskapi", "/rest/servicedeskapi/request/([^/]+)"
        return [
            ("POST", f"{desk}/request", self._create),
            ("GET", request, lambda _, key: Answer(200, self._shown(self._request(key)))),
            ("GET", f"{request}/comment", self._comments),
            ("POST", f"{request}/comment", self._comment),
            ("GET", f"{request}/attachment", self._attachments),
            ("POST", f"{request}/attachment", self._attach),
            ("GET", f"{request}/attachment/(\\d+)", self._content),
            ("GET", f"{request}/transition", self._transitions),
            ("POST", f"{request}/transition", self._transition),
            ("POST", f"{desk}/servicedesk/([^/]+)/attachTemporaryFile", self._upload),
            ("GET", "/rest/api/3/search/jql", self._search),
            ("POST", "/rest/api/3/search/jql", self._search),
            ("GET", "/rest/api/3/issue/([^/]+)", self._issue),
            ("GET", "/rest/api/3/myself", lambda _: Answer(200, _person("Bridge", USER))),
        ]

    def authorise(self, asked: Asked) -> None:
        if basic(asked) != (USER, TOKEN):
            told = {"message": "Client must be authenticated to access this resource.", "status-code": 401}
            raise Refusal(401, told, {"WWW-Authenticate": 'OAuth realm="https%3A%2F%2Fjira.example"'})

    def not_found(self) -> Answer:
        return Answer(404, {"message": "null for uri", "status-code": 404})

    def _create(self, asked: Asked) -> Answer:
        given = _json(asked)
        if unknown := set(given) - _CREATABLE:
            raise _refused(400, f"Unrecognized field {min(unknown)!r}")
        if given.get("serviceDeskId") != DESK:
            raise _refused(404, "The service desk does not exist, or you do not have permission to view it.")
        if given.get("requestTypeId") != TYPE:
            raise _refused(400, "The request type does not exist, or you do not have permission to view it.")
        fields = given.get("requestFieldValues")
        if not isinstance(fields, dict) or set(fields) - _FIELDS or not str(fields.get("summary", "")).strip():
            raise _refused(
                400, "Your request could not be created. Please check the fields have been filled in correctly."
            )
        if "\n" in fields["summary"] or len(fields["summary"]) > 255:
            raise _refused(400, "The summary is invalid because it contains newline characters or is too long.")
        now = self.now()
        request = Request(next(self._serial), dict(fields), now, now)
        self.requests[request.key] = request
        return Answer(201, self._shown(request))

    def _comments(self, asked: Asked, key: str) -> Answer:
        wanted = {name: asked.query.get(name, "true") != "false" for name in ("public", "internal")}
        comments = self._request(key).comments
        # A customer sees what is public only.
        return self._page(asked, [one for one in comments if wanted["public"] and one["public"]])

    def _comment(self, asked: Asked, key: str) -> Answer:
        given = _json(asked)
        if set(given) - {"body", "public"} or not str(given.get("body", "")).strip():
            raise _refused(400, "Comment body can not be empty!")
        request = self._request(key)
        return Answer(201, self._commented(request, given["body"], public=given.get("public", True), author="Bridge"))

    def _upload(self, asked: Asked, desk: str) -> Answer:
        if asked.headers.get("x-atlassian-token") != "no-check":
            raise Refusal(403, b"XSRF check failed", {"Content-Type": "text/plain"})
        files = [part for part in asked.files() if part[0] == "file" and part[1]]
        if desk != DESK or not files:
            raise _refused(400 if desk == DESK else 404, "No file was uploaded to this service desk.")
        told = []
        for _, name, kind, content in files:
            identity = f"temp{next(self._serial):018d}"
            self._temporary[identity] = (name, kind, content)
            told.append({"temporaryAttachmentId": identity, "fileName": name})
        return Answer(201, {"temporaryAttachments": told})

    def _attach(self, asked: Asked, key: str) -> Answer:
        given, request = _json(asked), self._request(key)
        wanted = given.get("temporaryAttachmentIds")
        if set(given) - {"temporaryAttachmentIds", "public", "additionalComment"} or not isinstance(wanted, list):
            raise _refused(400, "The temporary attachments are required.")
        if not wanted or any(one not in self._temporary for one in wanted):
            raise _refused(400, "The temporary attachment does not exist or has expired.")
        names = []
        for identity in wanted:
            name, kind, content = self._temporary.pop(identity)
            number = str(next(self._serial))
            names.append(name)
            request.files.append(
                {"id": number, "filename": name, "mimeType": kind, "content": content, "created": self.now()}
            )
        text = (given.get("additionalComment") or {}).get("body") or " ".join(f"[^{name}]" for name in names)
        comment = self._commented(request, text, public=given.get("public", True), author="Bridge")
        files = [self._shown_file(request, one) for one in request.files[-len(wanted) :]]
        return Answer(201, {"comment": comment, "attachments": _paged(files, 0, 50, self.url)})

    def _attachments(self, asked: Asked, key: str) -> Answer:
        request = self._request(key)
        return self._page(asked, [self._shown_file(request, one) for one in request.files])

    def _content(self, _: Asked, key: str, number: str) -> Answer:
        found = next((one for one in self._request(key).files if one["id"] == number), None)
        if found is None:
            raise _refused(404, "The attachment does not exist.")
        return Answer(200, found["content"], {"Content-Type": found["mimeType"]})

    def _transitions(self, asked: Asked, key: str) -> Answer:
        return self._page(asked, self._possible(self._request(key)))

    def _transition(self, asked: Asked, key: str) -> Answer:
        given, request = _json(asked), self._request(key)
        if given.get("id") not in {one["id"] for one in self._possible(request)}:
            raise _refused(400, "The transition id is invalid or you do not have permission to perform it.")
        request.status, request.updated = TRANSITIONS[given["id"]][1], self.now()
        if text := (given.get("additionalComment") or {}).get("body"):
            self._commented(request, text, public=True, author="Bridge")
        return Answer(204)

    def _possible(self, request: Request) -> list[dict[str, Any]]:
        done = STATUSES[request.status] == "done"
        return [] if done else [{"id": number, "name": name} for number, (name, _) in TRANSITIONS.items()]

    def _search(self, asked: Asked) -> Answer:
        given: dict[str, Any] = _json(asked) if asked.method == "POST" else dict(asked.query)
        found = self._found(str(given.get("jql", "")))
        start = whole(str(given.get("nextPageToken") or "").removeprefix("page-"), 0, 10**6)
        most = whole(str(given.get("maxResults", 50)), 50, 5000)
        fields = given.get("fields") or []
        names = fields if isinstance(fields, list) else fields.split(",")
        page = [self._as_issue(one, names) for one in found[start : start + most]]
        if start + most >= len(found):
            return Answer(200, {"issues": page, "isLast": True})
        return Answer(200, {"issues": page, "isLast": False, "nextPageToken": f"page-{start + most}"})

    def _issue(self, asked: Asked, key: str) -> Answer:
        request = next((one for one in self.requests.values() if key in {one.key, one.id}), None)
        if request is None:
            told = "Issue does not exist or you do not have permission to see it."
            raise Refusal(404, {"errorMessages": [told], "errors": {}})
        return Answer(200, self._as_issue(request, asked.query.get("fields", "*all").split(",")))

    # ── within ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _request(self, key: str) -> Request:
        for request in self.requests.values():
            if key in {request.key, request.id}:
                return request
        raise _refused(404, "The customer request does not exist, or you do not have permission to view it.")

    def _found(self, jql: str) -> list[Request]:
        where, _, order = re.sub(r"\s+order\s+by\s+", "\0", f" {jql.strip()}", flags=re.IGNORECASE).partition("\0")
        if not where.strip():
            told = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            raise Refusal(400, {"errorMessages": [told], "warningMessages": []})
        found = list(self.requests.values())
        for clause in re.split(r"\s+and\s+(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", where.strip(), flags=re.IGNORECASE):
            found = [request for request in found if _fits(request, clause)]
        column, _, direction = order.strip().partition(" ")
        if order and (
            column.lower() not in {"updated", "created", "key"} or direction.upper() not in {"", "ASC", "DESC"}
        ):
            raise _bad_jql(f"Not able to sort using field '{column}'.")
        sorting = {"updated": lambda one: (one.updated, one.number), "created": lambda one: (one.created, one.number)}
        found.sort(key=sorting.get(column.lower(), lambda one: one.number), reverse=direction.upper() == "DESC")
        return found

    def _commented(self, request: Request, text: str, *, public: bool, author: str) -> dict[str, Any]:
        now = self.now()
        comment = {
            "id": str(next(self._serial)),
            "body": text,
            "public": public,
            "author": _person(author, USER if author == "Bridge" else "jo.watt@desk.example"),
            "created": _date(now),
            "_links": {"self": f"{self.url}/rest/servicedeskapi/request/{request.id}/comment"},
        }
        request.comments.append(comment)
        request.updated = now
        return comment

    def _shown(self, request: Request) -> dict[str, Any]:
        status = {"status": request.status, "statusCategory": STATUSES[request.status].upper()}
        return {
            "issueId": request.id,
            "issueKey": request.key,
            "requestTypeId": TYPE,
            "serviceDeskId": DESK,
            "createdDate": _date(request.created),
            "reporter": _person("Bridge", USER),
            "requestFieldValues": [{"fieldId": name, "value": value} for name, value in request.fields.items()],
            "currentStatus": status | {"statusDate": _date(request.updated)},
            "_links": {
                "self": f"{self.url}/rest/servicedeskapi/request/{request.id}",
                "jiraRest": f"{self.url}/rest/api/2/issue/{request.id}",
                "web": f"{self.url}/servicedesk/customer/portal/{DESK}/{request.key}",
            },
        }

    def _shown_file(self, request: Request, file: dict[str, Any]) -> dict[str, Any]:
        content = f"{self.url}/rest/servicedeskapi/request/{request.id}/attachment/{file['id']}"
        return {
            "filename": file["filename"],
            "mimeType": file["mimeType"],
            "size": len(file["content"]),
            "author": _person("Bridge", USER),
            "created": _date(file["created"]),
            "_links": {"self": content, "content": content},
        }

    def _as_issue(self, request: Request, names: list[str]) -> dict[str, Any]:
        category = STATUSES[request.status]
        known = {
            **request.fields,
            "status": {"name": request.status, "statusCategory": {"key": category, "name": category.title()}},
            "created": _stamp(request.created),
            "updated": _stamp(request.updated),
        }
        wanted = set(known) if {"*all", "*navigable"} & set(names) else set(names)
        issue = {"id": request.id, "key": request.key, "self": f"{self.url}/rest/api/3/issue/{request.id}"}
        if not wanted:
            return {"id": request.id}
        return issue | {"fields": {name: value for name, value in known.items() if name in wanted}}

    def _page(self, asked: Asked, values: list[dict[str, Any]]) -> Answer:
        start, limit = whole(asked.query.get("start", "0"), 0, 10**6), whole(asked.query.get("limit", "50"), 50, 100)
        return Answer(200, _paged(values, start, limit, self.url + asked.path))


def _fits(request: Request, clause: str) -> bool:
    for pattern, name in _CLAUSES:
        if found := pattern.fullmatch(clause.strip()):
            return _is(request, name, found[1])
    raise _bad_jql(f"Expecting operator but got '{clause}'.")


def _is(request: Request, name: str, value: str) -> bool:
    match name:
        case "project":
            return value.upper() == PROJECT
        case "key":
            return request.key == value.upper()
        case "keys":
            return request.key in {one.strip().strip('"').upper() for one in value.split(",")}
        case "updated":
            return request.updated >= datetime.strptime(value, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
        case _:  # a text search looks for the words, in whatever order
            words = re.findall(r"\w+", value.replace("\\", "").lower())
            return set(words) <= set(re.findall(r"\w+", request.fields["summary"].lower()))


def _paged(values: list[dict[str, Any]], start: int, limit: int, address: str) -> dict[str, Any]:
    page, is_last = values[start : start + limit], start + limit >= len(values)
    links = {"base": address, "context": ""}
    if not is_last:
        links["next"] = f"{address}?start={start + limit}&limit={limit}"
    return {"size": len(page), "start": start, "limit": limit, "isLastPage": is_last, "_links": links, "values": page}


def _json(asked: Asked) -> dict[str, Any]:
    if asked.content_type != "application/json":
        raise Refusal(415, None)
    try:
        given = json.loads(asked.body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise _refused(400, "The request body is not a JSON object.")
    return given


def _refused(status: int, told: str) -> Refusal:
    return Refusal(status, {"errorMessage": told, "i18nErrorMessage": {"i18nKey": "sd.error", "parameters": []}})


def _bad_jql(told: str) -> Refusal:
    return Refusal(400, {"errorMessages": [f"Error in the JQL Query: {told}"], "warningMessages": []})


def _person(name: str, address: str) -> dict[str, Any]:
    account = f"qm:{name.lower().replace(' ', '-')}"
    return {"accountId": account, "emailAddress": address, "displayName": name, "active": True, "timeZone": "UTC"}


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"


def _date(at: datetime) -> dict[str, Any]:
    millis = int(at.timestamp() * 1000)
    return {
        "iso8601": at.strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "jira": _stamp(at),
        "friendly": "Today",
        "epochMillis": millis,
    }
