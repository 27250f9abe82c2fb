"""Our mails are signed so that others find the signature good, and nothing can be added to them on the way."""

import uuid
from datetime import timedelta
from email import message_from_bytes

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bridge.connectors.alerts import written
from bridge.connectors.mail.dkim_signing import DkimSigner
from bridge.connectors.mail.resolving import NamesAway
from bridge.connectors.mail.sending import stamped
from bridge.connectors.mail.writing import Writer
from bridge.domain.errors import ConfigurationError
from bridge.ports import CheckStatus, File
from tests.unit.connectors.mail.messages import NOW, outbound
from tests.unit.connectors.mail.test_dkim import Published, why

RSA_KEY = rsa.generate_private_key(65537, 2048)
ED25519_KEY = Ed25519PrivateKey.generate()
KEYS = pytest.mark.parametrize("key", [RSA_KEY, ED25519_KEY], ids=["rsa", "ed25519"])


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def signer(key=RSA_KEY, **changes):
    return DkimSigner(**{"selector": "cpsd1", "domain": "bridge.example", "private_key": pem(key)} | changes)


@pytest.fixture
def message():
    return outbound(
        thread=("<first@dcc.example>", "<second@dcc.example>"),
        summary="Zähler ohne Ablesung: " + "sehr lang " * 12,
        files=(File("reads.csv", "text/csv", b"mpan,read\r\n" * 40),),
    )


@pytest.fixture
def sign(settings, method, message):
    def sign(key=RSA_KEY, at=NOW):
        return Writer(settings, seals=[signer(key)]).write(message, method, at).content

    return sign


def published(key):
    made = signer(key)
    return {made.name: made.record.encode()}


@KEYS
def test_our_signature_is_good_also_on_a_repeat(sign, key):
    for attempt in (1, 2, 7):
        assert why(stamped(sign(key), attempt), published(key), NOW) == ""


def test_the_reference_library_finds_it_good(sign):
    def found(name, timeout=5):
        return signer().record.encode() if name == b"cpsd1._domainkey.bridge.example." else None

    assert dkim.verify(stamped(sign(), 2), dnsfunc=found)
    assert not dkim.verify(sign().replace(b"CS0001234", b"CS0001235"), dnsfunc=found)


@KEYS
def test_the_same_message_and_instant_give_the_same_bytes(sign, key):
    assert sign(key) == sign(key)
    assert sign(key) != sign(key, NOW + timedelta(seconds=1))


@pytest.mark.parametrize(
    "added",
    [
        "From: a@b.example",
        "Subject: another",
        "Date: Tue, 21 Jul 2026 11:00:00 +0000",
        "Message-ID: <x@b.example>",
        "Reply-To: a@b.example",
        "To: a@b.example",
        "Cc: a@b.example",
        "In-Reply-To: <x@b.example>",
        "References: <x@b.example>",
        "Content-Type: text/html",
        "X-CPSD-Reference: none",
    ],
)
def test_no_field_can_be_added_on_the_way(sign, added):
    raw = f"{added}\r\n".encode() + sign()
    assert why(raw, published(RSA_KEY), NOW) in {"field_repeated", "header_altered"}
    assert not dkim.verify(raw, dnsfunc=lambda name, timeout=5: signer().record.encode())


@KEYS
def test_the_lines_of_the_signature_are_short_and_plain(sign, key):
    field = sign(key).partition(b"\r\nMessage-ID:")[0]
    assert field.startswith(b"DKIM-Signature: v=1;")
    assert all(len(line) <= 78 for line in field.split(b"\r\n"))
    assert field.isascii()


def test_the_mail_stays_what_it_was(sign, settings, method, message):
    unsigned = Writer(settings).write(message, method, NOW).content
    assert sign().endswith(unsigned)
    assert message_from_bytes(sign())["Subject"] == message_from_bytes(unsigned)["Subject"]


@pytest.mark.parametrize("at", ["2026-07-21T09:00:00+00:00", ""])
def test_alarms_are_signed_too(settings, at):
    alarm = {"code": "dead_letter", "text": "a mail was refused", "case": "CS1", "desk": "dcc", "at": at}
    made = written(alarm, uuid.UUID(int=7), settings, ["oncall@elexon.example"], [signer()])
    assert why(made.content, published(RSA_KEY), NOW) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"private_key": "no key"},
        {"private_key": pem(ec.generate_private_key(ec.SECP256R1()))},
        {"selector": "two words"},
        {"domain": "bridge.example\r\nX: y"},
    ],
)
def test_what_cannot_sign_is_refused(changes):
    with pytest.raises(ConfigurationError) as caught:
        signer(**changes)
    assert "PRIVATE" not in str(caught.value)


class Away:
    def texts(self, name):
        raise NamesAway("the DNS is away")


@KEYS
def test_the_check_compares_the_published_key_with_ours(key):
    ours = signer(key)
    (good,) = ours.check(Published({ours.name: ours.record.encode()}))
    assert good.status is CheckStatus.OK
    for texts in ({}, {ours.name: b"v=DKIM1; p="}, {ours.name: b"v=spf1 -all"}):
        (missing,) = ours.check(Published(texts))
        assert (missing.status, missing.detail) == (CheckStatus.FAILED, "no key is published: signatures prove nothing")
        assert ours.record in missing.remedy
        assert ours.name in missing.remedy
    other = signer(rsa.generate_private_key(65537, 2048)).record.encode()
    (another,) = ours.check(Published({ours.name: other}))
    assert (another.status, another.detail) == (CheckStatus.FAILED, "another key is published: signatures are bad")
    (away,) = ours.check(Away())
    assert away.status is CheckStatus.FAILED


def test_a_small_key_is_warned_of():
    small = signer(rsa.generate_private_key(65537, 1024))
    (result,) = small.check(Published({small.name: small.record.encode()}))
    assert result.status is CheckStatus.WARNING
