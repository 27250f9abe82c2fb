"""The shape of `method.rest`: a desk's own system, described request by request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator
from ruamel.yaml import YAML

from bridge.configuration.secrecy import Secret
from bridge.configuration.strict import Strict
from bridge.configuration.times import Duration, PositiveDuration
from bridge.configuration.written import Pattern, Size, WrongValue, read_text, written
from bridge.domain.facts import MessageKind, ReportKind
from bridge.domain.spelling import write_one_of

_PRESETS = Path(__file__).parent.parent / "connectors" / "rest" / "presets"

RequestName: TypeAlias = Literal[
    "open",
    "message",
    "attachment",
    "status",
    "ticket",
    "find",
    "messages",
    "each_message",
    "files",
    "each_file",
    "file",
    "changes",
]
StatusMeaning: TypeAlias = Literal[
    "received", "acknowledged", "progress", "question", "workaround", "resolved", "declined", "none"
]


def presets() -> list[str]:
    """The names of the descriptions that are shipped."""
    return sorted(path.stem for path in _PRESETS.glob("*.yaml"))


def preset(name: str) -> dict[str, Any]:
    """A shipped description."""
    found: dict[str, Any] = YAML(typ="safe", pure=True).load((_PRESETS / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def over(below: Any, above: Any) -> Any:  # noqa: ANN401 - plain YAML
    """What is written beside a preset, put over it key by key; a list or a value replaces the other."""
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    return {**below, **{key: over(below[key], value) if key in below else value for key, value in above.items()}}


def _preset_name(value: object) -> str:
    name = read_text(value, "name of a preset", write_one_of("", presets()))
    if name and name not in presets():
        raise WrongValue(f"no preset is called {name!r}", write_one_of(name, presets()))
    return name


def _portal_url(value: object) -> str:
    remedy = "write https://, the host and the path before all requests, as https://rt.example.org/REST/2.0"
    text = read_text(value, "address of an API", remedy)
    scheme, _, rest = text.partition("://")
    if "@" in rest.partition("/")[0]:
        raise WrongValue("a login is part of the address", "write it under auth:")
    if scheme not in {"https", "http"} or not rest.strip("/") or any(mark in rest for mark in "?# "):
        raise WrongValue(f"{value!r} is no address of an API", remedy)
    return text.rstrip("/")


PortalUrl = Annotated[str, *written(_portal_url, r"^https?://[^\s?#]+$", "https://rt.example.org/REST/2.0")]
PresetName = Annotated[str, *written(_preset_name, r"^[a-z0-9-]*$", "request-tracker")]


class BodyModel(Strict):
    """A request's body, in one of four forms; every text in it is a template."""

    json_: dict[str, Any] | list[Any] | None = Field(None, alias="json", description="As JSON, rendered leaf by leaf.")
    form: dict[str, str] | None = Field(None, description="As a form, `application/x-www-form-urlencoded`.")
    multipart: dict[str, str] | None = Field(
        None, description="As `multipart/form-data`; the value `{{ file }}` is the file itself."
    )
    raw: str | None = Field(None, description="As it is written.")
    content_type: str = Field("", description="The kind of a raw body; plain text if it is left out.")


class PagingModel(Strict):
    """How a list goes on."""

    by: Literal["next", "link", "cursor", "page", "offset"] = Field(
        description="`next`: an address in the answer; `link`: its Link header; `cursor`: a word of the answer for the "
        "next request; `page`, `offset`: by number, until a page is empty."
    )
    name: str = Field("", description="The query parameter for cursor, page and offset.")
    value: str = Field("", description="JMESPath to the next address or cursor.")
    first: int = Field(1, description="The number of the first page.", ge=0)
    most: int = Field(20, description="Pages that are read at most; a longer list is not trusted.", ge=1, le=1000)


