"""DKIM signatures (RFC 6376; Ed25519: RFC 8463): whether a domain answers for a mail.

dkimpy takes signatures apart and brings headers into canonical form; keys and signatures are cryptography's.
Stricter than the RFC, which leaves it to the verifier: no `l=`, no rsa-sha1, no RSA key below 1024 bits, no key under
test, From, Subject and Date signed, and no second instance of a field that an honest mail has once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from dkim import select_headers
from dkim.canonicalization import (
    CanonicalizationPolicy,
    InvalidCanonicalizationPolicyError,
    Relaxed,
    correct_empty_body,
)
from dkim.util import InvalidTagValueList, parse_tag_value

from bridge.connectors.mail.resolving import TextRecords

Tags = Mapping[bytes, bytes]
HeaderField = tuple[bytes, bytes]

#: no honest mail has more; each bounds work that a mail could cause
_MOST_FIELDS = 1_000
_LONGEST_HEADER = 1_000_000
_LONGEST_SIGNATURE = 4_000
_MOST_SIGNATURES = 20
_SMALLEST_RSA_KEY = 1024
_SIGNED = (b"from", b"subject", b"date")
#: RFC 5322, 3.6 and RFC 2045: fields that occur once; a second one was put in to be read instead (RFC 6376, 8.15)
_ONCE = frozenset(
    b"from sender reply-to to cc subject date message-id in-reply-to references "
    b"mime-version content-type content-transfer-encoding".split()
)
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_LONE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_NEXT_FIELD = re.compile(rb"\r\n(?![\t ])")
_FIELD_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]{1,200}")
_RELAXED = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
_SIMPLE = CanonicalizationPolicy.from_c_value(b"simple/simple")
_SPACE = re.compile(rb"\s+")
_DOMAIN = re.compile(rb"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+", re.IGNORECASE)


class NotGood(Exception):
    """A signature that proves nothing; its text says why, in one word of ours."""


@dataclass(frozen=True)
class SignedMail:
    """A mail as its signatures see it: raw header fields, and the body with its lines ended by CRLF."""

    fields: tuple[HeaderField, ...]
    body: bytes

    @classmethod
    def of(cls, raw: bytes) -> SignedMail:
        """Raises `NotGood` for a header that nobody could have signed."""
        found = _END_OF_HEADER.search(raw)
        header, body = (raw[: found.start()], raw[found.end() :]) if found else (raw, b"")
        if len(header) > _LONGEST_HEADER:
            raise NotGood("header_too_long")
        fields = _NEXT_FIELD.split(_LONE_LINE_FEED.sub(b"\r\n", header)) if header else []
        if len(fields) > _MOST_FIELDS:
            raise NotGood("header_too_long")
        if body.count(b"\n") != body.count(b"\r\n"):
            body = _LONE_LINE_FEED.sub(b"\r\n", body)
        return cls(tuple(_named(field) for field in fields), body)

    def signatures(self) -> Iterator[Signature]:
        """The signatures that can be read, topmost first."""
        values = [field for field in self.fields if field[0].lower() == b"dkim-signature"]
        for name, value in values[:_MOST_SIGNATURES]:
            if len(value) <= _LONGEST_SIGNATURE and (tags := _tags(value)) is not None:
                yield Signature(self, (name, value), tags)

    @cached_property
    def relaxed(self) -> bytes:
        """The digest of the body in its relaxed form."""
        return hashlib.sha256(canonical_body(self.body, _RELAXED)).digest()

    @cached_property
    def simple(self) -> bytes:
        """The digest of the body in its simple form."""
        return hashlib.sha256(canonical_body(self.body, _SIMPLE)).digest()

    def repeats_a_field(self) -> bool:
        """Whether a field that occurs once occurs more often."""
        names = [name for name in self.names() if name in _ONCE]
        return len(names) != len(set(names))

    def names(self) -> list[bytes]:
        """The names of the fields, as one compares them."""
        return [name.rstrip(b"\t ").lower() for name, _ in self.fields]


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM-Signature field."""

    mail: SignedMail
    field: HeaderField
    tags: Tags

    @property
    def domain(self) -> str:
        """The domain that signed, in lower case; empty for one that is none."""
        found = self.tags.get(b"d", b"")
        return found.decode("ascii").lower() if _DOMAIN.fullmatch(found) else ""

    def verify(self, records: TextRecords, at: datetime) -> None:
        """Raises `NotGood` unless the domain answers for the mail as it was at `at`, `NamesAway` if it cannot be asked.

        The key is asked for only if everything else is right.
        """
        self._check_tags(at)
        self._check_fields()
        self._check_body()
        selector = self.tags[b"s"].decode("ascii", "replace")
        self._check_signature(_key(records.texts(f"{selector}._domainkey.{self.domain}"), self.tags))

    def _check_tags(self, at: datetime) -> None:
        tags = self.tags
        if any(tag not in tags for tag in (b"a", b"b", b"bh", b"d", b"h", b"s")) or tags.get(b"v") != b"1":
            raise NotGood("signature_malformed")
        if tags[b"a"].lower() not in {b"rsa-sha256", b"ed25519-sha256"}:
            raise NotGood("algorithm_refused")
        if b"l" in tags:
            raise NotGood("body_signed_in_part")
        if tags.get(b"q", b"dns/txt") != b"dns/txt" or not _DOMAIN.fullmatch(tags[b"s"] + b".d"):
            raise NotGood("signature_malformed")
        expiry = tags.get(b"x", b"")
        if expiry and (not expiry.isdigit() or len(expiry) > 12 or int(expiry) < at.timestamp()):
            raise NotGood("signature_expired")
        identity = tags.get(b"i", b"@" + tags[b"d"]).lower().rpartition(b"@")[2]
        if identity != tags[b"d"].lower() and not identity.endswith(b"." + tags[b"d"].lower()):
            raise NotGood("signature_malformed")

    def _check_fields(self) -> None:
        present = set(self.mail.names())
        if any(name in present and name not in self._names for name in _SIGNED):
            raise NotGood("fields_not_signed")
        if self.mail.repeats_a_field():
            raise NotGood("field_repeated")

    @property
    def _names(self) -> tuple[bytes, ...]:
        return tuple(name.strip().lower() for name in self.tags[b"h"].split(b":"))

    def _check_body(self) -> None:
        digest = self.mail.relaxed if self._policy.body_algorithm is Relaxed else self.mail.simple
        if digest != _decoded(self.tags[b"bh"]):
            raise NotGood("body_altered")

    @property
    def _policy(self) -> CanonicalizationPolicy:
        try:
            return CanonicalizationPolicy.from_c_value(self.tags.get(b"c"))
        except InvalidCanonicalizationPolicyError as error:
            raise NotGood("signature_malformed") from error

    def _check_signature(self, key: RSAPublicKey | Ed25519PublicKey) -> None:
        signed = signed_header(self.mail.fields, self._names, self.field, self._policy)
        signature = _decoded(self.tags[b"b"])
        try:
            if isinstance(key, RSAPublicKey):
                key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
            else:
                key.verify(signature, hashlib.sha256(signed).digest())
        except InvalidSignature as error:
            raise NotGood("header_altered") from error


