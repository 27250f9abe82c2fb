"""`bridge.yaml` as the settings of each part. Secrets are fetched here and nowhere else."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from bridge.configuration.addresses import HostPort
from bridge.configuration.logins import Fetch, build_login, named_user
from bridge.configuration.mail_logins import build_mail_login, build_mailboxes, refuse_plaintext, user_name
from bridge.configuration.process_models import (
    BridgeModel,
    DeliveryModel,
    DkimModel,
    MailModel,
    ReconcileModel,
    ScanModel,
    ServiceNowModel,
    SmimeModel,
    SourceModel,
    SweepModel,
)
from bridge.configuration.secrecy import SecretSource
from bridge.configuration.written import WrongValue
from bridge.domain.ids import DeskName
from bridge.ports import Stream
from bridge.settings import (
    AlertSettings,
    DeliverySettings,
    DkimSettings,
    HoldRule,
    HoldSettings,
    Listener,
    MailSettings,
    ReconcileSettings,
    ScanSettings,
    ServiceNowSettings,
    SmimeSettings,
    SourceSettings,
    SweepSettings,
    WebSettings,
)


def fetch_secret(source: SecretSource) -> SecretStr:
    """The secret itself. Raises `WrongValue` if there is none; what it says never holds any part of it."""
    if source.value is not None:
        value = source.value
    else:
        try:
            value = Path(source.name.removeprefix("file:")).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise WrongValue(f"the secret in {source.name} cannot be read ({reason})", "write it there") from None
    if not value:
        raise WrongValue(f"the secret {source.name} is empty", "set it")
    return SecretStr(value)


def fetch_store(source: SecretSource) -> SecretStr:
    """The store's address; one that comes from a file is checked here."""
    found = fetch_secret(source)
    if source.value is None:
        scheme = found.get_secret_value().partition("://")[0]
        if scheme not in {"sqlite", "postgresql+psycopg"}:
            raise WrongValue(
                f"{source.name} holds no address of a store", "write sqlite:///… or postgresql+psycopg://…"
            )
    return found


def build_servicenow(model: ServiceNowModel, fetch: Fetch) -> ServiceNowSettings:
    """How to reach ServiceNow, and as whom."""
    user = model.user or named_user(model.auth)
    if not user:
        raise WrongValue(
            f"user is missing: with {model.auth.kind} nothing else says who the bridge is",
            "add user: with the name of the integration user",
        )
    return ServiceNowSettings(
        url=model.url,
        auth=build_login(model.auth, fetch),
        user=user,
        connect_timeout=model.connect_timeout,
        read_timeout=model.read_timeout,
        batch_read_timeout=model.batch_read_timeout,
        sees_every_row=model.sees_every_row,
        concurrency=model.concurrency,
        calls_per_hour=model.calls_per_hour,
        low_priority_share=model.low_priority_share,
        breaker_after=model.breaker_after,
        breaker_pause=model.breaker_pause,
    )


def instance_name(model: BridgeModel) -> str:
    """The name that identities are derived from: as configured, else the first part of the ServiceNow host."""
    return model.instance or (urlsplit(model.servicenow.url).hostname or "").partition(".")[0]


def build_source(model: SourceModel, fields: tuple[str, ...]) -> SourceSettings:
    """One table that is pulled, with every column that somebody reads."""
    return SourceSettings(
        stream=Stream(model.name, model.table, model.query, fields),
        every=model.every,
        page_size=model.page_size,
        lag=model.lag,
        overlap=model.overlap,
        max_pages=model.max_pages,
    )


def build_sweep(model: SweepModel) -> SweepSettings:
    """How what was read is compared with what there is."""
    return SweepSettings(model.every, model.page_size, model.max_pages, model.back)


def build_reconcile(model: ReconcileModel) -> ReconcileSettings:
    """How what the bridge holds is compared with the far sides."""
    return ReconcileSettings(model.every, model.late, model.back)


