"""The composition root: the only place where settings, store, far sides and steps meet."""

from __future__ import annotations

import os
import random
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self, assert_never

from bridge.configuration.process import fetch_secret
from bridge.configuration.secrecy import SecretSource
from bridge.connectors.alerts import AlertSender
from bridge.connectors.email_desk import EmailDesk
from bridge.connectors.mail.authenticity import SenderVerifier
from bridge.connectors.mail.configured import collecting_every, mail_settings, mailboxes
from bridge.connectors.mail.dkim_signing import DkimSigner
from bridge.connectors.mail.links import Links
from bridge.connectors.mail.mailboxes import Mailboxes
from bridge.connectors.mail.reading import MailReader
from bridge.connectors.mail.resolving import NameServers
from bridge.connectors.mail.scanning import Clamd, Command, MailScanner
from bridge.connectors.mail.sealing import Seal
from bridge.connectors.mail.settings import MailSettings
from bridge.connectors.mail.signing import Keys
from bridge.connectors.mail.smime_signing import SmimeSigner
from bridge.connectors.mail.writing import Writer
from bridge.connectors.rest.description import RestSettings
from bridge.connectors.rest_desk import RestDesk
from bridge.connectors.servicenow import Connection, Login, ServiceNow
from bridge.connectors.servicenow_desk import ServiceNowDesk
from bridge.connectors.snow.grants import ByAssertion, ByClient, ByPassword, ByRefreshToken, Client, Grant
from bridge.connectors.snow.login import ApiKey, Basic, OAuth
from bridge.connectors.snow.manners import Limits
from bridge.domain.agreement import PortalMethod
from bridge.domain.errors import ConfigurationError
from bridge.domain.ids import DeskName
from bridge.ports import Collector, DeskConnector, DeskServices, InstalledMethod, Store, Stream, Watch
from bridge.settings import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    ClientCredentials,
    Configuration,
    DkimSettings,
    HoldRule,
    HoldSettings,
    JwtGrant,
    PasswordGrant,
    RefreshGrant,
    ScanSettings,
    ServiceNowPortal,
    ServiceNowSettings,
    SmimeSettings,
    SourceSettings,
)
from bridge.store import SqlStore, open_store
from bridge.sync.replicas import Replica
from bridge.sync.schedule import Service
from bridge.sync.surroundings import HoldPolicy, Reconciling, Reminding, Source, Surroundings, Sweeping, Timing

