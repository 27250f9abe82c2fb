"""`method.rest` as what its connector is told: templates and expressions compiled, secrets fetched."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never
from zoneinfo import ZoneInfo

from bridge.configuration.logins import Fetch
from bridge.configuration.rest_models import (
    AuthModel,
    BasicModel,
    BearerModel,
    BodyModel,
    CallModel,
    ClientModel,
    HeaderModel,
    LoginModel,
    PagingModel,
    RestModel,
)
from bridge.connectors.rest.answers import Path as Expression
from bridge.connectors.rest.answers import Times
from bridge.connectors.rest.description import (
    Auth,
    BasicAuth,
    Body,
    Call,
    ClientAuth,
    HeaderAuth,
    Paging,
    RestSettings,
    SessionAuth,
)
from bridge.connectors.rest.templates import Leaf, compiled


def build_rest(model: RestModel, fetch: Fetch) -> RestSettings:
    """The settings of one desk. Raises `WrongValue` for a secret that is not there."""
    return RestSettings(
        url=model.url,
        auth=build_auth(model.auth, fetch),
        requests={name: tuple(build_call(call) for call in model.calls(name)) for name in model.requests},
        statuses=model.meanings,
        on=dict(model.on),
        settings=dict(model.settings),
        reference=Leaf(model.named),
        link=Leaf(model.link) if model.link else None,
        ours=frozenset(model.ours),
        times=Times(tuple(model.times), ZoneInfo(model.zone)),
        ca_file=Path(model.ca_file) if model.ca_file else None,
        connect_timeout=model.connect_timeout.total_seconds(),
        timeout=model.timeout.total_seconds(),
        rate=model.rate,
        idempotency=model.idempotency,
        find_lag=model.find_lag.total_seconds(),
        overlap=model.overlap.total_seconds(),
        look_every=model.look_every.total_seconds(),
        patience=model.patience.total_seconds(),
        largest_file=model.largest_file,
    )


def build_auth(model: AuthModel, fetch: Fetch) -> Auth:
    """How the bridge logs in there."""
    match model:
        case BasicModel():
            return BasicAuth(model.username, fetch(model.password).get_secret_value())
        case BearerModel():
            return HeaderAuth("Authorization", f"Bearer {fetch(model.token).get_secret_value()}")
        case HeaderModel():
            return HeaderAuth(model.header, f"{model.prefix}{fetch(model.key).get_secret_value()}")
        case ClientModel():
            secret = fetch(model.client_secret).get_secret_value()
            return ClientAuth(model.token_url, model.client_id, secret, model.scope, dict(model.extra))
        case LoginModel():
            return SessionAuth(
                build_call(model.request),
                model.username,
                fetch(model.password).get_secret_value(),
                Expression(model.token) if model.token else None,
                model.header,
                model.prefix,
            )
        case _:
            assert_never(model)


def build_call(model: CallModel) -> Call:
    """One request. Raises `TemplateProblem` and `PathProblem`, which the checks have told before."""
    return Call(
        method=model.method,
        path=Leaf(model.path, quoted=True),
        query={name: Leaf(text) for name, text in model.query.items()},
        headers={name: Leaf(text) for name, text in model.headers.items()},
        body=_body(model.body) if model.body else None,
        answer={name: Expression(text) for name, text in model.answer.items()},
        keep={name: Expression(text) for name, text in model.keep.items()},
        refused=Expression(model.refused) if model.refused else None,
        paging=_paging(model.paging) if model.paging else None,
    )


def _body(model: BodyModel) -> Body | None:
    if model.json_ is not None:
        return Body("json", compiled(model.json_))
    if model.form is not None:
        return Body("form", compiled(model.form))
    if model.multipart is not None:
        return Body("multipart", compiled(model.multipart))
    return Body("raw", Leaf(model.raw or ""), model.content_type)


def _paging(model: PagingModel) -> Paging:
    return Paging(model.by, model.name, Expression(model.value) if model.value else None, model.first, model.most)
