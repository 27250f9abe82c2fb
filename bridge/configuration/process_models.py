"""The shape of `config/bridge.yaml`."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from bridge.configuration.addresses import (
    Address,
    Allowed,
    ClamdPlace,
    Domain,
    ImapUrl,
    InstanceUrl,
    Listen,
    NameServer,
    Reachable,
    SmtpUrl,
)
from bridge.configuration.login_models import LoginModel
from bridge.configuration.mail_login_models import MailboxModel, MailLoginModel
from bridge.configuration.secrecy import Secret, StoreUrl
from bridge.configuration.strict import Strict
from bridge.configuration.times import Duration, Instant, PositiveDuration
from bridge.configuration.written import (
    CodedTable,
    Column,
    DeskNameText,
    EncodedQuery,
    InstanceName,
    SimpleName,
    Size,
    Table,
    WrongValue,
)
from bridge.mapping.expressions import FieldKind


class ServiceNowModel(Strict):
    """Elexon's ServiceNow."""

    url: InstanceUrl = Field(description="The instance's address, without a path.")
    auth: LoginModel = Field(description="How the bridge logs in.")
    user: str = Field(
        "",
        description="User name of the dedicated integration user, by which the bridge recognises its own entries. "
        "May be left out where `auth` names a user.",
    )
    connect_timeout: PositiveDuration = Field(timedelta(seconds=10), description="Longest time to connect.")
    read_timeout: PositiveDuration = Field(timedelta(seconds=25), description="Longest time without an answer.")
    batch_read_timeout: PositiveDuration = Field(
        timedelta(seconds=35),
        description="Longest time without an answer to a batch of writes; ServiceNow works on one for 30 s at most.",
    )
    sees_every_row: bool = Field(
        default=False,
        description="Assert that no access rule hides a row from the integration user. Only then may an instance be "
        "read that gives no `X-Total-Count`.",
    )
    concurrency: int = Field(4, description="Requests at the same time, by all replicas together.", ge=1, le=50)
    calls_per_hour: int | None = Field(
        None, description="Calls in an hour, by all replicas together; no limit if it is left out.", ge=1
    )
    low_priority_share: float = Field(
        0.5,
        description="Part of `calls_per_hour` after which sweep, reconcile and backfill wait; the rest is the cases'.",
        ge=0,
        le=1,
    )
    breaker_after: int = Field(10, description="Failures in a row after which ServiceNow is left alone.", ge=1)
    breaker_pause: PositiveDuration = Field(timedelta(seconds=30), description="For how long it is left alone.")


class SourceModel(Strict):
    """One table that is pulled."""

    name: SimpleName = Field(description="A name for logs and cursors; never change it.")
    table: Table = Field(
        description="`sn_customerservice_case`, `incident`, `problem`, `sc_req_item`, or any other table that extends "
        "`task` and keeps its states (1 open, 2 in progress, -5 pending, 3 closed complete, 4 and 7 closed otherwise)."
    )
    query: EncodedQuery = Field("", description="Encoded query that narrows the table; no `^NQ`, `^EQ` or `ORDERBY`.")
    every: PositiveDuration = Field(timedelta(seconds=30), description="How often it is pulled.")
    fields: list[Column] = Field([], description="Columns to read besides those that the bridge needs by itself.")
    page_size: int = Field(2000, description="Rows a page.", ge=10, le=10000)
    max_pages: int = Field(
        200, description="Pages of each of its streams in one cycle, so that a busy table cannot starve others.", ge=1
    )
    lag: Duration = Field(timedelta(seconds=5), description="How far behind ServiceNow's clock a window ends.")
    overlap: Duration = Field(
        timedelta(seconds=60), description="How far a window reaches back, for rows that commit late."
    )


class SweepModel(Strict):
    """Looking, now and then, for what the windows must miss: rows that commit very late or with an old time stamp."""

    every: PositiveDuration = Field(timedelta(minutes=15), description="How often it goes on for each source.")
    page_size: int = Field(5000, description="Revisions compared by one call.", ge=10, le=10000)
    max_pages: int = Field(10, description="Pages of one source each time; the next time it goes on there.", ge=1)
    back: PositiveDuration = Field(
        timedelta(days=1), description="How far back journals and attachments are read again each time."
    )


class ReconcileModel(Strict):
    """Comparing what the bridge holds with ServiceNow, the desks and the mailbox, and mending what is safe."""

    every: PositiveDuration = Field(timedelta(days=1), description="How often all open engagements are compared.")
    late: PositiveDuration = Field(
        timedelta(hours=1), description="A delivery that is not finished so long after it was decided is told of."
    )
    back: PositiveDuration = Field(timedelta(days=7), description="How far back the mailbox is compared.")


class ScanModel(Strict):
    """What looks through inbound mails before they are read: clamd, or a command."""

    clamd: ClamdPlace | None = Field(None, description="Where ClamAV's daemon listens.")
    command: list[str] = Field(
        [],
        description="A program and its arguments, run without a shell: gets the bytes on its standard input, exits "
        "with 0 for nothing and 1 for something harmful, which its first line names; anything else is a failure.",
    )
    timeout: PositiveDuration = Field(timedelta(seconds=60), description="Longest time for a mail or one of its parts.")

    @model_validator(mode="after")
    def _one_scanner(self) -> Self:
        if (self.clamd is None) == (not self.command):
            raise WrongValue("mail.scan names one scanner", "write either clamd: with its place, or command: as a list")
        return self


