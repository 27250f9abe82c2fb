"""A certification authority with an intermediate, which certifies mail addresses, and openssl as the judge."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

Key = RSAPrivateKey | EllipticCurvePrivateKey
NOW = datetime.now(UTC)


def key_pem(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def pem(*certificates: x509.Certificate) -> str:
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Authority:
    """A root and the intermediate that certifies."""

    root: x509.Certificate
    above: x509.Certificate
    key: Key

    def certify(
        self,
        key: Key,
        address: str,
        *,
        begins: datetime = NOW - timedelta(days=1),
        ends: datetime = NOW + timedelta(days=365),
        use: ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ) -> x509.Certificate:
        builder = _builder("CPSD Bridge", key, self.above.subject, begins, ends)
        names = x509.SubjectAlternativeName([x509.RFC822Name(address)])
        builder = builder.add_extension(names, critical=False)
        return builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False).sign(self.key, hashes.SHA256())

    def verified(self, mail: bytes, folder: Path) -> bytes | None:
        """The signed contents as openssl finds them; None where the signature is bad."""
        (folder / "root.pem").write_text(pem(self.root))
        (folder / "mail.eml").write_bytes(mail)
        ended = subprocess.run(
            ["openssl", "cms", "-verify", "-in", folder / "mail.eml", "-CAfile", folder / "root.pem"],
            capture_output=True,
            check=False,
        )
        return ended.stdout if ended.returncode == 0 else None


def _builder(name: str, key: Key, issuer: x509.Name, begins: datetime, ends: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _authority(name: str, key: Key, issuer: x509.Name, signed_by: Key) -> x509.Certificate:
    builder = _builder(name, key, issuer, NOW - timedelta(days=9), NOW + timedelta(days=900))
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    return builder.add_extension(constraints, critical=True).sign(signed_by, hashes.SHA256())


def new_authority() -> Authority:
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _authority("Root", root_key, _name("Root"), root_key)
    return Authority(root, _authority("Intermediate", key, root.subject, root_key), key)


def new_key(kind: str = "rsa") -> Key:
    return rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
