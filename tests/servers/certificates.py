"""A certification authority of the tests' own, and a certificate for loopback that it signed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.x509.oid import NameOID

from tests.servers.processes import LOOPBACK

_VALID = timedelta(days=2)


@dataclass(frozen=True)
class Certificates:
    """What a server on loopback shows, and by what it is trusted."""

    #: the authority's certificate, PEM
    authority: Path
    #: the server's certificate and private key in one file, PEM
    server: Path


def make_certificates(folder: Path, name: str = "loopback") -> Certificates:
    """A new authority, and a certificate for 127.0.0.1 and localhost."""
    key, own = generate_private_key(65537, 2048), generate_private_key(65537, 2048)
    issuer = _name(f"{name} authority")
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    authority = _signed(_unsigned(issuer, issuer, key).add_extension(constraints, critical=True), key)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK)), x509.DNSName("localhost")])
    server = _signed(_unsigned(_name(name), issuer, own).add_extension(names, critical=False), key)
    made = Certificates(folder / f"{name}-authority.pem", folder / f"{name}.pem")
    made.authority.write_bytes(authority)
    made.server.write_bytes(server + _pem(own))
    return made


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _unsigned(subject: x509.Name, issuer: x509.Name, key: RSAPrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _VALID)
        .not_valid_after(now + _VALID)
    )


def _signed(certificate: x509.CertificateBuilder, key: RSAPrivateKey) -> bytes:
    return certificate.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _pem(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
