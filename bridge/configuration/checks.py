"""What no single value tells: whether the parts of the configuration fit together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from ipaddress import ip_address
from urllib.parse import urlsplit

from bridge.configuration.desk_models import AgreementModel, DeskModel, MethodModel
from bridge.configuration.document import Document, Expanded, Location
from bridge.configuration.kinds import check_kind
from bridge.configuration.problems import Problem
from bridge.configuration.process_models import BridgeModel
from bridge.configuration.rest_checks import check_rest
from bridge.domain.agreement import Afterwards, Mode
from bridge.domain.case import profile_of
from bridge.domain.spelling import write_one_of
from bridge.mapping.attributes import BUILT_IN
from bridge.mapping.expressions import ExpressionError, FieldKind, compile_expression

_SHORTEST_KEY = 32


def check_process(model: BridgeModel, document: Document, desks: Iterable[DeskModel]) -> Iterable[Problem]:
    """What `bridge.yaml` says, beside itself and the desks."""
    desks = tuple(desks)
    yield from _check_sources(model, document)
    yield from _check_mail(model, document, desks)
    yield from _check_names(model, document, desks)
    if model.servicenow.url.startswith("http:") and not _may_be_plain(model):
        yield document.problem(
            ("servicenow", "url"), "url: everything would travel unprotected", "write https://, as outside tests always"
        )
    if (model.web.public_address or "").startswith("http:") and model.environment == "production":
        yield document.problem(
            ("web", "public_address"), "public_address: answers would travel unprotected", "write https://"
        )
    yield from _check_timeouts(model, document)


def _check_timeouts(model: BridgeModel, document: Document) -> Iterable[Problem]:
    """A call must be over before its delivery's time is, and of a batch's time some must be left to begin in."""
    servicenow, delivery = model.servicenow, model.delivery
    call = servicenow.connect_timeout + servicenow.read_timeout
    if call > delivery.client_timeout:
        yield document.problem(
            ("servicenow", "read_timeout"),
            f"connect_timeout and read_timeout together ({call}) exceed delivery.client_timeout",
            f"write less than {delivery.client_timeout} together, or a longer client_timeout",
        )
    batch = servicenow.connect_timeout + servicenow.batch_read_timeout
    if batch >= delivery.batch_timeout:
        yield document.problem(
            ("servicenow", "batch_read_timeout"),
            f"connect_timeout and batch_read_timeout together ({batch}) leave nothing of delivery.batch_timeout",
            f"write less than {delivery.batch_timeout} together, or a longer batch_timeout",
        )


def _may_be_plain(model: BridgeModel) -> bool:
    host = urlsplit(model.servicenow.url).hostname or ""
    return model.environment != "production" or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_sources(model: BridgeModel, document: Document) -> Iterable[Problem]:
    names: set[str] = set()
    for index, source in enumerate(model.sources):
        at: Location = ("sources", index)
        if source.name in names:
            yield document.problem((*at, "name"), f"a second source is called {source.name!r}", "give it another name")
        names.add(source.name)


def _check_mail(model: BridgeModel, document: Document, desks: Sequence[DeskModel]) -> Iterable[Problem]:
    if model.mail is None:
        if desks:
            yield document.problem((), "'mail' is missing, and the desks are reached by mail", "add mail:")
        if model.alerts.mail:
            yield document.problem(("alerts", "mail"), "alarms cannot go out by mail without 'mail'", "add mail:")
        return
    if not model.signing_keys:
        yield document.problem(
            (),
            "'signing_keys' is missing, and references in mails are signed",
            "add signing_keys: [${BRIDGE_SIGNING_KEY}]",
        )
    live = sorted(desk.desk for desk in desks if desk.mode is Mode.LIVE)
    if model.environment != "production" and live and not model.mail.allow:
        yield document.problem(
            ("mail",),
            f"allow is missing, and outside production the live desk {live[0]} can be sent to listed addresses only",
            "add allow: with addresses or domains such as @example.org, or write environment: production",
        )


def check_key(length: int, document: Document, at: Location) -> Iterable[Problem]:
    """A key that is too short to sign with."""
    if length < _SHORTEST_KEY:
        yield document.problem(
            at,
            "the signing key is too short",
            f"make one of at least {_SHORTEST_KEY} characters, such as with: openssl rand -base64 48",
        )


def _check_names(model: BridgeModel, document: Document, desks: Sequence[DeskModel]) -> Iterable[Problem]:
    for name in model.attributes:
        if name in BUILT_IN:
            yield document.problem(
                ("attributes", name), f"{name!r} is built in and would mean two things", "choose another name"
            )
    known = {desk.desk for desk in desks}
    confirm = model.hold.confirm
    for index, name in enumerate(confirm if isinstance(confirm, list) else ()):
        if name not in known:
            yield document.problem(
                ("hold", "confirm", index), f"hold: no desk is called {name!r}", write_one_of(name, known)
            )


def check_desk(
    desk: DeskModel, document: Document, process: BridgeModel | None, codes: Mapping[str, str]
) -> Iterable[Problem]:
    """What one desk file says, beside itself and `bridge.yaml`."""
    versions: set[int] = set()
    for at, agreement in _places(desk):
        for name, value in agreement.method.installed.items():
            yield from check_kind(name, value, MethodModel.model_fields, document, (*at, "method"))
        if agreement.method.rest is not None:
            production = process is not None and process.environment == "production"
            yield from check_rest(agreement.method.rest, document, (*at, "method", "rest"), production=production)
        if agreement.version in versions:
            yield document.problem(
                (*at, "version"), f"version {agreement.version} is there twice", "give each version its own number"
            )
        versions.add(agreement.version)
        if process is not None:
            yield from _check_beside(desk, agreement, document, at, process, codes)


def _places(desk: DeskModel) -> Iterable[tuple[Location, AgreementModel]]:
    if desk.agreement is not None:
        yield ("agreement",), desk.agreement
    for index, agreement in enumerate(desk.agreements):
        yield ("agreements", index), agreement


def _check_beside(
    desk: DeskModel,
    agreement: AgreementModel,
    document: Document,
    at: Location,
    process: BridgeModel,
    codes: Mapping[str, str],
) -> Iterable[Problem]:
    if desk.hooks is not None and process.web.public is None:
        yield document.problem(
            ("hooks",), "nobody listens to hooks", "add web.public and web.public_address to bridge.yaml"
        )
    email = agreement.method.email
    if email and own_addresses(process) & {address.lower() for address in email.to}:
        yield document.problem(
            (*at, "method", "email", "to"), "the desk has the bridge's own address", "write the desk's mailbox"
        )
    if process.environment != "production" and desk.mode is not Mode.OBSERVE:
        yield from _check_reach(agreement.method, document, (*at, "method"), process)
    if desk.mode is not Mode.LIVE or agreement.afterwards is not Afterwards.RESOLVE:
        return
    coded = {source.table for source in process.sources if profile_of(source.table).resolution_code}
    for table in sorted(coded - set(codes) - set(agreement.resolution_codes)):
        yield document.problem(
            at,
            f"a live desk's cases are resolved, and {table} has no resolution code",
            "add resolution_codes: with the table and a code of its list, or write afterwards: release",
        )


def _check_reach(method: MethodModel, document: Document, at: Location, process: BridgeModel) -> Iterable[Problem]:
    """Outside production no desk's real system gets a ticket about a test: it must be named as one that may."""
    allowed = process.portals.allow
    for name, own in (("rest", method.rest), ("servicenow", method.servicenow)):
        host = (urlsplit(own.url).hostname or "") if own is not None else "localhost"
        if not _is_loopback(host) and not any(fnmatchcase(host.lower(), one) for one in allowed):
            yield document.problem(
                (*at, name, "url"),
                f"outside production {host} may not be used: portals.allow does not name it",
                f"add it in bridge.yaml, as portals: {{allow: [{host}]}}, or write environment: production there",
            )
    for name in method.installed:
        if name.lower() not in allowed:
            yield document.problem(
                (*at, name),
                f"outside production the method {name!r} may not be used: portals.allow does not name it",
                f"add it in bridge.yaml, as portals: {{allow: [{name}]}}, or write environment: production there",
            )