_LONGEST_SILENCE = timedelta(seconds=10)


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present, UTC."""
        return datetime.now(UTC)


class SystemRandom:
    """Chance: jitter need not be secret, salts must be."""

    def uniform(self, low: float, high: float) -> float:
        """A float between the two."""
        return random.uniform(low, high)  # noqa: S311 - jitter

    def token(self, size: int) -> bytes:
        """Unpredictable bytes."""
        return secrets.token_bytes(size)


@dataclass(frozen=True)
class Mail:
    """Everything that speaks mail."""

    settings: MailSettings
    reader: MailReader
    connectors: dict[DeskName, DeskConnector]
    collector: Mailboxes
    scanner: MailScanner | None
    verifier: SenderVerifier | None
    #: signatures, the innermost first
    seals: tuple[Seal, ...]
    names: NameServers
    dkim: DkimSigner | None
    smime: SmimeSigner | None


class Application:
    """A configured bridge. Use it as a context manager: it closes its connections."""

    def __init__(self, configuration: Configuration, *, worker: bool = False) -> None:
        self.configuration = configuration
        self.store: SqlStore = open_store(
            configuration.store.get_secret_value(), random=SystemRandom(), exclusive_worker=worker
        )
        if worker:
            self.store.take_over_orphans()
        self.worker = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(3)}"
        self.servicenow = servicenow(configuration)
        self.mail = _mail(configuration, self.store)
        self.portals = _portals(configuration, self.store)
        self.around = self._surroundings()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections; an interrupted step loses nothing."""
        for portal in self.portals.values():
            portal.close()
        self.servicenow.close()
        self.store.close()

    def service(self, watches: Sequence[Watch] = ()) -> Service:
        """The scheduled service; `watches` notice what the mailboxes' own do not."""
        mail = self.configuration.mail
        return Service(
            self.around,
            tick=self.configuration.tick.total_seconds(),
            collect_every=collecting_every(mail).total_seconds() if mail else 30.0,
            replica=Replica(
                self.store.reading,
                self.store.transaction,
                self.worker,
                every=min(5 * self.configuration.tick, _LONGEST_SILENCE),
                share_among=self.servicenow.share_among,
            ),
            watches=[*self.mail.collector.watches, *watches],
        )

    def _surroundings(self) -> Surroundings:
        configured = self.configuration
        delivery, servicenow_ = configured.delivery, configured.servicenow
        return Surroundings(
            instance=configured.instance,
            store=self.store,
            source=self.servicenow,
            desks=configured.desks,
            connectors={**self.mail.connectors, **self.portals},
            collectors=[self.mail.collector, *_collectors(self.portals)],
            reader=self.mail.reader,
            scanner=self.mail.scanner,
            verifier=self.mail.verifier,
            alerts=AlertSender(
                settings=self.mail.settings,
                seals=self.mail.seals,
                mail=configured.alerts.mail,
                webhooks=[configured.alerts.webhook.get_secret_value()] if configured.alerts.webhook else [],
            ),
            router=configured.router,
            random=SystemRandom(),
            sources=[_source(source) for source in configured.sources],
            sweeping=Sweeping(
                configured.sweep.every, configured.sweep.page_size, configured.sweep.max_pages, configured.sweep.back
            ),
            reminding=Reminding(configured.alerts.remind_every, configured.alerts.silent_after),
            reconciling=Reconciling(configured.reconcile.every, configured.reconcile.late, configured.reconcile.back),
            integration_user=configured.servicenow.user,
            resolver_group=configured.resolver_group,
            worker=self.worker,
            go_live=configured.go_live,
            hold=_hold(configured.hold),
            max_new_engagements=configured.max_new_engagements_per_cycle,
            timing=Timing(
                client_timeout=delivery.client_timeout,
                batch_timeout=delivery.batch_timeout,
                batch_call=servicenow_.connect_timeout + servicenow_.batch_read_timeout,
                far_limit=delivery.far_side_limit,
                margin=delivery.margin,
                lease=delivery.lease,
                retry_base=delivery.retry_first,
                retry_cap=delivery.retry_longest,
                most_attempts=delivery.max_attempts,
                most_repeats=delivery.max_repeats,
                breaker_after=delivery.breaker_after,
                breaker_pause=delivery.breaker_pause,
            ),
        )


def servicenow(configuration: Configuration) -> ServiceNow:
    """The connector for Elexon's instance."""
    return _instance(configuration.servicenow, configuration.fields)


def _instance(settings: ServiceNowSettings, fields: Mapping[str, Sequence[str]]) -> ServiceNow:
    connection = Connection(
        settings.url,
        connect_timeout=settings.connect_timeout.total_seconds(),
        read_timeout=settings.read_timeout.total_seconds(),
        batch_timeout=settings.batch_read_timeout.total_seconds(),
        sees_every_row=settings.sees_every_row,
        limits=Limits(
            concurrency=settings.concurrency,
            calls_per_hour=settings.calls_per_hour,
            low_priority_share=settings.low_priority_share,
            breaker_after=settings.breaker_after,
            breaker_pause=settings.breaker_pause.total_seconds(),
        ),
    )
    return ServiceNow(
        connection,
        _login(settings.auth, connection),
        clock=SystemClock(),
        random=SystemRandom(),
        user=settings.user,
        fields=fields,
    )


def _portals(configuration: Configuration, store: Store) -> dict[DeskName, DeskConnector]:
    """The connectors of the desks that are reached through their own systems."""
    return {
        name: _portal(name, method, store, configuration.delivery.client_timeout)
        for name, desk in configuration.desks.by_name.items()
        if isinstance(method := desk.latest.method, PortalMethod)
    }


def _portal(desk: DeskName, method: PortalMethod, store: Store, within: timedelta) -> DeskConnector:
    match method.settings:
        case ServiceNowPortal(reached, contact):
            client = _instance(reached, {contact.table: tuple(contact.fields)})
            return ServiceNowDesk(desk, contact, client, store, address=reached.url)
        case RestSettings():
            return RestDesk(desk, method.settings, store, clock=SystemClock(), within=within.total_seconds())
        case InstalledMethod(kind, settings):
            services = DeskServices(store, SystemClock(), within.total_seconds(), _secret)
            return kind.connect(desk, settings, services)
        case _:
            raise ConfigurationError(
                f"there is no connector of the kind {method.kind}", desk=desk, remedy="correct method:"
            )


def _secret(source: SecretSource) -> str:
    return fetch_secret(source).get_secret_value()


