"""Addresses of people, servers and listeners, as they are written in the files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from bridge.configuration.written import WrongValue, read_text, written

_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")


def address(value: object) -> str:
    """A mail address, such as servicedesk@example.org."""
    remedy = "write an address such as servicedesk@example.org"
    text = read_text(value, "mail address", remedy)
    if not _ADDRESS.fullmatch(text):
        raise WrongValue(f"{value!r} is no mail address", remedy)
    return text


def domain(value: object) -> str:
    """A mail domain in small letters, such as example.org."""
    remedy = "write a domain such as example.org, without @"
    text = read_text(value, "domain", remedy).lower()
    if not _DOMAIN.fullmatch(text):
        raise WrongValue(f"{value!r} is no domain", remedy)
    return text


def allowed(value: object) -> str:
    """An entry of the allow-list: an address, a whole domain as @example.org, or a pattern as desk-*@example.org."""
    remedy = "write an address, a domain as @example.org, or a pattern as desk-*@example.org"
    text = read_text(value, "entry of the allow-list", remedy).lower()
    local, _, host = text.rpartition("@")
    if "@" not in text or not _DOMAIN.fullmatch(host) or (local and not _ADDRESS.fullmatch(text.replace("*", "x"))):
        raise WrongValue(f"{value!r} allows nobody", remedy)
    return text


@dataclass(frozen=True, slots=True)
class HostPort:
    """A place to listen at."""

    host: str
    port: int


def listener(value: object) -> HostPort:
    """Host and port, 127.0.0.1:8600."""
    remedy = "write host and port, such as 127.0.0.1:8600"
    host, _, port = read_text(value, "place to listen at", remedy).rpartition(":")
    if not host or not port.isdecimal() or not int(port) < 65536:
        raise WrongValue(f"{value!r} is no place to listen at", remedy)
    return HostPort(host.strip("[]"), int(port))


def name_server(value: object) -> HostPort:
    """An address that DNS is asked at, with or without a port: 192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:53."""
    remedy = "write an IP address, or address:port, such as 192.0.2.53:53"
    text = read_text(value, "name server", remedy)
    host, _, port = text.rpartition(":") if text.count(":") == 1 or "]:" in text else (text, "", "53")
    try:
        address = str(ip_address(host.strip("[]")))
    except ValueError:
        raise WrongValue(f"{value!r} is no address of a name server", remedy) from None
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise WrongValue(f"{value!r} is no address of a name server", remedy)
    return HostPort(address, int(port))


def instance_url(value: object) -> str:
    """The address of an instance, https://example.service-now.com."""
    remedy = "write https:// and the host only, as https://example.service-now.com"
    text = read_text(value, "address of an instance", remedy)
    if "@" in text:
        raise WrongValue("a login is part of the instance's address", "write it under auth:")
    if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?/?", text):
        raise WrongValue(f"{value!r} is no address of an instance", remedy)
    return text.rstrip("/")


def authority_url(value: object) -> str:
    """The address of a token server, https://login.microsoftonline.com/example.org."""
    remedy = "write https://, the host and the tenant's path, as https://login.microsoftonline.com/example.org"
    text = read_text(value, "address of a token server", remedy)
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~-]+)+/?", text):
        raise WrongValue(f"{value!r} is no address of a token server", remedy)
    return text.rstrip("/")


def tenant(value: object) -> str:
    """A tenant of Microsoft 365: example.onmicrosoft.com, or its identifier."""
    remedy = "write the tenant's domain or identifier, such as example.onmicrosoft.com"
    text = read_text(value, "tenant", remedy)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", text):
        raise WrongValue(f"{value!r} is no tenant", remedy)
    return text


def mail_url(*schemes: str) -> Callable[[object], str]:
    """A reader of mail servers' addresses."""
    remedy = f"write {schemes[0]}://host or {schemes[1]}://host:port"

    def read_mail_url(value: object) -> str:
        text = read_text(value, "address of a mail server", remedy)
        try:
            parts = urlsplit(text)
            told = parts.hostname if parts.port is None or parts.port else None
        except ValueError:
            raise WrongValue("the address of a mail server cannot be read", remedy) from None
        if "@" in parts.netloc:
            raise WrongValue("a login is part of a mail server's address", "write username: and password: beside it")
        if parts.scheme not in schemes or not told or parts.path.strip("/"):
            raise WrongValue(f"{value!r} is no address of a mail server", remedy)
        return text.rstrip("/")

    return read_mail_url


@dataclass(frozen=True, slots=True)
class SocketFile:
    """A socket in the file system."""

    path: str


def clamd(value: object) -> SocketFile | HostPort:
    """Where clamd listens: unix:///run/clamav/clamd.ctl, or tcp://127.0.0.1:3310."""
    remedy = "write unix:///run/clamav/clamd.ctl, or tcp://host:3310"
    scheme, _, place = read_text(value, "place of clamd", remedy).partition("://")
    if scheme == "unix" and place.startswith("/"):
        return SocketFile(place)
    if scheme != "tcp":
        raise WrongValue(f"{value!r} is no place of clamd", remedy)
    return listener(place)


def reachable(value: object) -> str:
    """Hosts of desks' own systems: one, or all below a domain; or the name of an installed method."""
    remedy = (
        "write a host as rt.uat.example.org, all below a domain as *.uat.example.org, or an installed method's name"
    )
    text = read_text(value, "host", remedy).lower()
    if not re.fullmatch(r"(\*\.)?[a-z0-9]([a-z0-9._-]*[a-z0-9])?", text):
        raise WrongValue(f"{value!r} is no host", remedy)
    return text


Address = Annotated[str, *written(address, r"^\S+@\S+$", "servicedesk@example.org")]
Domain = Annotated[str, *written(domain, r"^[^@\s]+$", "example.org")]
Allowed = Annotated[str, *written(allowed, r"^\S*@\S+$", "@example.org")]
Reachable = Annotated[str, *written(reachable, r"^[A-Za-z0-9*][A-Za-z0-9._-]*$", "*.uat.example.org")]
Listen = Annotated[HostPort, *written(listener, r"^.+:\d{1,5}$", "127.0.0.1:8600")]
ClamdPlace = Annotated[SocketFile | HostPort, *written(clamd, r"^(unix:///|tcp://).+$", "unix:///run/clamav/clamd.ctl")]
NameServer = Annotated[HostPort, *written(name_server, r"^[0-9a-fA-F.:\[\]]+$", "192.0.2.53")]
InstanceUrl = Annotated[str, *written(instance_url, r"^https?://[^/\s]+/?$", "https://example.service-now.com")]
AuthorityUrl = Annotated[
    str, *written(authority_url, r"^https://[^/\s]+/\S+$", "https://login.microsoftonline.com/example.org")
]
Tenant = Annotated[str, *written(tenant, r"^[A-Za-z0-9][A-Za-z0-9.-]*$", "example.onmicrosoft.com")]
SmtpUrl = Annotated[
    str, *written(mail_url("smtps", "smtp", "smtp+plain"), r"^smtp(s|\+plain)?://.+$", "smtps://mail.example.org")
]
ImapUrl = Annotated[
    str, *written(mail_url("imaps", "imap", "imap+plain"), r"^imap(s|\+plain)?://.+$", "imaps://mail.example.org")
]
