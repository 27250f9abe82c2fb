"""The mail connectors' settings, from the configuration's."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

from bridge import settings as given
from bridge.connectors.mail.collecting import MailboxCollector
from bridge.connectors.mail.mailboxes import Box, Mailboxes, Visited
from bridge.connectors.mail.maildir import MaildirCollector, MaildirWatch
from bridge.connectors.mail.settings import MailSettings, tls_context
from bridge.connectors.mail.signing import Keys
from bridge.connectors.mail.tokens import ByClient, ByPerson, TokenHttp, TokenKeeper, applicant
from bridge.connectors.mail.watching import MailboxWatch
from bridge.domain.errors import UsageError
from bridge.ports import Store


def mail_settings(configured: given.MailSettings, environment: given.Environment, keys: Keys) -> MailSettings:
    """Everything that the mail connectors share. Raises `ConfigurationError`."""
    settings = MailSettings(
        smtp_url=configured.smtp,
        imap_url=configured.imap,
        address=configured.address,
        keys=keys,
        username=configured.username,
        password=configured.password.get_secret_value() if configured.password else "",
        display_name=configured.display_name,
        environment=environment.value,
        allow=configured.allow,
        allow_plaintext=configured.allow_plaintext,
        timeout=configured.timeout.total_seconds(),
        ca_file=configured.ca_file,
        mailbox=configured.folder,
        also_ours=tuple(box.address for box in configured.mailboxes if box.address),
        largest_mail=configured.largest_mail,
        authserv_id=configured.authserv_id,
        verp=configured.verp,
    )
    return replace(settings, tokens=_keeper(configured.tokens, configured))


def mailboxes(configured: given.MailSettings, settings: MailSettings, store: Store) -> Mailboxes:
    """What is collected from, and what notices that something came. Raises `ConfigurationError`."""
    source = f"mail:{configured.folder}"
    visited = [
        _visited(configured, box, _of_box(configured, box, settings), store, source) for box in _boxes(configured)
    ]
    return Mailboxes(source, visited, tick=collecting_every(configured), monotonic=time.monotonic)


def collecting_every(configured: given.MailSettings) -> timedelta:
    """The time between two passes over the mailboxes: as often as the most urgent one wants it."""
    return min(box.every for box in _boxes(configured))


def person(configured: given.MailSettings | None, mailbox: str = "") -> ByPerson:
    """Who logs in for the bridge, at one of its mailboxes. Raises `UsageError` where nobody has to."""
    if configured is not None:
        tokens = _tokens_of(configured, mailbox)
        asking = _asking(tokens, configured) if tokens is not None else None
        if isinstance(asking, ByPerson):
            return asking
    raise UsageError("nobody has to log in for the bridge's mail", remedy="write auth: with kind: delegated")


def _tokens_of(configured: given.MailSettings, mailbox: str) -> given.MailTokens | None:
    if not mailbox:
        return configured.tokens
    found = {box.name: box for box in configured.mailboxes}.get(mailbox)
    if found is None:
        known = ", ".join(box.name for box in configured.mailboxes) or "none"
        raise UsageError(f"no mailbox is called {mailbox}", remedy=f"those of mail.mailboxes are: {known}")
    return found.tokens


def _boxes(configured: given.MailSettings) -> list[given.MailboxSettings]:
    """All mailboxes, the first one, which has no name, among them."""
    first = given.MailboxSettings(
        name="",
        imap=configured.imap,
        folder=configured.folder,
        address=configured.address,
        username=configured.username,
        password=configured.password,
        tokens=configured.tokens,
        every=configured.every,
        idle=configured.idle,
    )
    return [*([first] if configured.imap else []), *configured.mailboxes]


def _of_box(configured: given.MailSettings, box: given.MailboxSettings, settings: MailSettings) -> MailSettings:
    """The settings by which one mailbox is read; a login that is the first one's shares its tokens."""
    if not box.name or box.maildir:
        return settings
    tokens = settings.tokens
    if box.tokens != configured.tokens:
        tokens = _keeper(box.tokens, configured)
    return replace(
        settings,
        imap_url=box.imap,
        mailbox=box.folder,
        username=box.username,
        password=box.password.get_secret_value() if box.password else "",
        tokens=tokens,
    )


def _visited(
    configured: given.MailSettings, box: given.MailboxSettings, settings: MailSettings, store: Store, source: str
) -> Visited:
    collector: Box
    if box.maildir:
        collector = MaildirCollector(box.maildir, settings.largest_mail, store, name=box.name, source=source)
    else:
        collector = MailboxCollector(settings, store, name=box.name, source=source)
    visited = Visited(collector, box.every if box.every > collecting_every(configured) else None)
    if box.idle and box.maildir:
        visited.watch = MaildirWatch(box.maildir, noticed=visited.notice)
    elif box.idle:
        visited.watch = MailboxWatch(settings, retry=box.every, noticed=visited.notice)
    return visited


def _keeper(tokens: given.MailTokens | None, configured: given.MailSettings) -> TokenKeeper | None:
    return TokenKeeper(_asking(tokens, configured), monotonic=time.monotonic) if tokens is not None else None


def _asking(tokens: given.MailTokens, configured: given.MailSettings) -> ByClient | ByPerson:
    return applicant(tokens, TokenHttp(configured.timeout.total_seconds(), lambda: tls_context(configured.ca_file)))
