"""What the owner of a domain wants done with mails that are not signed by it: its DMARC record (RFC 9989)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dkim.util import InvalidTagValueList, parse_tag_value

from bridge.connectors.mail.resolving import TextRecords

_MOST_PARENTS = 4
_ENFORCED = {b"quarantine", b"reject"}


@dataclass(frozen=True, slots=True)
class Policy:
    """A DMARC record, as far as it concerns signatures."""

    #: mails without a good signature are to be set aside or refused
    enforced: bool = False
    #: only the domain itself may sign, and none above or below it
    strict: bool = False

    def aligned(self, signer: str, domain: str) -> bool:
        """Whether a signature of `signer` speaks for `domain`.

        Relaxed, that is the domain itself, one above it with two labels or more, or one below it. Two domains side by
        side are not aligned here, whatever their parent publishes: nobody keeps a list of all the public suffixes.
        """
        if signer == domain or self.strict:
            return signer == domain
        return "." in signer and (domain.endswith(f".{signer}") or signer.endswith(f".{domain}"))


def policy_of(domain: str, records: TextRecords) -> Policy:
    """The policy for mails from a domain: its own record, else that of the nearest domain above. Raises `NamesAway`."""
    for name in _names(domain):
        found = [tags for one in records.texts(f"_dmarc.{name}") if (tags := _tags(one))]
        # Two records are as good as none (RFC 9989, 4.7).
        if len(found) == 1:
            return _policy(found[0], own=name == domain)
    return Policy()


def _names(domain: str) -> Iterator[str]:
    """The domain and those above it with two labels or more; of many, the highest."""
    labels = domain.split(".")
    parents = [".".join(labels[start:]) for start in range(1, len(labels) - 1)]
    yield domain
    yield from parents[-_MOST_PARENTS:]


def _policy(tags: dict[bytes, bytes], *, own: bool) -> Policy:
    wanted = tags.get(b"p", b"none") if own else tags.get(b"sp", tags.get(b"p", b"none"))
    # `t=y`, and before it `pct=0`: the owner only tries it out.
    tried_out = tags.get(b"t", b"n").lower() == b"y" or tags.get(b"pct", b"100") == b"0"
    return Policy(wanted.lower() in _ENFORCED and not tried_out, tags.get(b"adkim", b"r").lower() == b"s")


def _tags(record: bytes) -> dict[bytes, bytes]:
    try:
        tags: dict[bytes, bytes] = parse_tag_value(record)
    except InvalidTagValueList:
        return {}
    return tags if next(iter(tags.items()), None) == (b"v", b"DMARC1") else {}
