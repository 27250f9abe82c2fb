"""`mail.auth` as settings."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from pydantic import SecretStr

from bridge.configuration.logins import Fetch
from bridge.configuration.mail_login_models import MailClientModel, MailDelegatedModel, MailPasswordModel
from bridge.configuration.process_models import MailModel
from bridge.configuration.written import WrongValue
from bridge.settings import MailClient, MailDelegated, MailTokens

#: Microsoft's public cloud; other clouds, and other providers, are named by `authority`
_MICROSOFT = "https://login.microsoftonline.com/"


def build_mail_login(model: MailModel, fetch: Fetch) -> tuple[SecretStr | None, MailTokens | None]:
    """A password, or where tokens come from."""
    if model.password and model.auth:
        raise WrongValue("password: and auth: both say how to log in", "keep one of them")
    match model.auth:
        case None:
            return (fetch(model.password) if model.password else None), None
        case MailPasswordModel():
            return fetch(model.auth.password), None
        case MailClientModel() as auth:
            secret, certificate = auth.client_secret, auth.certificate
            return None, MailClient(
                _authority(auth),
                auth.client_id,
                fetch(secret) if secret else None,
                fetch(certificate) if certificate else None,
                tuple(auth.scope),
            )
        case MailDelegatedModel() as auth:
            return None, MailDelegated(_authority(auth), auth.client_id, Path(auth.token_file), tuple(auth.scope))
        case _:
            assert_never(model.auth)


def _authority(model: MailClientModel | MailDelegatedModel) -> str:
    return model.authority or f"{_MICROSOFT}{model.tenant}"


def user_name(model: MailModel, password: SecretStr | None, tokens: MailTokens | None) -> str:
    """The user name at both servers; empty where nobody logs in at SMTP."""
    name = model.username or (model.address if password or tokens else "")
    if tokens and not (name.isascii() and name.isprintable()):
        # XOAUTH2 separates its parts by control characters, and SMTP sends ASCII.
        raise WrongValue(f"the user name {name!r} cannot be said by XOAUTH2", "write the mailbox's address")
    return name
