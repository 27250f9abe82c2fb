"""`servicenow.auth` as settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from pydantic import SecretStr

from bridge.configuration.login_models import (
    ApiKeyModel,
    BasicModel,
    ClientCredentialsModel,
    JwtBearerModel,
    LoginModel,
    PasswordModel,
    RefreshTokenModel,
)
from bridge.configuration.secrecy import SecretSource
from bridge.settings import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    ClientCredentials,
    JwtGrant,
    PasswordGrant,
    RefreshGrant,
)

Fetch = Callable[[SecretSource], SecretStr]


def build_login(model: LoginModel, fetch: Fetch) -> Auth:
    """How the bridge logs in."""
    match model:
        case BasicModel():
            return BasicAuth(model.username, fetch(model.password))
        case ClientCredentialsModel():
            return ClientCredentials(model.client_id, fetch(model.client_secret))
        case PasswordModel():
            return PasswordGrant(model.client_id, fetch(model.client_secret), model.username, fetch(model.password))
        case RefreshTokenModel():
            return RefreshGrant(model.client_id, fetch(model.client_secret), fetch(model.refresh_token))
        case JwtBearerModel():
            return _jwt(model, fetch)
        case ApiKeyModel():
            return ApiKeyAuth(fetch(model.key))
        case _:
            assert_never(model)


def named_user(model: LoginModel) -> str:
    """The integration user's name, where the login says it."""
    return model.username if isinstance(model, BasicModel | PasswordModel) else ""


def _jwt(model: JwtBearerModel, fetch: Fetch) -> JwtGrant:
    return JwtGrant(
        client_id=model.client_id,
        client_secret=fetch(model.client_secret) if model.client_secret else None,
        private_key=fetch(model.private_key),
        key_id=model.key_id,
        subject=model.subject,
        audience=model.audience or model.client_id,
    )