class DkimModel(Strict):
    """The DKIM signature of our mails (RFC 6376)."""

    selector: str = Field(
        description="Name of the key; its public half is published at `SELECTOR._domainkey.DOMAIN`, and `check` shows "
        "the record.",
        min_length=1,
    )
    domain: Domain | None = Field(
        None, description="The domain that signs: that of `address`, which it is if left out, or one above it."
    )
    private_key: Secret = Field(
        description="RSA or Ed25519 private key in PEM, without a passphrase; best as `file:/path`."
    )


class SmimeModel(Strict):
    """The S/MIME signature of our mails (RFC 8551)."""

    certificate: str = Field(description="File of the certificate for `address`, in PEM.", min_length=1)
    private_key: Secret = Field(description="Its RSA or EC key in PEM, without a passphrase; best as `file:/path`.")
    chain: str = Field("", description="File of the certificates above it, in PEM, without the root.")


class MailModel(Strict):
    """The bridge's own mailbox."""

    smtp: SmtpUrl = Field(
        description="Server that takes our mail: `smtps://host[:465]` (TLS), `smtp://host[:587]` (STARTTLS), or "
        "`smtp+plain://host[:25]` (nothing, only with `allow_plaintext`)."
    )
    imap: ImapUrl | None = Field(
        None,
        description="Server of the mailbox: `imaps://host[:993]` (TLS), `imap://host[:143]` (STARTTLS), or "
        "`imap+plain://host[:143]` (nothing, only with `allow_plaintext`). Left out where only `mailboxes` are read.",
    )
    address: Address = Field(description="The bridge's own address; replies come to it.")
    display_name: str = Field("CPSD Bridge", description="The name beside the address.")
    username: str = Field("", description="User name at both servers; the address if it is left out.")
    password: Secret | None = Field(None, description="Password at both servers; without one nobody logs in at SMTP.")
    auth: MailLoginModel | None = Field(None, description="Another way to log in than `password`: XOAUTH2.")
    folder: str = Field("INBOX", description="The mailbox's folder.")
    mailboxes: list[MailboxModel] = Field([], description="More mailboxes to read.")
    timeout: PositiveDuration = Field(timedelta(seconds=30), description="Longest time for an answer of a mail server.")
    every: PositiveDuration = Field(timedelta(seconds=30), description="How often the mailbox is looked into.")
    idle: bool = Field(
        default=True,
        description="Where the server offers IDLE, wait there besides, so that a mail is read when it comes.",
    )
    allow: list[Allowed] = Field(
        [],
        description="Outside production mail goes only to these addresses, domains (`@example.org`) and patterns "
        "(`desk-*@example.org`).",
    )
    allow_plaintext: bool = Field(
        default=False,
        description="Allow connections without encryption, for a mail server on the same machine.",
    )
    ca_file: str = Field("", description="Certificates to trust besides the system's, at mail and token servers.")
    largest_mail: Size = Field(35_000_000, description="Mails above this size are kept by their first bytes only.")
    authserv_id: str = Field(
        "", description="Host whose `Authentication-Results` are believed (RFC 8601); none if it is left out."
    )
    dkim_verify: bool = Field(
        default=False,
        description="Verify the DKIM signatures of desks' mails ourselves (RFC 6376) and heed the DMARC policies of "
        "their domains, where the host of `authserv_id` has said nothing about a mail.",
    )
    name_servers: list[NameServer] = Field(
        [], description="Name servers to ask for keys and policies; the system's if left out."
    )
    dkim: DkimModel | None = Field(None, description="Sign our mails by DKIM; the mail server does, if left out.")
    smime: SmimeModel | None = Field(None, description="Sign our mails by S/MIME.")
    verp: bool = Field(
        default=False,
        description="Send each mail from an address of its own (`local+…@domain`), so that a bounce which quotes "
        "nothing still names it. The mail server must deliver such addresses to the mailbox.",
    )
    scan: ScanModel | None = Field(None, description="Looks through inbound mails; `check` warns if it is left out.")


class AlertsModel(Strict):
    """Where alarms go."""

    mail: list[Address] = Field([], description="Addresses that get alarms, also outside production.")
    webhook: Secret | None = Field(None, description="Address that gets alarms by POST; it is a secret.")
    remind_every: PositiveDuration = Field(
        timedelta(days=1),
        description="How often one alarm tells of everything that still waits: quarantine, parked cases, dead letters, "
        "pauses, silent desks.",
    )
    silent_after: PositiveDuration = Field(
        timedelta(days=7), description="A desk that says nothing for so long, or a delivery without an end, is told of."
    )