def own_addresses(process: BridgeModel) -> frozenset[str]:
    """The addresses of all the bridge's mailboxes, in small letters."""
    if process.mail is None:
        return frozenset()
    addresses = (process.mail.address, *(box.address for box in process.mail.mailboxes))
    return frozenset(address.lower() for address in addresses if address)


def check_routes(document: Document, desks: Iterable[str], kinds: Mapping[str, FieldKind]) -> Iterable[Problem]:
    """Conditions that cannot be used, and desks that nobody configured; of a file that is otherwise wrong, too."""
    known = set(desks)
    told = document.data if isinstance(document.data, Mapping) else {}
    yield from _check_condition(told.get("triaged"), kinds, document, ("triaged",))
    routes = told.get("routes")
    for index, route in enumerate(routes if isinstance(routes, list) else ()):
        if not isinstance(route, Mapping):
            continue
        at: Location = ("routes", index)
        yield from _check_condition(route.get("when"), kinds, document, (*at, "when"))
        for key in ("propose", "engage"):
            desk = route.get(key)
            if isinstance(desk, str) and desk not in known:
                yield document.problem((*at, key), f"{key}: no desk is called {desk!r}", write_one_of(desk, known))


def _check_condition(
    text: object, kinds: Mapping[str, FieldKind], document: Document, at: Location
) -> Iterable[Problem]:
    if not isinstance(text, str):
        return
    try:
        compile_expression(text, kinds)
    except ExpressionError as error:
        hidden = isinstance(text, Expanded)
        yield document.problem(at, f"the value of {text!r} is no condition" if hidden else error.what, error.remedy)
