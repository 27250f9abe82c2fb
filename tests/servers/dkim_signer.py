"""A domain that signs its mails by DKIM: a key, the record that publishes it, and dkimpy as the signer."""

import base64
from dataclasses import dataclass, field

import dkim
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.servers.dns import NameServer


def _new_key() -> RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@dataclass
class Signer:
    """One domain and its key."""

    domain: str
    selector: str = "july"
    key: RSAPrivateKey = field(default_factory=_new_key)

    @property
    def name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        der = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"

    def publish(self, server: NameServer) -> None:
        server.publish(self.name, self.record)

    def signed(self, mail: bytes) -> bytes:
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        signature: bytes = dkim.sign(
            mail,
            self.selector.encode(),
            self.domain.encode(),
            pem,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=["from", "to", "subject", "date", "message-id", "in-reply-to"],
        )
        return signature + mail
