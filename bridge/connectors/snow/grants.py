"""What an OAuth client shows in order to get an access token: the four grants that `/oauth_token.do` takes.

RFC 6749, sections 4.3 (password), 4.4 (client credentials) and 6 (refresh); RFC 7523, section 2.1 (JWT bearer).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bridge.domain.errors import ConfigurationError
from bridge.ports import Clock, Random

#: how long an assertion is valid; it is used at once, and the platform allows for 300 s of clock difference
_ASSERTION_SECONDS = 300
_ASSERTION_ID_BYTES = 16


@dataclass(frozen=True)
class Client:
    """An application of ServiceNow's OAuth registry; one that proves itself by its assertions may have no secret."""

    identifier: str
    secret: str = field(default="", repr=False)

    def form(self) -> dict[str, str]:
        """How it names and proves itself in a token request."""
        form = {"client_id": self.identifier}
        return {**form, "client_secret": self.secret} if self.secret else form


class Grant(Protocol):
    """What is exchanged for a token."""

    @property
    def remedy(self) -> str:
        """What to look at when the exchange is refused."""
        ...

    def form(self) -> Mapping[str, str]:
        """The fields of the token request, beside those of the client."""
        ...


@dataclass(frozen=True)
class ByClient:
    """The client's own credentials; the registry says as which user it acts."""

    remedy: str = "check client_id and client_secret, and that the OAuth entity allows client_credentials"

    def form(self) -> Mapping[str, str]:
        return {"grant_type": "client_credentials"}


@dataclass(frozen=True)
class ByPassword:
    """The integration user's name and password, used once for each refresh token."""

    username: str
    password: str = field(repr=False)
    remedy: str = "check username, password, client_id and client_secret, and that the user is neither locked nor new"

    def form(self) -> Mapping[str, str]:
        return {"grant_type": "password", "username": self.username, "password": self.password}


@dataclass(frozen=True)
class ByRefreshToken:
    """A refresh token that somebody was given; the platform's default is that it ends after 100 days."""

    refresh_token: str = field(repr=False)
    remedy: str = "check client_id and client_secret, and whether the refresh token has ended: then put in a new one"

    def form(self) -> Mapping[str, str]:
        return {"grant_type": "refresh_token", "refresh_token": self.refresh_token}


class ByAssertion:
    """A short-lived JWT, signed (RS256) with a private key whose certificate the instance knows by `key_id`."""

    remedy = (
        "check subject, key_id and audience against the JWT verifier map and the JWT API endpoint's registry entry, "
        "and this machine's clock"
    )

    def __init__(
        self,
        client_id: str,
        subject: str,
        *,
        private_key: str,
        key_id: str,
        audience: str,
        clock: Clock,
        random: Random,
    ) -> None:
        """Raises `ConfigurationError` for a text that holds no RSA private key in PEM without a passphrase."""
        self._claims = {"iss": client_id, "sub": subject, "aud": audience}
        self._key_id = key_id
        self._key = _private_key(private_key)
        self._clock = clock
        self._random = random

    def form(self) -> Mapping[str, str]:
        issued = int(self._clock.now().timestamp())
        claims = {
            **self._claims,
            "iat": issued,
            "exp": issued + _ASSERTION_SECONDS,
            "jti": self._random.token(_ASSERTION_ID_BYTES).hex(),
        }
        assertion = jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}


def _private_key(pem: str) -> RSAPrivateKey:
    key = _parsed(pem)
    if not isinstance(key, RSAPrivateKey):
        # Raised here and not while handling what the library says, which may quote the text.
        raise ConfigurationError(
            "servicenow.auth.private_key holds no usable RSA key",
            remedy="write file:/path of an RSA private key in PEM, without a passphrase",
        )
    return key


def _parsed(pem: str) -> object:
    try:
        return load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
