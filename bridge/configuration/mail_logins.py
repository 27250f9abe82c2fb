"""Who logs in where: `mail.auth` and `mail.mailboxes` as settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import assert_never

from pydantic import SecretStr

from bridge.configuration.logins import Fetch
from bridge.configuration.mail_login_models import MailboxModel, MailClientModel, MailDelegatedModel, MailPasswordModel
from bridge.configuration.process_models import MailModel
from bridge.configuration.written import WrongValue
from bridge.settings import MailboxSettings, MailClient, MailDelegated, MailTokens

#: Microsoft's public cloud; other clouds, and other providers, are named by `authority`
_MICROSOFT = "https://login.microsoftonline.com/"


def build_mail_login(model: MailModel | MailboxModel, fetch: Fetch) -> tuple[SecretStr | None, MailTokens | None]:
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


def build_mailboxes(model: MailModel, user: str, fetch: Fetch) -> tuple[MailboxSettings, ...]:
    """What is read besides the first mailbox. `user` is the user name of `mail`."""
    if not model.imap and not model.mailboxes:
        raise WrongValue("no mailbox is read", "add imap: with the server of the bridge's mailbox")
    built = tuple(_mailbox(model, box, user, fetch) for box in model.mailboxes)
    names, places = {model.folder}, {(model.imap, user, model.folder)}
    for box in built:
        place = (str(box.maildir), "", "") if box.maildir else (box.imap, box.username, box.folder)
        if box.name in names:
            raise WrongValue(f"two mailboxes are called {box.name!r}", "give each its own name")
        if place in places:
            raise WrongValue(f"the mailbox {box.name!r} is read twice", "take it out, or correct its folder")
        names.add(box.name)
        places.add(place)
    return built


def _mailbox(model: MailModel, box: MailboxModel, user: str, fetch: Fetch) -> MailboxSettings:
    if box.maildir:
        return _maildir(model, box)
    password, tokens = build_mail_login(box, fetch)
    imap = box.imap or model.imap
    if not imap:
        raise WrongValue(f"the mailbox {box.name!r} is nowhere", "write its imap:")
    refuse_plaintext(model, imap)
    if not password and not tokens:
        password, tokens = build_mail_login(model, fetch)
    username = box.username or box.address or user or model.address
    return MailboxSettings(
        box.name,
        imap,
        box.folder,
        box.address or "",
        _sayable(username, tokens),
        password,
        tokens,
        box.every or model.every,
        model.idle if box.idle is None else box.idle,
    )


def _maildir(model: MailModel, box: MailboxModel) -> MailboxSettings:
    """A folder needs no login; whether it is one is for `check` to say, it may be mounted later."""
    if box.imap or box.username or box.password or box.auth or "folder" in box.model_fields_set:
        raise WrongValue(
            f"the mailbox {box.name!r} is a Maildir and on a server", "write either maildir: or the others"
        )
    path = Path(box.maildir)
    if not path.is_absolute():
        raise WrongValue(f"maildir: {box.maildir!r} depends on where the bridge is started", "write the whole path")
    idle = model.idle if box.idle is None else box.idle
    return MailboxSettings(
        box.name,
        "",
        "",
        box.address or "",
        "",
        None,
        None,
        box.every or model.every,
        idle,
        Path(os.path.normpath(path)),
    )


def refuse_plaintext(model: MailModel, url: str) -> None:
    """Raises `WrongValue` for an unprotected connection that was not allowed in words."""
    if "+plain:" in url and not model.allow_plaintext:
        raise WrongValue(
            f"{url.partition(':')[0]}: would send passwords and cases unprotected",
            "write smtps: and imaps:, or allow_plaintext: true if that is meant",
        )


def user_name(model: MailModel, password: SecretStr | None, tokens: MailTokens | None) -> str:
    """The user name at both servers; empty where nobody logs in at SMTP."""
    return _sayable(model.username or (model.address if password or tokens else ""), tokens)


def _sayable(name: str, tokens: MailTokens | None) -> str:
    if tokens and not (name.isascii() and name.isprintable()):
        # XOAUTH2 separates its parts by control characters, and SMTP sends ASCII.
        raise WrongValue(f"the user name {name!r} cannot be said by XOAUTH2", "write the mailbox's address")
    return name
