"""The mail connectors' settings, from the configuration's."""

from __future__ import annotations

import time
from dataclasses import replace

from bridge import settings as given
from bridge.connectors.mail.settings import MailSettings, tls_context
from bridge.connectors.mail.signing import Keys
from bridge.connectors.mail.tokens import ByClient, ByPerson, TokenHttp, TokenKeeper, applicant
from bridge.domain.errors import UsageError


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
        largest_mail=configured.largest_mail,
        authserv_id=configured.authserv_id,
        verp=configured.verp,
    )
    if configured.tokens is None:
        return settings
    return replace(settings, tokens=TokenKeeper(_asking(configured.tokens, configured), monotonic=time.monotonic))


def person(configured: given.MailSettings | None) -> ByPerson:
    """Who logs in for the bridge. Raises `UsageError` where nobody has to."""
    if configured is not None and configured.tokens is not None:
        asking = _asking(configured.tokens, configured)
        if isinstance(asking, ByPerson):
            return asking
    raise UsageError("nobody has to log in for the bridge's mail", remedy="write mail.auth with kind: delegated")


def _asking(tokens: given.MailTokens, configured: given.MailSettings) -> ByClient | ByPerson:
    return applicant(tokens, TokenHttp(configured.timeout.total_seconds(), lambda: tls_context(configured.ca_file)))
