"""What each part of the bridge is told about itself, as plain frozen values.

`bridge.configuration.load` makes these from the files; no part reads a file or the environment on its own. Secrets are
`SecretStr`: neither `repr` nor a log shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from pydantic import SecretStr

from bridge.domain.contacts import ServiceNowContact
from bridge.domain.ids import DeskName
from bridge.mapping.routing import Router
from bridge.ports import Desks, Stream


class Environment(StrEnum):
    """Where the bridge runs. Anything but production sends mail to the allow-list only."""

    PRODUCTION = "production"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """User name and password of the integration user."""

    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth client credentials (RFC 6749, section 4.4), exchanged at the instance's `/oauth_token.do`."""

    client_id: str
    client_secret: SecretStr


@dataclass(frozen=True, slots=True)
class PasswordGrant:
    """OAuth with the integration user's password (RFC 6749, section 4.3); refreshed afterwards."""

    client_id: str
    client_secret: SecretStr
    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """OAuth with a refresh token that somebody was given (RFC 6749, section 6)."""

    client_id: str
    client_secret: SecretStr
    refresh_token: SecretStr


@dataclass(frozen=True, slots=True)
class JwtGrant:
    """OAuth with assertions that we sign (RFC 7523)."""

    client_id: str
    #: None for a public client, which the signature alone proves
    client_secret: SecretStr | None
    #: RSA private key, PEM
    private_key: SecretStr
    #: the `kid` of the JWT verifier map
    key_id: str
    #: what the instance finds the user by
    subject: str
    audience: str


@dataclass(frozen=True, slots=True)
class ApiKeyAuth:
    """An inbound REST API key."""

    key: SecretStr


Auth: TypeAlias = BasicAuth | ClientCredentials | PasswordGrant | RefreshGrant | JwtGrant | ApiKeyAuth


@dataclass(frozen=True, slots=True)
class ServiceNowSettings:
    """How to reach the instance, and as whom."""

    url: str
    auth: Auth
    #: user name of the dedicated integration user, by which our own entries are recognised
    user: str
    connect_timeout: timedelta
    read_timeout: timedelta
    batch_read_timeout: timedelta
    #: the integration user is asserted to see every row, so an instance that gives no count may be read
    sees_every_row: bool = False
    #: requests at the same time
    concurrency: int = 4
    #: calls an hour that work of low priority respects; None is no limit
    calls_per_hour: int | None = None
    #: the part of them after which that work waits
    low_priority_share: float = 0.5
    #: failures in a row after which the instance is left alone, and for how long
    breaker_after: int = 10
    breaker_pause: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class ServiceNowPortal:
    """A desk that is reached through its own ServiceNow: how, and what is agreed about its records."""

    servicenow: ServiceNowSettings
    contact: ServiceNowContact


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One table that is pulled."""

    stream: Stream
    every: timedelta
    page_size: int
    #: how far behind ServiceNow's clock a window ends
    lag: timedelta
    #: how far a window reaches back over the one before
    overlap: timedelta
    #: pages of each of its streams in one cycle
    max_pages: int = 200


@dataclass(frozen=True, slots=True)
class SweepSettings:
    """Looking for what the windows must miss."""

    every: timedelta = timedelta(minutes=15)
    page_size: int = 5000
    #: pages of one source each time
    max_pages: int = 10
    #: how far back journals and attachments are read again
    back: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ReconcileSettings:
    """Comparing what the bridge holds with ServiceNow, the desks and the mailbox."""

    every: timedelta = timedelta(days=1)
    #: after which a delivery that is not finished is told of
    late: timedelta = timedelta(hours=1)
    #: how far back the mailbox is compared
    back: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """The scanner of inbound mails: clamd at a socket's path or at host and port, or a command."""

    clamd: Path | tuple[str, int] | None
    command: tuple[str, ...]
    timeout: timedelta


@dataclass(frozen=True, slots=True)
class MailClient:
    """An application's own tokens for mail servers: OAuth client credentials (RFC 6749, 4.4)."""

    #: the token server, `https://host/path`
    authority: str
    client_id: str
    #: a secret, or private key and certificate in PEM (RFC 7523, 2.2)
    client_secret: SecretStr | None
    certificate: SecretStr | None
    scope: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MailDelegated:
    """Tokens for mail servers that a person let the bridge have (RFC 8628), renewed ever after (RFC 6749, 6)."""

    authority: str
    client_id: str
    #: where they are kept
    token_file: Path
    scope: tuple[str, ...]


MailTokens: TypeAlias = MailClient | MailDelegated


@dataclass(frozen=True, slots=True)
class SmimeSettings:
    """The certificate by which our mails are signed, its key, and the certificates above it; all in PEM."""

    certificate: str
    private_key: SecretStr
    chain: str = ""


