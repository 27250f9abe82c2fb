"""Signing our own mails by DKIM (RFC 6376; Ed25519: RFC 8463), and whether the key that the DNS shows is ours.

The same mail and instant always give the same signature. The field that tells of a repeat is not signed: it is added to
the frozen bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from textwrap import wrap

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from dkim.canonicalization import CanonicalizationPolicy

from bridge.connectors.mail.dkim import SignedMail, published_keys, signed_header
from bridge.connectors.mail.resolving import NamesAway, TextRecords
from bridge.domain.errors import ConfigurationError
from bridge.ports import CheckResult, CheckStatus

_SMALLEST_RSA_KEY = 2048
#: signed once more often than they are there, so that none can be added on the way (RFC 6376, 8.15)
_FIELDS = (
    "From",
    "To",
    "Cc",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Auto-Submitted",
    "X-CPSD-Reference",
    "X-CPSD-Case",
    "X-CPSD-Kind",
    "X-CPSD-Delivery",
)
_LINE = 72
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?", re.IGNORECASE)


class DkimSigner:
    """Signs for one domain with one key, RSA or Ed25519, in PEM."""

    def __init__(self, selector: str, domain: str, private_key: str) -> None:
        if not _LABEL.fullmatch(selector) or not _LABEL.fullmatch(domain):
            raise ConfigurationError(
                "mail.dkim needs a selector and a domain", remedy="write names as the DNS has them"
            )
        self._selector = selector
        self._domain = domain
        self._key = _loaded(private_key)
        self._policy = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")

    @property
    def name(self) -> str:
        """Where the public key is published."""
        return f"{self._selector}._domainkey.{self._domain}"

    @property
    def record(self) -> str:
        """The text record to publish there."""
        kind = "rsa" if isinstance(self._key, RSAPrivateKey) else "ed25519"
        return f"v=DKIM1; k={kind}; p={base64.b64encode(self._public()).decode()}"

    def seal(self, content: bytes, at: datetime | None) -> bytes:
        """The mail with its signature before it; `at` is when it was signed."""
        mail = SignedMail.of(content)
        present = mail.names()
        names = [
            one.lower().encode() for field in _FIELDS for one in [field] * (present.count(field.lower().encode()) + 1)
        ]
        body = base64.b64encode(mail.relaxed).decode()
        value = self._tags(":".join(name.decode() for name in names), body, at)
        field = (b"DKIM-Signature", value.encode("ascii") + b"\r\n")
        signed = signed_header(mail.fields, tuple(names), field, self._policy)
        signature = base64.b64encode(self._signature(signed)).decode()
        return f"DKIM-Signature:{value}{_folded(signature)}\r\n".encode("ascii") + content

    def _tags(self, names: str, body: str, at: datetime | None) -> str:
        algorithm = "rsa-sha256" if isinstance(self._key, RSAPrivateKey) else "ed25519-sha256"
        lines = [f" v=1; a={algorithm}; c=relaxed/relaxed;", f" d={self._domain}; s={self._selector};"]
        if at is not None:
            lines.append(f" t={int(at.timestamp())};")
        named = wrap(names.replace(":", ": "), _LINE, break_on_hyphens=False)
        lines += [f" h={_folded_names(named)};", f" bh={body};", " b="]
        return "\r\n".join(lines)

    def _signature(self, signed: bytes) -> bytes:
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(hashlib.sha256(signed).digest())

    def _public(self) -> bytes:
        public = self._key.public_key()
        if isinstance(self._key, RSAPrivateKey):
            return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return public.public_bytes(Encoding.Raw, PublicFormat.Raw)

    def check(self, records: TextRecords) -> Iterator[CheckResult]:
        """Compare the published key with ours."""
        name, publish = f"dkim {self.name}", f"publish at {self.name} the TXT record {self.record}"
        try:
            published = published_keys(records.texts(self.name))
        except NamesAway as error:
            yield CheckResult(name, CheckStatus.FAILED, error.message, error.remedy)
            return
        if published == [self._public()]:
            yield self._about_size(name)
        elif not published:
            yield CheckResult(name, CheckStatus.FAILED, "no key is published: signatures prove nothing", publish)
        else:
            yield CheckResult(name, CheckStatus.FAILED, "another key is published: signatures are bad", publish)

    def _about_size(self, name: str) -> CheckResult:
        if isinstance(self._key, RSAPrivateKey) and self._key.key_size < _SMALLEST_RSA_KEY:
            detail = f"our key is published; it has {self._key.key_size} bits, and some refuse it"
            return CheckResult(name, CheckStatus.WARNING, detail, "make one of 2048 bits, under a new selector")
        return CheckResult(name, CheckStatus.OK, "our key is published")


def _folded_names(lines: list[str]) -> str:
    return "\r\n  ".join(line.replace(": ", ":") for line in lines)


def _folded(signature: str) -> str:
    return "".join(f"\r\n {signature[start : start + _LINE]}" for start in range(0, len(signature), _LINE))


def _loaded(pem: str) -> RSAPrivateKey | Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise ConfigurationError(
            "mail.dkim.private_key holds no usable key",
            remedy="write an RSA or Ed25519 key in PEM without a passphrase, as `openssl genrsa 2048` makes it",
        )
    return key