class CallModel(Strict):
    """One request."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field("GET", description="The method of HTTP.")
    path: str = Field(
        description="Template of what stands behind `url`, or behind the host if it begins with a slash.",
        min_length=1,
    )
    query: dict[str, str] = Field({}, description="Templates of query parameters; one that is None is left out.")
    headers: dict[str, str] = Field({}, description="Templates of headers.")
    body: BodyModel | None = Field(None, description="The body.")
    answer: dict[str, str] = Field({}, description="Name -> JMESPath: what the answer tells, see `docs/portals.md`.")
    keep: dict[str, str] = Field(
        {}, description="Name -> JMESPath: what later requests of the step use as `{{ kept.NAME }}`."
    )
    refused: str = Field(
        "", description="JMESPath to words that, if they are there, make an answer that looks like success a refusal."
    )
    paging: PagingModel | None = Field(None, description="How a list goes on; one answer is all if it is left out.")


class BasicModel(Strict):
    """User name and password."""

    kind: Literal["basic"] = Field(description="User name and password.")
    username: str = Field(description="The user's name.", min_length=1)
    password: Secret = Field(description="Its password.")


class BearerModel(Strict):
    """A bearer token."""

    kind: Literal["bearer"] = Field(description="A token as `Authorization: Bearer`.")
    token: Secret = Field(description="The token.")


class HeaderModel(Strict):
    """A key in a header."""

    kind: Literal["header"] = Field(description="A key in a header of its own.")
    header: str = Field(description="The header's name.", pattern=r"^[A-Za-z0-9-]+$")
    prefix: str = Field("", description="What stands before the key, such as `token `.")
    key: Secret = Field(description="The key.")


class ClientModel(Strict):
    """OAuth client credentials; the token is renewed before it ends."""

    kind: Literal["client_credentials"] = Field(description="OAuth client credentials.")
    token_url: PortalUrl = Field(description="Where tokens are given out.")
    client_id: str = Field(description="The client's identifier.", min_length=1)
    client_secret: Secret = Field(description="Its secret.")
    scope: str = Field("", description="The scope that is asked for.")
    extra: dict[str, str] = Field({}, description="Further fields of the token request, such as `audience`.")


class LoginModel(Strict):
    """A login that yields a token or a cookie; made again when it is refused."""

    kind: Literal["login"] = Field(description="A login that yields a session.")
    username: str = Field(description="The user's name.", min_length=1)
    password: Secret = Field(description="Its password.")
    request: CallModel = Field(description="The login; it may use `{{ username }}` and `{{ password }}`.")
    token: str = Field("", description="JMESPath to the token; the session is a cookie if it is left out.")
    header: str = Field("Authorization", description="The header that carries the token.", pattern=r"^[A-Za-z0-9-]+$")
    prefix: str = Field("Bearer ", description="What stands before the token.")


AuthModel: TypeAlias = Annotated[
    BasicModel | BearerModel | HeaderModel | ClientModel | LoginModel, Field(discriminator="kind")
]


class RestModel(Strict):
    """Contact through the REST API of the desk's own system; `docs/portals.md` explains it by examples."""

    preset: PresetName = Field("", description="A shipped description; what is written beside it counts more.")
    url: PortalUrl = Field(description="The address of the API; every path is put behind it.")
    auth: AuthModel = Field(description="How the bridge logs in.")
    settings: dict[str, str] = Field({}, description="Values for the templates, as `{{ settings.NAME }}`.")
    requests: dict[RequestName, CallModel | list[CallModel]] = Field(
        description="The requests by name; a list is made in order."
    )
    statuses: dict[str, StatusMeaning] = Field(
        {}, description="Their status -> what it reports; `none` sets nothing. One not listed goes to a person."
    )
    on: dict[MessageKind, str] = Field(
        {}, description="Kind of our message -> the status that it sets there, such as `withdraw: rejected`."
    )
    ours: list[str] = Field([], description="Authors, as the API names them, that are the bridge itself.")
    reference: Pattern = Field("", description="Regular expression of the desk's own reference.")
    named: str = Field("{{ id }}", description="Template of the ticket's name for people, its reference.")
    link: str = Field("", description="Template of the address under which people see the ticket.")
    times: list[str] = Field(
        ["iso"], description="Forms of times: `iso`, `epoch`, `epoch_ms`, or as `strptime` reads.", min_length=1
    )
    zone: str = Field("UTC", description="The time zone of times that name none.")
    ca_file: str = Field("", description="File with the certificates that are trusted; the system's if it is left out.")
    connect_timeout: PositiveDuration = Field(timedelta(seconds=5), description="Longest time to connect.")
    timeout: PositiveDuration = Field(timedelta(seconds=15), description="Longest time for one answer.")
    rate: int | None = Field(None, ge=1, description="Calls in any minute at most. No limit if it is left out.")
    idempotency: str = Field("", description="Header that keeps the system from doing one thing twice, if it has one.")
    find_lag: Duration = Field(
        timedelta(0), description="After which what was written is found by a search; before, absence proves nothing."
    )
    overlap: Duration = Field(timedelta(minutes=2), description="For which changes are read again.")
    look_every: PositiveDuration = Field(
        timedelta(minutes=15),
        description="After which a ticket is looked at although it is not among the changes, as one that is gone.",
    )
    patience: PositiveDuration = Field(
        timedelta(seconds=20), description="After which a pass over the tickets ends; the rest waits for the next."
    )
    largest_file: Size = Field(10_000_000, description="The largest file that is fetched from there.")
    most_per_hour: int | None = Field(
        None, ge=1, description="Messages in any hour at most; what is above waits in order. No limit if left out."
    )

    @model_validator(mode="before")
    @classmethod
    def _over_its_preset(cls, data: Any) -> Any:  # noqa: ANN401 - plain YAML
        name = data.get("preset") if isinstance(data, Mapping) else None
        return over(preset(name), data) if name in presets() else data

    def calls(self, name: str) -> list[CallModel]:
        """The requests of a name, in order."""
        found = self.requests.get(name)  # type: ignore[call-overload]
        return found if isinstance(found, list) else [found] if found else []

    @property
    def meanings(self) -> dict[str, ReportKind | None]:
        """Their status -> the kind of report."""
        return {word: None if told == "none" else ReportKind(told) for word, told in self.statuses.items()}
