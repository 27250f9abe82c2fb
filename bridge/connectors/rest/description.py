"""What a desk's REST API looks like, as its configuration describes it: compiled, and with nothing left to guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Literal, TypeAlias

from bridge.connectors.rest.answers import Path, Times
from bridge.connectors.rest.templates import Leaf
from bridge.domain.facts import MessageKind, ReportKind

BodyKind: TypeAlias = Literal["json", "form", "multipart", "raw"]
PagingKind: TypeAlias = Literal["next", "link", "cursor", "page", "offset"]


@dataclass(frozen=True, slots=True)
class Body:
    """A body: `content` is a structure of leaves."""

    kind: BodyKind
    content: Any
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Paging:
    """How a list goes on: by a link in the answer or its header, by a cursor, by number of page or of items."""

    by: PagingKind
    #: the query parameter for cursor, page and offset
    name: str = ""
    #: where the answer names the next page or cursor
    value: Path | None = None
    first: int = 1
    #: pages that are read at most
    most: int = 20


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and where its answer has what."""

    method: str
    path: Leaf
    query: Mapping[str, Leaf] = field(default_factory=dict)
    headers: Mapping[str, Leaf] = field(default_factory=dict)
    body: Body | None = None
    answer: Mapping[str, Path] = field(default_factory=dict)
    #: what later requests of the same step may use, as `kept.NAME`
    keep: Mapping[str, Path] = field(default_factory=dict)
    #: what, if it is there, says that an answer which looks like success is a refusal
    refused: Path | None = None
    paging: Paging | None = None


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """User name and password with every request."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HeaderAuth:
    """A secret in a header of its own, or a bearer token."""

    header: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientAuth:
    """OAuth client credentials (RFC 6749, section 4.4)."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    #: further fields of the token request, such as an audience
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SessionAuth:
    """A login that yields a token or a cookie, made again when it has ended."""

    call: Call
    username: str
    password: str = field(repr=False)
    #: where the answer has the token; None if the session is a cookie
    token: Path | None = None
    header: str = "Authorization"
    #: what stands before the token in the header, such as `Bearer `
    prefix: str = "Bearer "


Auth: TypeAlias = BasicAuth | HeaderAuth | ClientAuth | SessionAuth


@dataclass(frozen=True, slots=True)
class RestSettings:
    """Everything that a REST desk is told."""

    #: without a slash at the end; the paths of requests are put behind it
    url: str
    auth: Auth
    #: name -> the requests of that step, in order
    requests: Mapping[str, tuple[Call, ...]]
    #: their word -> what it reports; None sets nothing
    statuses: Mapping[str, ReportKind | None] = field(default_factory=dict)
    #: what our messages do to the status there
    on: Mapping[MessageKind, str] = field(default_factory=dict)
    #: names of the configuration's own that templates may use
    settings: Mapping[str, str] = field(default_factory=dict)
    reference: Leaf = field(default_factory=lambda: Leaf("{{ id }}"))
    link: Leaf | None = None
    #: authors that are the bridge itself
    ours: frozenset[str] = frozenset()
    times: Times = field(default_factory=Times)
    ca_file: FilePath | None = None
    connect_timeout: float = 5.0
    timeout: float = 20.0
    #: calls in any minute; None sets no limit
    rate: int | None = None
    #: a header that keeps the portal from doing the same twice
    idempotency: str = ""
    #: seconds until what was written can be found by a search
    find_lag: float = 0.0
    #: seconds that changes are read again
    overlap: float = 120.0
    #: seconds after which a ticket that is not among the changes is looked at: one that is gone changes no more
    look_every: float = 900.0
    #: seconds after which a pass over the tickets ends and the rest waits for the next
    patience: float = 20.0
    #: the largest file that is fetched from there, bytes
    largest_file: int = 10_000_000

    def first(self, name: str) -> Call | None:
        """A request that is made alone; None where it is not configured."""
        calls = self.requests.get(name, ())
        return calls[0] if calls else None
