"""Asking the DNS for text records (RFC 1035, 3.3.14): the keys of DKIM and the policies of DMARC."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import dns.exception
import dns.name
import dns.nameserver
import dns.resolver

from bridge.domain.errors import TryLater

#: seconds for one question, all name servers together
_LIFETIME = 3.0
_KEPT_ANSWERS = 1000


class NamesAway(TryLater):
    """The DNS says neither what there is nor that there is nothing."""

    code = "dns_away"


class TextRecords(Protocol):
    """The text records that domains publish."""

    def texts(self, name: str) -> tuple[bytes, ...]:
        """The text records of a name; none where there are none. Raises `NamesAway`."""
        ...


class NameServers:
    """Asks name servers, `(address, port)` each, or the system's; answers are kept for as long as they say."""

    def __init__(self, servers: Sequence[tuple[str, int]] = ()) -> None:
        self._servers = tuple(servers)

    def texts(self, name: str) -> tuple[bytes, ...]:
        """See `TextRecords`. Each question takes three seconds at most."""
        try:
            asked = dns.name.from_text(name.rstrip(".") + ".")
        except (dns.exception.DNSException, UnicodeError):
            return ()  # what cannot be a name has no records
        try:
            answer = self._resolver.resolve(asked, "TXT", lifetime=_LIFETIME, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except (dns.exception.DNSException, OSError) as error:
            remedy = "nothing is lost, it is asked again; see mail.name_servers"
            raise NamesAway(f"the DNS says nothing about {name}: {type(error).__name__}", remedy=remedy) from error
        return tuple(b"".join(record.strings) for record in answer)

    @cached_property
    def _resolver(self) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=not self._servers)
        if self._servers:
            resolver.nameservers = [dns.nameserver.Do53Nameserver(address, port) for address, port in self._servers]
        resolver.cache = dns.resolver.LRUCache(_KEPT_ANSWERS)
        return resolver
