"""How one ServiceNow instance is reached, and how patiently."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bridge.connectors.snow.manners import Limits
from bridge.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Patience:
    """How reads are repeated. Writes never are: the outbox does that."""

    attempts: int = 4
    #: seconds before the first repetition, at most; doubled each time
    first_wait: float = 0.5
    #: seconds; an instance that asks for more is left to the next cycle
    longest_wait: float = 20.0


@dataclass(frozen=True, slots=True)
class Connection:
    """One instance. Raises `ConfigurationError` for an address that cannot be one."""

    #: scheme and host only, such as https://example.service-now.com
    url: str
    #: seconds to wait for a connection
    connect_timeout: float = 10.0
    #: seconds to wait for the next bytes of an answer; the platform itself gives up after 60 s (Table API quota)
    read_timeout: float = 65.0
    #: seconds to wait for the answer of a batch, which the platform works on for 30 s at most
    batch_timeout: float = 35.0
    #: certificates to trust instead of the usual ones
    ca_bundle: Path | None = None
    #: the configuration asserts that no ACL hides a row from the integration user: needed where counts are missing
    sees_every_row: bool = False
    patience: Patience = field(default_factory=Patience)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError("servicenow.url is no address", remedy="write https://INSTANCE.service-now.com")
        if parts.username or parts.password:
            raise ConfigurationError(
                "servicenow.url holds a user or a password", remedy="put them under servicenow.auth"
            )
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ConfigurationError("servicenow.url holds more than a host", remedy="end it after the host name")

    @property
    def base(self) -> str:
        """The address without a slash at its end."""
        return self.url.rstrip("/")

    @property
    def timeout(self) -> tuple[float, float]:
        """Connect and read timeout in the form that requests takes."""
        return self.connect_timeout, self.read_timeout

    @property
    def verify(self) -> bool | str:
        """What TLS certificates are checked against."""
        return str(self.ca_bundle) if self.ca_bundle else True
