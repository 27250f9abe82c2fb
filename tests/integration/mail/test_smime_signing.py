"""Our mails signed by S/MIME and DKIM: openssl verifies them, also after real mail servers had them in their hands."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from bridge.connectors.mail.dkim_signing import DkimSigner
from bridge.connectors.mail.parsing import parsed
from bridge.connectors.mail.sending import Submission
from bridge.connectors.mail.smime_signing import SmimeSigner
from bridge.connectors.mail.writing import Writer
from bridge.domain.agreement import EmailMethod
from bridge.domain.errors import ConfigurationError
from bridge.ports import CheckStatus, File
from tests.servers.authority import key_pem, new_authority, new_key, pem
from tests.unit.connectors.mail.messages import outbound
from tests.unit.connectors.mail.reading_fixtures import SETTINGS
from tests.unit.connectors.mail.test_dkim import why

ADDRESS = "cpsd@bridge.example"
NOW = datetime.now(UTC)
FILES = (
    File("reads.csv", "text/csv", b"mpan,read\r\n.\r\n" * 40),
    File("Zähler.bin", "application/pdf", bytes(range(256))),
)


@pytest.fixture(scope="module")
def authority():
    return new_authority()


@pytest.fixture(scope="module")
def keys():
    return {kind: new_key(kind) for kind in ("rsa", "ec")}


@pytest.fixture
def signer(authority, keys):
    def signer(kind="rsa", address=ADDRESS, **how):
        certificate = authority.certify(keys[kind], address, **how)
        return SmimeSigner(pem(certificate), key_pem(keys[kind]), pem(authority.above))

    return signer


@pytest.fixture(scope="module")
def dkim(keys):
    return DkimSigner("cpsd1", "bridge.example", key_pem(keys["rsa"]))


def write(*seals, settings=SETTINGS, to="desk@dcc.example"):
    message = outbound(files=FILES, text=".\nZähler ohne Ablesung\n" + "x" * 3000, thread=("<one@dcc.example>",))
    return Writer(settings, seals=seals).write(message, EmailMethod((to,)), NOW)


def contents(mail):
    """Every leaf but the signature: type, name, decoded content."""
    leaves = [part for part in mail.walk() if not part.is_multipart()]
    found = [(one.get_content_type(), one.get_filename(), one.get_payload(decode=True)) for one in leaves]
    return [one for one in found if one[0] != "application/pkcs7-signature"]


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_openssl_verifies_the_signature_with_nothing_but_the_root(authority, signer, kind, tmp_path):
    sent = write(signer(kind)).content
    content = authority.verified(sent, tmp_path)
    assert content is not None
    assert contents(message_from_bytes(content)) == contents(message_from_bytes(write().content))


@pytest.mark.parametrize("part", [b"CS0001234", b"Settlement"])
def test_what_was_altered_on_the_way_is_not_verified(authority, signer, tmp_path, part):
    header, _, body = write(signer()).content.partition(b"\r\n\r\n")
    assert part in body
    assert authority.verified(header + b"\r\n\r\n" + body.replace(part, part.swapcase()), tmp_path) is None


def test_everybody_reads_the_same_mail_as_without_a_signature(signer):
    plain, signed = (message_from_bytes(write(*seals).content, policy=policy.default) for seals in ((), (signer(),)))
    assert signed.get_content_type() == "multipart/signed"
    assert (signed.get_param("protocol"), signed.get_param("micalg")) == ("application/pkcs7-signature", "sha-256")
    assert contents(signed) == contents(plain)
    assert [one[0] for one in contents(signed)][:3] == ["text/plain", "text/html", "application/json"]
    names = {"content-type", "content-transfer-encoding"}
    kept = [(name, value) for name, value in plain.items() if name.lower() not in names]
    assert [(name, value) for name, value in signed.items() if name.lower() not in names] == kept
    assert signed.get_all("MIME-Version") == ["1.0"]


def test_our_own_reader_reads_it_too(signer):
    plain, signed = parsed(write().content), parsed(write(signer()).content)
    assert signed.text == plain.text
    assert [one.name for one in signed.attachments] == [*(one.name for one in plain.attachments), "smime.p7s"]


def test_both_signatures_hold_after_real_mail_servers(provider, authority, signer, dkim, tmp_path):
    address = provider.new_address()
    settings = provider.settings(address)
    sent = write(signer(), dkim, settings=settings, to=address)
    Submission(settings).send(sent, 1)
    Submission(settings).send(sent, 2)
    for raw in provider.mails(address, 2):
        assert authority.verified(raw, tmp_path) is not None
        assert why(raw, {dkim.name: dkim.record.encode()}, NOW) == ""


def test_a_domain_answers_for_the_signed_mail_as_a_whole(signer, dkim):
    sent = write(signer(), dkim).content
    records = {dkim.name: dkim.record.encode()}
    assert why(sent, records, NOW) == ""
    assert why(sent.replace(b"multipart/signed", b"multipart/mixed!"), records, NOW) == "header_altered"


@pytest.mark.parametrize(
    "how,status,words",
    [
        ({}, CheckStatus.OK, "holds until"),
        ({"ends": NOW + timedelta(days=31)}, CheckStatus.OK, "holds until"),
        ({"ends": NOW + timedelta(days=29)}, CheckStatus.WARNING, "ends on"),
        ({"ends": NOW - timedelta(hours=1)}, CheckStatus.FAILED, "only"),
        ({"begins": NOW + timedelta(hours=1)}, CheckStatus.FAILED, "only"),
        ({"address": "somebody@bridge.example"}, CheckStatus.FAILED, "is not for mails from"),
        ({"use": ExtendedKeyUsageOID.SERVER_AUTH}, CheckStatus.FAILED, "is not for mails from"),
    ],
)
def test_the_check_sees_what_receivers_will_object_to(signer, how, status, words):
    (result,) = signer(**how).check(ADDRESS, NOW)
    assert result.status is status
    assert words in result.detail


def test_a_certificate_and_a_key_that_do_not_belong_together_are_refused(authority, keys):
    certificate = pem(authority.certify(keys["rsa"], ADDRESS))
    with pytest.raises(ConfigurationError, match="is not the key of"):
        SmimeSigner(certificate, key_pem(keys["ec"]))
    with pytest.raises(ConfigurationError, match="no usable key"):
        SmimeSigner(certificate, "no key")
    with pytest.raises(ConfigurationError, match=r"mail\.smime\.certificate holds no certificate"):
        SmimeSigner("no certificate", key_pem(keys["rsa"]))
    with pytest.raises(ConfigurationError, match=r"mail\.smime\.chain holds no certificate"):
        SmimeSigner(certificate, key_pem(keys["rsa"]), "no chain")
