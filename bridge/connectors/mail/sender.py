"""Who a mail is from, and whether a server that we trust has checked it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.message import Message

from bridge.connectors.mail import headers
from bridge.domain.ids import DeskName
from bridge.ports import Authenticity

_COMMENT = re.compile(r"\([^()]*\)")
_METHOD = re.compile(r"^\s*([a-z0-9-]{1,30})\s*=\s*([a-z]{1,20})\b(.*)$", re.IGNORECASE | re.DOTALL)
_SIGNING_DOMAIN = re.compile(r"\bheader\.(?:d|i)\s*=\s*@?([a-z0-9.-]{1,255})", re.IGNORECASE)


def desk_of(address: str, domains: Mapping[DeskName, tuple[str, ...]]) -> frozenset[DeskName]:
    """The desks for which an address speaks. `.example.org` or `*.example.org` in an agreement means any subdomain."""
    domain = address.rpartition("@")[2].rstrip(".").lower()
    return frozenset(name for name, agreed in domains.items() if any(_is_of(domain, one) for one in agreed))


def _is_of(domain: str, agreed: str) -> bool:
    wanted = agreed.strip().lower().lstrip("@").removeprefix("*")
    return domain.endswith(wanted) if wanted.startswith(".") else domain == wanted


def authentication(mail: Message, authserv_id: str, sender: str) -> Authenticity | None:
    """What the configured server says about a mail (RFC 8601), None if it says nothing; what any other says is ignored.

    Only the topmost field of that server counts: it is the one it added itself (RFC 8601, 5).
    """
    if not authserv_id:
        return None
    for value in headers.raw_fields(mail, "Authentication-Results"):
        first, *results = _COMMENT.sub("", value).split(";")
        if first.split()[:1] == [] or first.split()[0].lower() != authserv_id.lower():
            continue
        return _judged(results, sender.rpartition("@")[2].lower())
    return None


def _judged(results: list[str], domain: str) -> Authenticity:
    passed = failed = False
    for result in results:
        match = _METHOD.match(result)
        if match is None:
            continue
        method, outcome = match[1].lower(), match[2].lower()
        if method == "dmarc":
            passed, failed = passed or outcome == "pass", failed or outcome == "fail"
        elif method == "dkim" and outcome == "pass":
            signer = _SIGNING_DOMAIN.search(match[3])
            passed = passed or (signer is not None and _aligned(signer[1].lower(), domain))
    return Authenticity(passed and not failed, failed)


def _aligned(signer: str, domain: str) -> bool:
    """Whether a signature is of the From domain or of one above it with at least two labels."""
    return signer == domain or (signer.count(".") >= 1 and domain.endswith(f".{signer}"))