def _named(field: bytes) -> HeaderField:
    name, colon, value = field.partition(b":")
    if not colon or not _FIELD_NAME.fullmatch(name.rstrip(b"\t ")):
        raise NotGood("header_malformed")
    return name, value + b"\r\n"


def canonical_body(body: bytes, policy: CanonicalizationPolicy) -> bytes:
    """A body in canonical form (RFC 6376, 3.4.3 and 3.4.4), in time that grows with its length alone.

    The library looks for the end of each run of blanks from every blank in it, and at empty lines one by one.
    """
    if policy.body_algorithm is not Relaxed:
        return _with_one_end(body)
    relaxed = body.replace(b"\t", b" ")
    while b"  " in relaxed:
        relaxed = relaxed.replace(b"  ", b" ")
    canonical: bytes = correct_empty_body(_with_one_end(relaxed.replace(b" \r\n", b"\r\n")))
    return canonical


def _with_one_end(body: bytes) -> bytes:
    """Without the empty lines at the end, and with the end of a line there."""
    if not body.endswith(b"\r\n"):
        return body + b"\r\n"
    text = len(body.rstrip(b"\r\n"))
    # A CR of its own, which another follows, is a character like others: what it stands in is no empty line.
    alone = body.rfind(b"\r\r", text)
    return body[: alone + 1 if alone >= 0 else text] + b"\r\n"


