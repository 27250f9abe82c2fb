"""`/oauth_token.do`: the grants password, client_credentials and refresh_token."""

from __future__ import annotations

from urllib.parse import parse_qsl

from bridge.sandbox.servicenow.accounts import Accounts
from bridge.sandbox.servicenow.web import Request, Response

_DENIED = {"error_description": "access_denied", "error": "server_error"}


def token(accounts: Accounts, request: Request) -> Response:
    """Answer a token request. The client proves itself in the form or in a Basic header."""
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    user_name = _user(accounts, form) if request.method == "POST" and _is_client(accounts, request, form) else None
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


def _is_client(accounts: Accounts, request: Request, form: dict[str, str]) -> bool:
    identity = request.basic_credentials() or (form.get("client_id", ""), form.get("client_secret", ""))
    return identity == (accounts.client.client_id, accounts.client.client_secret)


def _user(accounts: Accounts, form: dict[str, str]) -> str | None:
    match form.get("grant_type"):
        case "client_credentials":
            return accounts.client.user_name
        case "password":
            name = form.get("username", "")
            return name if accounts.password_is(name, form.get("password", "")) else None
        case "refresh_token":
            return accounts.refresh_user(form.get("refresh_token", ""))
        case _:
            return None