class WebModel(Strict):
    """The listeners."""

    public: Listen | None = Field(
        None, description="Where `run` serves the pages that links in mails lead to, in plain HTTP behind a TLS proxy."
    )
    public_address: InstanceUrl | None = Field(
        None,
        description="Under which people reach `public`, such as `https://cpsd.example.org`; https in production. "
        "Without it mails have no links.",
    )
    links_valid_for: PositiveDuration = Field(timedelta(days=60), description="After which a link holds no longer.")
    console: Listen | None = Field(
        None, description="The operators' console. Checked only: nothing is served there yet."
    )


class DeliveryModel(Strict):
    """Time limits of deliveries."""

    client_timeout: PositiveDuration = Field(
        timedelta(seconds=40), description="Longest time for one attempt at our end, connection and answer together."
    )
    batch_timeout: PositiveDuration = Field(
        timedelta(seconds=60), description="Longest time at our end for writes that go together, all their calls."
    )
    far_side_limit: Duration = Field(
        timedelta(seconds=60), description="How long ServiceNow may go on with a request that we gave up on."
    )
    margin: Duration = Field(
        timedelta(seconds=15), description="Added to both before a delivery is taken not to have arrived."
    )
    lease: PositiveDuration | None = Field(
        None,
        description="How long a worker may hold a delivery; if it is left out, the longer of the first two, "
        "`far_side_limit` and two margins.",
    )
    retry_first: PositiveDuration = Field(timedelta(seconds=5), description="First wait before another attempt.")
    retry_longest: PositiveDuration = Field(timedelta(minutes=15), description="Longest wait before another attempt.")
    max_attempts: int = Field(
        400, description="Failed attempts that make a dead letter; with `retry_longest: 15m` about three days.", ge=1
    )
    max_repeats: int = Field(
        10,
        description="Attempts at a mail, each of which may have arrived, that make a dead letter.",
        ge=1,
    )
    breaker_after: int = Field(5, description="Failures in a row after which a desk is left alone.", ge=1)
    breaker_pause: PositiveDuration = Field(timedelta(minutes=5), description="For how long it is left alone.")


class HoldModel(Strict):
    """Which desks must confirm."""

    confirm: Literal["all", "lead"] | list[DeskNameText] = Field(
        "all", description="`all` engaged desks, the `lead` (first engaged), or a list of desks."
    )


class AttributeModel(Strict):
    """A name for a column, so that routes can read it."""

    field: Column = Field(description="The column, dot-walked or not.")
    kind: FieldKind = Field(FieldKind.TEXT, description="`text`, `boolean` or `number`.")


class PortalsModel(Strict):
    """Desks that are reached through systems of their own."""

    allow: list[Reachable] = Field(
        [],
        description="Outside production desks' own systems are used at these hosts only (`rt.uat.example.org`, "
        "`*.uat.example.org`), and installed methods only if they are named here.",
    )


class BridgeModel(Strict):
    """`config/bridge.yaml`."""

    instance: InstanceName | None = Field(
        None,
        description="The name that all identities are derived from; the first part of the ServiceNow host if left "
        "out. Changing it later makes every delivery a new one.",
    )
    environment: Literal["production", "test"] = Field(
        "test",
        description="Anything but `production` sends mail to `mail.allow` only, and uses desks' own systems at "
        "`portals.allow` only.",
    )
    go_live: Instant = Field(description="What happened before this instant is never acted upon.")
    servicenow: ServiceNowModel = Field(description="Elexon's ServiceNow.")
    store: StoreUrl = Field(
        description="`sqlite:///path` or `postgresql+psycopg://user:${NAME}@host/name`, or `file:/path` of a file that "
        "holds it."
    )
    sources: list[SourceModel] = Field(description="The tables to pull.", min_length=1)
    sweep: SweepModel = Field(SweepModel(), description="Looking for what the windows must miss.")
    reconcile: ReconcileModel = Field(
        ReconcileModel(), description="Comparing what the bridge holds with ServiceNow, the desks and the mailbox."
    )
    mail: MailModel | None = Field(None, description="The bridge's own mailbox; needed for desks reached by mail.")
    portals: PortalsModel = Field(PortalsModel(), description="Desks' own systems.")
    alerts: AlertsModel = Field(AlertsModel(), description="Where alarms go.")
    web: WebModel = Field(WebModel(), description="The listeners.")
    delivery: DeliveryModel = Field(DeliveryModel(), description="Time limits of deliveries.")
    hold: HoldModel = Field(HoldModel(), description="Which desks must confirm.")
    resolution_codes: dict[CodedTable, str] = Field(
        {}, description="Table -> resolution code that the bridge writes, for agreements that name none of their own."
    )
    attributes: dict[SimpleName, AttributeModel] = Field({}, description="More names that routes may read.")
    signing_keys: list[Secret] = Field(
        [], description="Keys that sign references and links; the first signs, all verify. At least 32 characters."
    )
    resolver_group: str = Field(
        "CPSD Resolvers", description="Members of this group may command by work notes.", min_length=1
    )
    max_new_engagements_per_cycle: int = Field(
        20, description="New engagements in one cycle at which the bridge stops engaging and alerts.", ge=1
    )
    tick: PositiveDuration = Field(timedelta(seconds=1), description="How often the schedule looks for work.")