def build_mail(model: MailModel, fetch: Fetch) -> MailSettings:
    """The bridge's own mailbox."""
    for url in filter(None, (model.smtp, model.imap)):
        refuse_plaintext(model, url)
    password, tokens = build_mail_login(model, fetch)
    username = user_name(model, password, tokens)
    return MailSettings(
        smtp=model.smtp,
        imap=model.imap or "",
        address=model.address,
        display_name=model.display_name,
        username=username,
        password=password,
        tokens=tokens,
        folder=model.folder,
        timeout=model.timeout,
        every=model.every,
        idle=model.idle,
        allow=tuple(model.allow),
        allow_plaintext=model.allow_plaintext,
        ca_file=_existing_file(model.ca_file),
        largest_mail=model.largest_mail,
        authserv_id=model.authserv_id,
        verp=model.verp,
        scan=_scan(model.scan) if model.scan else None,
        mailboxes=build_mailboxes(model, username, fetch),
        dkim_verify=model.dkim_verify,
        smime=_smime(model.smime, fetch) if model.smime else None,
        dkim=_dkim(model.dkim, model.address, fetch) if model.dkim else None,
        name_servers=tuple((place.host, place.port) for place in model.name_servers),
    )


def _scan(model: ScanModel) -> ScanSettings:
    place = model.clamd
    found = (place.host, place.port) if isinstance(place, HostPort) else Path(place.path) if place else None
    return ScanSettings(found, tuple(model.command), model.timeout)


def _dkim(model: DkimModel, address: str, fetch: Fetch) -> DkimSettings:
    own = address.rpartition("@")[2].lower()
    domain = (model.domain or own).lower()
    if own != domain and not own.endswith(f".{domain}"):
        raise WrongValue(
            f"dkim: a signature of {domain} says nothing about mails from {own}",
            "leave domain: out, or write one above",
        )
    return DkimSettings(model.selector, domain, fetch(model.private_key))


def _smime(model: SmimeModel, fetch: Fetch) -> SmimeSettings:
    return SmimeSettings(
        _certificates("certificate", model.certificate), fetch(model.private_key), _certificates("chain", model.chain)
    )


def _certificates(key: str, name: str) -> str:
    """The PEM in a file; nothing for no file."""
    place = _existing_file(name, key)
    try:
        return place.read_text(encoding="ascii") if place else ""
    except (OSError, UnicodeDecodeError):
        raise WrongValue(f"{key}: {name!r} cannot be read as PEM", "write the path of certificates in PEM") from None


def _existing_file(name: str, key: str = "ca_file") -> Path | None:
    if name and not Path(name).is_file():
        raise WrongValue(f"{key}: {name!r} is no file", "write the path of a file with certificates")
    return Path(name) if name else None


def build_alerts(model: BridgeModel, fetch: Fetch) -> AlertSettings:
    """Where alarms go."""
    alerts = model.alerts
    webhook = fetch(alerts.webhook) if alerts.webhook else None
    return AlertSettings(tuple(alerts.mail), webhook, alerts.remind_every, alerts.silent_after)


def build_web(model: BridgeModel) -> WebSettings:
    """The two listeners."""
    public, console = model.web.public, model.web.console
    if public is not None and public == console:
        raise WrongValue("public and console listen at the same place", "give them two ports")
    if (public is None) != (model.web.public_address is None):
        raise WrongValue(
            "public and public_address belong together: pages need an address, and links need pages",
            "set both, or neither",
        )
    address = model.web.public_address or ""
    return WebSettings(_listener(public), address, model.web.links_valid_for, _listener(console))


def _listener(place: HostPort | None) -> Listener | None:
    return Listener(place.host, place.port) if place else None


def build_delivery(model: DeliveryModel) -> DeliverySettings:
    """Time limits; a lease that could end before an attempt does is refused."""
    needed = max(model.client_timeout, model.batch_timeout) + model.far_side_limit + model.margin
    if model.lease is not None and model.lease <= needed:
        raise WrongValue(
            f"lease: {model.lease} could end while an attempt goes on",
            f"write more than {needed} (client_timeout or batch_timeout, far_side_limit and margin), or leave it out",
        )
    if model.retry_longest < model.retry_first:
        raise WrongValue("retry_longest is shorter than retry_first", "write the longer time as retry_longest")
    return DeliverySettings(
        client_timeout=model.client_timeout,
        batch_timeout=model.batch_timeout,
        far_side_limit=model.far_side_limit,
        margin=model.margin,
        lease=model.lease or needed + model.margin,
        retry_first=model.retry_first,
        retry_longest=model.retry_longest,
        max_attempts=model.max_attempts,
        max_repeats=model.max_repeats,
        breaker_after=model.breaker_after,
        breaker_pause=model.breaker_pause,
    )


def build_hold(model: BridgeModel) -> HoldSettings:
    """Which desks must confirm."""
    confirm = model.hold.confirm
    if isinstance(confirm, str):
        return HoldSettings(HoldRule(confirm))
    return HoldSettings(HoldRule.NAMED, tuple(DeskName(name) for name in confirm))
