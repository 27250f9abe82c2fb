"""Where mail goes out and comes in, and under which conditions."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from bridge.connectors.mail.logins import Tokens
from bridge.connectors.mail.signing import Keys, envelope_sender
from bridge.domain.errors import ConfigurationError, FarSideError

PRODUCTION = "production"


class Security(StrEnum):
    """How a connection is protected."""

    #: TLS from the first byte (RFC 8314)
    TLS = "tls"
    #: STARTTLS, and no mail without it
    STARTTLS = "starttls"
    #: nothing; only where the configuration says so in words
    PLAINTEXT = "plaintext"


_SCHEMES = {
    "smtps": (Security.TLS, 465),
    "smtp": (Security.STARTTLS, 587),
    "smtp+plain": (Security.PLAINTEXT, 25),
    "imaps": (Security.TLS, 993),
    "imap": (Security.STARTTLS, 143),
    "imap+plain": (Security.PLAINTEXT, 143),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server: host, port and protection, read from a URL such as `smtps://mail.example.org:465`."""

    host: str
    port: int
    security: Security

    @classmethod
    def parse(cls, url: str, protocol: str, *, allow_plaintext: bool) -> Endpoint:
        """Raises `ConfigurationError` for another protocol, a missing host, or plaintext that was not allowed."""
        parts = urlsplit(url)
        known = _SCHEMES.get(parts.scheme)
        if known is None or not parts.scheme.startswith(protocol) or not parts.hostname:
            raise ConfigurationError(
                f"{parts.scheme}://{parts.hostname or ''} is not an address of an {protocol.upper()} server",
                remedy=f"write {protocol}s://host (TLS) or {protocol}://host (STARTTLS, required)",
            )
        if parts.username or parts.password:
            raise ConfigurationError(
                f"the {protocol.upper()} address must not hold a login", remedy="set mail.username and mail.password"
            )
        security, port = known
        if security is Security.PLAINTEXT and not allow_plaintext:
            raise ConfigurationError(
                f"{parts.scheme}:// sends passwords and cases unencrypted",
                remedy=f"use {protocol}s:// or {protocol}://, or set mail.allow_plaintext: true if that is meant",
            )
        return cls(parts.hostname, parts.port or port, security)


class NotAllowed(FarSideError):
    """Outside production a mail may go only to recipients on the allow-list; no connection was made."""

    code = "not_allowed"


@dataclass(frozen=True, slots=True)
class MailSettings:
    """Everything that the mail connectors share. Times are seconds, sizes bytes."""

    smtp_url: str
    #: empty where no mailbox is read by IMAP
    imap_url: str
    #: our address: sender, Reply-To, and where desks answer
    address: str
    keys: Keys
    username: str = ""
    password: str = field(default="", repr=False)
    #: instead of a password
    tokens: Tokens | None = field(default=None, repr=False)
    display_name: str = "CPSD Bridge"
    #: `production`, or the name of any other environment, in which only `allow` may be written to
    environment: str = PRODUCTION
    #: recipients outside production: addresses, `@domain`, or patterns such as `desk-*@test.example`
    allow: tuple[str, ...] = ()
    allow_plaintext: bool = False
    timeout: float = 30.0
    #: certificates to trust besides the system's
    ca_file: Path | None = None
    mailbox: str = "INBOX"
    #: addresses of other mailboxes of ours
    also_ours: tuple[str, ...] = ()
    #: mails above this size are kept by their first bytes only, for a person to look at
    largest_mail: int = 35_000_000
    #: whose Authentication-Results (RFC 8601) are believed; empty believes none
    authserv_id: str = ""
    #: whether each mail has an envelope sender of its own, `local+…@domain`, to which its bounces come back
    verp: bool = False

    def __post_init__(self) -> None:
        if self.address.count("@") != 1 or not self.address.isascii() or any(c.isspace() for c in self.address):
            raise ConfigurationError(
                f"{self.address!r} is not a mail address", remedy="write mail.address like cpsd@example.org"
            )
        _ = self.smtp
        if self.imap_url:
            _ = self.imap

    @property
    def smtp(self) -> Endpoint:
        """Where mail is handed over."""
        return Endpoint.parse(self.smtp_url, "smtp", allow_plaintext=self.allow_plaintext)

    @property
    def imap(self) -> Endpoint:
        """Where mail is collected."""
        return Endpoint.parse(self.imap_url, "imap", allow_plaintext=self.allow_plaintext)

    @property
    def own_addresses(self) -> tuple[str, ...]:
        """The addresses of all our mailboxes, in small letters, the one we write from first."""
        return tuple(dict.fromkeys(address.lower() for address in (self.address, *self.also_ours)))

    @property
    def user(self) -> str:
        """The user name at both servers."""
        return self.username or self.address

    @property
    def domain(self) -> str:
        """The domain of our address, which is also that of our Message-IDs."""
        return self.address.rpartition("@")[2].lower()

    def sender(self, message_id: str) -> str:
        """The envelope sender of a mail."""
        return envelope_sender(self.address, message_id) if self.verp else self.address

    def tls(self) -> ssl.SSLContext:
        """How connections are protected."""
        return tls_context(self.ca_file)

    def refuse_strangers(self, recipients: tuple[str, ...], desk: str = "") -> None:
        """Raises `NotAllowed` if outside production any recipient matches no pattern of the allow-list."""
        if self.environment == PRODUCTION:
            return
        strangers = [address for address in recipients if not self._allows(address.lower())]
        if strangers:
            raise NotAllowed(
                f"{', '.join(strangers)} may not be written to in environment {self.environment}",
                desk=desk,
                remedy="add a pattern to mail.allow, or correct the desk's address",
            )

    def _allows(self, address: str) -> bool:
        entries = (entry.lower() for entry in self.allow)
        return any(fnmatchcase(address, f"*{entry}" if entry.startswith("@") else entry) for entry in entries)


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Certificates and host names are always checked, by the system's authorities and those of a file."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context