@dataclass(frozen=True, slots=True)
class DkimSettings:
    """The key by which our mails are signed, and where its public half is published."""

    selector: str
    domain: str
    private_key: SecretStr


@dataclass(frozen=True, slots=True)
class MailboxSettings:
    """One more mailbox that is read; replies to any of them are the bridge's."""

    #: for logs, checks and commands
    name: str
    imap: str
    folder: str
    #: mail to and from it is the bridge's own; empty where it has none of its own
    address: str
    username: str
    password: SecretStr | None
    tokens: MailTokens | None
    every: timedelta
    idle: bool
    #: a Maildir on this machine, instead of IMAP
    maildir: Path | None = None


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The bridge's own mailbox."""

    #: `smtps://` (TLS), `smtp://` (STARTTLS) or, only with `allow_plaintext`, `smtp+plain://`; `imap` likewise
    smtp: str
    #: empty where only `mailboxes` are read
    imap: str
    address: str
    display_name: str
    username: str
    password: SecretStr | None
    #: instead of a password
    tokens: MailTokens | None
    folder: str
    timeout: timedelta
    #: how often the mailbox is looked into
    every: timedelta
    #: whether the server is asked to tell by itself when a mail comes
    idle: bool
    #: outside production nothing is sent to anybody else: addresses, `@domain`, or patterns with `*`
    allow: tuple[str, ...]
    allow_plaintext: bool
    #: certificates to trust besides the system's
    ca_file: Path | None
    #: mails above this number of bytes are kept by their first bytes only
    largest_mail: int
    #: host that stamps `Authentication-Results` at our border; empty trusts none
    authserv_id: str
    #: whether each mail has an envelope sender of its own
    verp: bool
    #: looks through inbound mails; None where the site has none
    scan: ScanSettings | None
    #: whether DKIM signatures are verified here, where the border has not judged a mail
    dkim_verify: bool = False
    #: (address, port) of the name servers that are asked; empty asks the system's
    name_servers: tuple[tuple[str, int], ...] = ()
    #: how our mails are signed by DKIM; None signs none
    dkim: DkimSettings | None = None
    #: how our mails are signed by S/MIME; None signs none
    smime: SmimeSettings | None = None
    #: what is read besides `imap`
    mailboxes: tuple[MailboxSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Where alarms go."""

    mail: tuple[str, ...] = ()
    webhook: SecretStr | None = None
    #: how often people are told again of what waits for them
    remind_every: timedelta = timedelta(days=1)
    #: after how long a silent desk, or a delivery without an end, is something that waits
    silent_after: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Listener:
    """Where a web listener is bound."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The two listeners, never one; None is off."""

    public: Listener | None = None
    #: under which people reach the public one; empty: mails have no links
    public_address: str = ""
    links_valid_for: timedelta = timedelta(days=60)
    console: Listener | None = None


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """Time limits of attempts, and what follows a failed one."""

    client_timeout: timedelta
    #: writes that go together, all their calls
    batch_timeout: timedelta
    #: how long the far side may still be working on a request that we gave up on
    far_side_limit: timedelta
    margin: timedelta
    lease: timedelta
    retry_first: timedelta
    retry_longest: timedelta
    #: attempts after which a delivery becomes a dead letter
    max_attempts: int
    #: attempts of unknown end at a mail before it becomes one: each may have arrived
    max_repeats: int
    #: failures in a row that open a desk's breaker, and for how long
    breaker_after: int
    breaker_pause: timedelta


class HoldRule(StrEnum):
    """Whose confirmation the case waits for."""

    ALL = "all"
    LEAD = "lead"
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class HoldSettings:
    """Which desks must confirm before a case may be resolved."""

    rule: HoldRule = HoldRule.ALL
    desks: tuple[DeskName, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that was configured, checked as a whole."""

    #: the name from which every identity is derived: changing it makes every delivery a new one
    instance: str
    environment: Environment
    #: what happened before is never acted upon
    go_live: datetime
    servicenow: ServiceNowSettings
    store: SecretStr
    sources: tuple[SourceSettings, ...]
    desks: Desks
    router: Router
    sweep: SweepSettings = SweepSettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    mail: MailSettings | None = None
    alerts: AlertSettings = AlertSettings()
    web: WebSettings = WebSettings()
    delivery: DeliverySettings = field(kw_only=True)
    hold: HoldSettings = HoldSettings()
    #: keys that sign references and links: the first signs, all verify
    signing_keys: tuple[SecretStr, ...] = ()
    #: members of this group may command by work notes
    resolver_group: str = "CPSD Resolvers"
    max_new_engagements_per_cycle: int = 20
    #: how often the schedule looks for work
    tick: timedelta = timedelta(seconds=1)
    #: table -> fields that routes, messages and rules read
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
