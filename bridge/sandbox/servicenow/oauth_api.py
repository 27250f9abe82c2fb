"""`/oauth_token.do`: the grants password, client_credentials, refresh_token and JWT bearer."""

from __future__ import annotations

from urllib.parse import parse_qsl

import jwt

from bridge.sandbox.servicenow.accounts import Accounts
from bridge.sandbox.servicenow.web import Request, Response

_DENIED = {"error_description": "access_denied", "error": "server_error"}
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: Seconds by which the clocks of client and instance may differ.
_LEEWAY = 300


def token(accounts: Accounts, request: Request) -> Response:
    """Answer a token request. The client proves itself in the form, in a Basic header, or by its assertion."""
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    user_name = _user(accounts, request, form) if request.method == "POST" else None
    if user_name is None or accounts.actor(user_name) is None:
        return Response.of(_DENIED, 401)
    request.user = user_name
    access, refresh = accounts.issue(user_name)
    answer: dict[str, object] = {
        "access_token": access,
        "scope": "useraccount",
        "token_type": "Bearer",
        "expires_in": max(int(accounts.token_lifetime) - 1, 0),
    }
    if form.get("grant_type") != "client_credentials":
        answer["refresh_token"] = form.get("refresh_token") or refresh
    return Response.of(answer)


def _user(accounts: Accounts, request: Request, form: dict[str, str]) -> str | None:
    """The login name that the grant is for, or None."""
    given = request.basic_credentials() or (form.get("client_id", ""), form.get("client_secret", ""))
    proven = given == (accounts.client.client_id, accounts.client.client_secret)
    match form.get("grant_type"):
        case "client_credentials" if proven:
            return accounts.client.user_name
        case "password" if proven:
            name = form.get("username", "")
            return name if accounts.password_is(name, form.get("password", "")) else None
        case "refresh_token" if proven:
            return accounts.refresh_user(form.get("refresh_token", ""))
        case grant if grant == _JWT_BEARER and (proven or not given[1]):
            # An application may be public: then its signature is its only proof.
            return _asserted(accounts, request, form.get("assertion", ""))
        case _:
            return None


def _asserted(accounts: Accounts, request: Request, assertion: str) -> str | None:
    """The user that a signed assertion names (RFC 7523): issued by the client, for this instance, not yet ended."""
    client = accounts.client
    audience = [client.client_id, f"https://{request.headers.get('host', '')}/oauth_token.do"]
    audience.append(audience[-1].replace("https://", "http://"))
    for key in client.public_keys:
        try:
            claims = jwt.decode(
                assertion,
                key,
                algorithms=["RS256", "RS384", "RS512"],
                audience=audience,
                issuer=client.client_id,
                leeway=_LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp"]},
            )
        except jwt.InvalidTokenError:
            continue  # the next key may be the one that signed it
        return accounts.user_called(str(claims["sub"]))
    return None