def signed_header(
    fields: tuple[HeaderField, ...], names: tuple[bytes, ...], signature: HeaderField, policy: CanonicalizationPolicy
) -> bytes:
    """What the signature is over: the named fields and the signature's own without its value (RFC 6376, 3.7)."""
    chosen = select_headers(policy.canonicalize_headers(list(fields)), names)
    own_name, own = policy.canonicalize_headers([(signature[0], _without_signature(signature[1]))])[0]
    return b"".join(name + b":" + value for name, value in [*chosen, (own_name, own.rstrip())])


def _without_signature(value: bytes) -> bytes:
    parts = [part[: part.index(b"=") + 1] if _is_signature(part) else part for part in value.split(b";")]
    return b";".join(parts)


def _is_signature(part: bytes) -> bool:
    name, equals, _ = part.partition(b"=")
    return bool(equals) and name.strip() == b"b"


def _key(found: tuple[bytes, ...], signature: Tags) -> RSAPublicKey | Ed25519PublicKey:
    """The key that a selector publishes, if it may be used for this signature (RFC 6376, 3.6.1)."""
    records = [tags for one in found if (tags := _tags(one)) is not None and b"p" in tags]
    if len(records) != 1:
        raise NotGood("no_key" if not records else "many_keys")
    record, kind = records[0], signature[b"a"].lower().partition(b"-")[0]
    flags = {flag.strip() for flag in record.get(b"t", b"").split(b":")}
    if record.get(b"v", b"DKIM1") != b"DKIM1" or record.get(b"k", b"rsa").lower() != kind:
        raise NotGood("no_key")
    if not _allows(record, b"h", b"sha256") or not (_allows(record, b"s", b"email") or _allows(record, b"s", b"*")):
        raise NotGood("key_for_something_else")
    if b"y" in flags:
        raise NotGood("key_under_test")
    if b"s" in flags and signature.get(b"i", b"@" + signature[b"d"]).lower().rpartition(b"@")[2] != (
        signature[b"d"].lower()
    ):
        raise NotGood("key_for_something_else")
    return public_key(record[b"p"], kind)


def published_keys(found: tuple[bytes, ...]) -> list[bytes]:
    """The keys in some text records, whatever they may be used for; none that is revoked."""
    records = [tags for one in found if (tags := _tags(one)) is not None and b"p" in tags]
    try:
        return [key for record in records if (key := _decoded(record[b"p"]))]
    except NotGood:
        return []


def _allows(record: Tags, tag: bytes, wanted: bytes) -> bool:
    return tag not in record or wanted in {one.strip().lower() for one in record[tag].split(b":")}


def public_key(published: bytes, kind: bytes) -> RSAPublicKey | Ed25519PublicKey:
    """A key as it stands in the DNS. Raises `NotGood` for none, a revoked one, or one that is too short."""
    content = _decoded(published)
    if not content:
        raise NotGood("key_revoked")
    try:
        key = Ed25519PublicKey.from_public_bytes(content) if kind == b"ed25519" else load_der_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise NotGood("no_key") from error
    if isinstance(key, RSAPublicKey) and key.key_size < _SMALLEST_RSA_KEY:
        raise NotGood("key_too_short")
    if not isinstance(key, RSAPublicKey | Ed25519PublicKey):
        raise NotGood("no_key")
    return key


def _tags(value: bytes) -> Tags | None:
    try:
        tags: Tags = parse_tag_value(_SPACE.sub(b" ", value))
    except InvalidTagValueList:
        return None
    return tags


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(_SPACE.sub(b"", text), validate=True)
    except binascii.Error as error:
        raise NotGood("signature_malformed") from error