def _collectors(portals: Mapping[DeskName, DeskConnector]) -> list[Collector]:
    return [collector for portal in portals.values() if (collector := portal.collector()) is not None]


def _login(auth: Auth, connection: Connection) -> Login:
    """How requests are signed. Raises `ConfigurationError` for a private key that is none."""
    match auth:
        case BasicAuth():
            return Basic(auth.username, auth.password.get_secret_value())
        case ApiKeyAuth():
            return ApiKey(auth.key.get_secret_value())
        case ClientCredentials() | PasswordGrant() | RefreshGrant() | JwtGrant():
            client = Client(auth.client_id, auth.client_secret.get_secret_value() if auth.client_secret else "")
            return OAuth(connection, client, _grant(auth), monotonic=time.monotonic)
        case _:
            assert_never(auth)


def _grant(auth: ClientCredentials | PasswordGrant | RefreshGrant | JwtGrant) -> Grant:
    match auth:
        case ClientCredentials():
            return ByClient()
        case PasswordGrant():
            return ByPassword(auth.username, auth.password.get_secret_value())
        case RefreshGrant():
            return ByRefreshToken(auth.refresh_token.get_secret_value())
        case JwtGrant():
            return ByAssertion(
                auth.client_id,
                auth.subject,
                private_key=auth.private_key.get_secret_value(),
                key_id=auth.key_id,
                audience=auth.audience,
                clock=SystemClock(),
                random=SystemRandom(),
            )
        case _:
            assert_never(auth)


def _mail(configuration: Configuration, store: Store) -> Mail:
    configured = configuration.mail
    if configured is None:
        raise ConfigurationError("no mailbox is configured", remedy="add mail: to bridge.yaml")
    settings = mail_settings(configured, configuration.environment, signing_keys(configuration))
    reader = MailReader(settings, configuration.desks)
    dkim, smime = _dkim(configured.dkim), _smime(configured.smime)
    seals = tuple(seal for seal in (smime, dkim) if seal is not None)
    writer = Writer(settings, links=links(configuration), seals=seals)
    names = NameServers(configured.name_servers)
    verifier = SenderVerifier(settings, configuration.desks, names, SystemClock()) if configured.dkim_verify else None
    connectors: dict[DeskName, DeskConnector] = {
        name: EmailDesk(name, email, settings, writer=writer, reader=reader)
        for name, desk in configuration.desks.by_name.items()
        if (email := desk.latest.email) is not None
    }
    return Mail(
        settings,
        reader,
        connectors,
        mailboxes(configured, settings, store),
        _scanner(configured.scan),
        verifier,
        seals,
        names,
        dkim,
        smime,
    )


def _dkim(configured: DkimSettings | None) -> DkimSigner | None:
    if configured is None:
        return None
    return DkimSigner(configured.selector, configured.domain, configured.private_key.get_secret_value())


def _smime(configured: SmimeSettings | None) -> SmimeSigner | None:
    if configured is None:
        return None
    return SmimeSigner(configured.certificate, configured.private_key.get_secret_value(), configured.chain)


def _scanner(configured: ScanSettings | None) -> MailScanner | None:
    if configured is None:
        return None
    seconds = configured.timeout.total_seconds()
    if configured.clamd is not None:
        return MailScanner(Clamd(configured.clamd, seconds))
    return MailScanner(Command(configured.command, seconds))


def links(configuration: Configuration) -> Links | None:
    """The links by which desks answer; None where nobody could follow them."""
    web = configuration.web
    return Links(web.public_address, signing_keys(configuration), web.links_valid_for) if web.public_address else None


def signing_keys(configuration: Configuration) -> Keys:
    """The keys of everything that is signed, newest first."""
    return Keys(tuple(key.get_secret_value().encode() for key in configuration.signing_keys))


def _source(settings: SourceSettings) -> Source:
    cases = settings.stream
    return Source(
        cases=cases,
        journals=Stream(
            f"{cases.name}/journals",
            "sys_journal_field",
            f"name={cases.table}^elementINcomments,work_notes",
            time_field="sys_created_on",
        ),
        attachments=Stream(
            f"{cases.name}/attachments", "sys_attachment", f"table_name={cases.table}", time_field="sys_created_on"
        ),
        every=settings.every,
        page_size=settings.page_size,
        lag=settings.lag,
        overlap=settings.overlap,
        max_pages=settings.max_pages,
    )


def _hold(settings: HoldSettings) -> HoldPolicy:
    return HoldPolicy(settings.desks if settings.rule is HoldRule.NAMED else settings.rule.value)
