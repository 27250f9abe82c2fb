"""The shape of `servicenow.auth`: how the bridge logs in at ServiceNow."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from bridge.configuration.secrecy import Secret
from bridge.configuration.strict import Strict


class BasicModel(Strict):
    """User name and password of the integration user."""

    kind: Literal["basic"] = Field(description="User name and password.")
    username: str = Field(description="The integration user's name.", min_length=1)
    password: Secret = Field(description="Its password.")


class ClientCredentialsModel(Strict):
    """OAuth client credentials."""

    kind: Literal["client_credentials"] = Field(description="OAuth client credentials, at `/oauth_token.do`.")
    client_id: str = Field(description="The application's client identifier.", min_length=1)
    client_secret: Secret = Field(description="The application's secret.")


class PasswordModel(Strict):
    """OAuth with the integration user's password. It is sent once; afterwards the refresh token is."""

    kind: Literal["password"] = Field(description="OAuth password grant, at `/oauth_token.do`.")
    client_id: str = Field(description="The application's client identifier.", min_length=1)
    client_secret: Secret = Field(description="The application's secret.")
    username: str = Field(description="The integration user's name.", min_length=1)
    password: Secret = Field(description="Its password.")


class RefreshTokenModel(Strict):
    """OAuth with a refresh token that somebody was given; when it ends, after 100 days by default, it is replaced."""

    kind: Literal["refresh_token"] = Field(description="OAuth refresh token grant, at `/oauth_token.do`.")
    client_id: str = Field(description="The application's client identifier.", min_length=1)
    client_secret: Secret = Field(description="The application's secret.")
    refresh_token: Secret = Field(description="The refresh token.")


class JwtBearerModel(Strict):
    """OAuth with a JWT that the bridge signs: nothing secret but the token request's client secret ever leaves."""

    kind: Literal["jwt_bearer"] = Field(description="OAuth JWT bearer grant, at `/oauth_token.do`.")
    client_id: str = Field(description="Client identifier of the JWT API endpoint; the issuer.", min_length=1)
    client_secret: Secret | None = Field(None, description="Its secret; left out for a public client.")
    private_key: Secret = Field(description="RSA private key in PEM, without a passphrase; best as `file:/path`.")
    key_id: str = Field(description="The key identifier (`kid`) of the JWT verifier map.", min_length=1)
    subject: str = Field(
        description="What the instance finds the user by: the value of the endpoint's user field, such as its e-mail.",
        min_length=1,
    )
    audience: str = Field("", description="The audience that the instance expects; `client_id` if it is left out.")


class ApiKeyModel(Strict):
    """An inbound REST API key, which the instance binds to the integration user."""

    kind: Literal["api_key"] = Field(description="Inbound REST API key, sent as `x-sn-apikey`.")
    key: Secret = Field(description="The key.")


LoginModel: TypeAlias = Annotated[
    BasicModel | ClientCredentialsModel | PasswordModel | RefreshTokenModel | JwtBearerModel | ApiKeyModel,
    Field(discriminator="kind"),
]
