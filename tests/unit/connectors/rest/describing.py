"""A described desk that nobody has to reach."""

from bridge.connectors.rest.answers import Path
from bridge.connectors.rest.description import Body, Call, HeaderAuth, RestSettings
from bridge.connectors.rest.templates import Leaf, compiled
from bridge.domain.facts import MessageKind, ReportKind


def call(method, path, json=None, query=None, headers=None, **answer):
    return Call(
        method,
        Leaf(path, quoted=True),
        {name: Leaf(text) for name, text in (query or {}).items()},
        {name: Leaf(text) for name, text in (headers or {}).items()},
        Body("json", compiled(json)) if json is not None else None,
        {name: Path(path) for name, path in answer.items()},
    )


def described(**changes):
    requests = {
        "open": (call("POST", "tickets", {"title": "{{ reference }}", "text": "{{ body }}"}, id="id"),),
        "message": (call("POST", "tickets/{{ ticket }}/notes", {"text": "{{ body }}", "to": "{{ ticket }}"}),),
        "attachment": (call("POST", "tickets/{{ ticket }}/files", {"{{ x }}": 1, "data": "{{ file.base64 }}"}),),
        "status": (call("PUT", "tickets/{{ ticket }}", {"state": "{{ status }}"}),),
        "ticket": (call("GET", "tickets/{{ ticket }}", id="id", status="state", updated="updated"),),
        "find": (call("GET", "tickets", query={"q": "{{ reference }}"}, items="found", id="id"),),
        "messages": (
            call("GET", "tickets/{{ ticket }}/notes", items="@", id="id", text="text", author="by", created="at"),
        ),
        "files": (
            call("GET", "tickets/{{ ticket }}/files", items="@", id="id", name="name", size="size", author="by"),
        ),
        "file": (call("GET", "files/{{ item.id }}", content="data"),),
        "changes": (call("GET", "tickets", query={"since": "{{ since }}"}, items="found", id="id"),),
    }
    values = {
        "url": "https://desk.example.org/api",
        "auth": HeaderAuth("X-Key", "a secret"),
        "requests": requests,
        "statuses": {"new": None, "open": ReportKind.ACKNOWLEDGED, "solved": ReportKind.RESOLVED},
        "on": {MessageKind.REJECT: "open"},
        "ours": frozenset({"bridge"}),
        "link": Leaf("https://desk.example.org/{{ id }}"),
    }
    return RestSettings(**{**values, **changes})
