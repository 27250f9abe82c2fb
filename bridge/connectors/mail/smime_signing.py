"""Signing our own mails by S/MIME (RFC 8551, 3.5.3): clear-signed, so that every mail program shows them.

The signature holds the time of signing, so two seals of one mail differ; every attempt sends the bytes of the first.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bridge.domain.errors import ConfigurationError
from bridge.ports import CheckResult, CheckStatus

#: a certificate that ends within it is warned of
WARNING_BEFORE = timedelta(days=30)
_NEXT_FIELD = re.compile(rb"\r\n(?![\t ])")
_LINE = 76
_OPTIONS = [PKCS7Options.DetachedSignature, PKCS7Options.Binary]


class SmimeSigner:
    """Signs with one certificate and its key, RSA or EC, in PEM; `chain` are the certificates above it."""

    def __init__(self, certificate: str, private_key: str, chain: str = "") -> None:
        self._certificate, *above = _certificates(certificate, "mail.smime.certificate")
        self._chain = [*above, *(_certificates(chain, "mail.smime.chain") if chain else ())]
        self._key = _key(private_key)
        if _public(self._key) != _public(self._certificate):
            raise ConfigurationError(
                "mail.smime.private_key is not the key of mail.smime.certificate",
                remedy="write the key that the certificate was asked for with",
            )

    def seal(self, content: bytes, at: datetime | None) -> bytes:
        """The mail with its contents as one part and their signature as the other."""
        del at  # the time of signing is the library's to write
        header, _, body = content.partition(b"\r\n\r\n")
        fields = _NEXT_FIELD.split(header)
        about_content = [field for field in fields if field.lower().startswith(b"content-")]
        entity = b"\r\n".join([*about_content, b"", body])
        boundary = b"=_cpsd_smime_" + hashlib.sha256(entity).hexdigest()[:32].encode()
        outer = [field for field in fields if field not in about_content]
        outer.append(
            b'Content-Type: multipart/signed; protocol="application/pkcs7-signature";\r\n'
            b' micalg=sha-256; boundary="' + boundary + b'"'
        )
        parts = [b"\r\n".join(outer), b"", b"--" + boundary, entity, b"--" + boundary, self._signature(entity)]
        return b"\r\n".join([*parts, b"--" + boundary + b"--", b""])

    def _signature(self, entity: bytes) -> bytes:
        builder = PKCS7SignatureBuilder().set_data(entity).add_signer(self._certificate, self._key, hashes.SHA256())
        for certificate in self._chain:
            builder = builder.add_certificate(certificate)
        encoded = base64.b64encode(builder.sign(Encoding.DER, _OPTIONS))
        lines = [encoded[start : start + _LINE] for start in range(0, len(encoded), _LINE)]
        return b"\r\n".join(
            [
                b'Content-Type: application/pkcs7-signature; name="smime.p7s"',
                b"Content-Transfer-Encoding: base64",
                b'Content-Disposition: attachment; filename="smime.p7s"',
                b"",
                *lines,
            ]
        )

    def check(self, address: str, now: datetime) -> Iterator[CheckResult]:
        """Whether the certificate holds, for long enough, and for our address."""
        name, ours = "smime certificate", self._certificate
        ends = f"{ours.not_valid_after_utc:%-d %B %Y}"
        renew = "ask for a new certificate and write it into mail.smime"
        if not ours.not_valid_before_utc <= now <= ours.not_valid_after_utc:
            begins = f"{ours.not_valid_before_utc:%-d %B %Y}"
            detail = f"holds from {begins} to {ends} only: our mails show as wrongly signed"
            yield CheckResult(name, CheckStatus.FAILED, detail, renew)
        elif not _is_for_mail(ours) or address.lower() not in _addresses(ours):
            detail = f"is not for mails from {address}: they show as signed by somebody else"
            yield CheckResult(name, CheckStatus.FAILED, detail, renew)
        elif now + WARNING_BEFORE > ours.not_valid_after_utc:
            yield CheckResult(name, CheckStatus.WARNING, f"ends on {ends}", renew)
        else:
            yield CheckResult(name, CheckStatus.OK, f"holds until {ends}")


def _certificates(pem: str, place: str) -> Sequence[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise ConfigurationError(f"{place} holds no certificate", remedy="write certificates in PEM") from error


def _key(pem: str) -> RSAPrivateKey | EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise ConfigurationError(
            "mail.smime.private_key holds no usable key", remedy="write an RSA or EC key in PEM without a passphrase"
        )
    return key


def _public(holder: RSAPrivateKey | EllipticCurvePrivateKey | x509.Certificate) -> bytes:
    return holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _is_for_mail(certificate: x509.Certificate) -> bool:
    """Whether its uses, if it names any, have mail among them (RFC 8550, 4.4.4)."""
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return any(
        use in uses for use in (ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    )


def _addresses(certificate: x509.Certificate) -> set[str]:
    """The addresses that a certificate is for (RFC 8550, 3)."""
    named = {str(one.value).lower() for one in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)}
    try:
        others = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return named
    return named | {one.lower() for one in others.get_values_for_type(x509.RFC822Name)}
