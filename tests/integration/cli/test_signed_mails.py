"""Mails that their domain has signed, as operators meet them."""

import time
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bridge.connectors.mail.dkim import SignedMail
from bridge.connectors.mail.resolving import NameServers
from tests.integration.cli.conftest import BRIDGE, DCC, MAILBOX
from tests.servers.authority import key_pem, new_authority, new_key, pem
from tests.servers.dkim_signer import Signer
from tests.servers.dns import name_server

DCC_DOMAIN = MAILBOX[DCC].partition("@")[2]


@pytest.fixture
def names():
    with name_server() as server:
        server.publish(f"_dmarc.{DCC_DOMAIN}", "v=DMARC1; p=reject")
        yield server


@pytest.fixture(scope="module")
def dcc():
    return Signer(DCC_DOMAIN)


@pytest.fixture
def verifying(bench, names, dcc):
    """A bridge that verifies signatures, and an engagement at a desk that signs."""
    dcc.publish(names)
    host, port = names.place
    bench.bridge["mail"] |= {"dkim_verify": True, "name_servers": [f"{host}:{port}"]}
    del bench.bridge["mail"]["authserv_id"]
    bench.write()
    bench.raise_case()
    bench.run("once")
    return bench


def reply(bench, text, number=1):
    (*_, last) = bench.sent_to(DCC)
    return (
        f"From: {MAILBOX[DCC]}\r\nTo: {BRIDGE}\r\nSubject: Re: {last['Subject']}\r\n"
        f"In-Reply-To: {last['Message-ID']}\r\nMessage-ID: <{number}@{DCC_DOMAIN}>\r\n"
        f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime())}\r\n\r\n{text}\r\n"
    ).encode()


def state(bench):
    (engagement,) = bench.json("engagements")
    return engagement["state"]


def test_a_signed_answer_is_applied_and_an_altered_one_waits_for_a_person(verifying, dcc, tmp_path):
    altered = dcc.signed(reply(verifying, "#acknowledge INC000000000001")).replace(b"#acknowledge", b"#resolved")
    verifying.mail.deliver(BRIDGE, altered)
    verifying.run("once")
    assert state(verifying) == "open"
    (item,) = verifying.json("quarantine", "list")
    assert item["reason"] == "dmarc_failed; dkim_body_altered"
    shown = verifying.json("quarantine", "show", item["item"])
    assert shown["reading"]["reasons"] == ["dmarc_failed", "dkim_body_altered"]
    good = dcc.signed(reply(verifying, "#acknowledge INC000000000001", 2))
    (tmp_path / "good.eml").write_bytes(good)
    told = verifying.json("mail", "read", tmp_path / "good.eml", "--desk", DCC)
    assert (told["sender"]["authenticated"], told["verdict"]) == (True, "apply")
    verifying.mail.deliver(BRIDGE, good)
    verifying.run("once")
    assert state(verifying) == "acknowledged"


def test_while_the_dns_is_away_the_mail_waits_and_is_then_applied(verifying, names, dcc):
    names.broken.add(DCC_DOMAIN)
    verifying.mail.deliver(BRIDGE, dcc.signed(reply(verifying, "#acknowledge INC000000000001")))
    verifying.run("once")
    assert (state(verifying), verifying.json("quarantine", "list")) == ("open", [])
    names.broken.clear()
    verifying.run("once")
    assert state(verifying) == "acknowledged"


def test_check_asks_for_the_policies_and_warns_where_nobody_verifies(verifying):
    told = {one["name"]: one for one in verifying.json("check")["checks"]}
    assert "wait for a person" in told[f"senders {DCC_DOMAIN}"]["detail"]
    del verifying.bridge["mail"]["dkim_verify"]
    verifying.write()
    told = {one["name"]: one for one in verifying.json("check")["checks"]}
    assert told["senders"]["status"] == "warning"
    verifying.bridge["mail"]["authserv_id"] = "mx.elexon.example"
    verifying.write()
    told = {one["name"]: one for one in verifying.json("check")["checks"]}
    assert told["senders"]["status"] == "ok"


@pytest.mark.parametrize("server", ["ns.example.org", "127.0.0.1:0", "127.0.0.1:99999", "1.2.3", ""])
def test_a_name_server_is_an_address(bench, server):
    bench.bridge["mail"]["name_servers"] = [server]
    bench.write()
    assert "name server" in bench.run("check", exits=2).stdout


@pytest.fixture
def signing(bench, names, tmp_path):
    """A bridge that signs its mails."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "dkim.pem").write_bytes(pem)
    host, port = names.place
    bench.bridge["mail"] |= {
        "dkim": {"selector": "cpsd1", "private_key": f"file:{tmp_path}/dkim.pem"},
        "name_servers": [f"{host}:{port}"],
    }
    bench.write()
    return bench


def test_mails_leave_signed_by_the_key_that_check_says_to_publish(signing, names):
    signing.raise_case()
    told = {one["name"]: one for one in signing.json("check", exits=1)["checks"]}
    missing = told["dkim cpsd1._domainkey.elexon.example"]
    where, _, record = missing["remedy"].removeprefix("publish at ").partition(" the TXT record ")
    names.publish(where, record)
    assert next(one for one in signing.json("check")["checks"] if one["name"].startswith("dkim"))["status"] == "ok"
    signing.run("once")
    (sent,) = [one.content for one in signing.mail.accepted if MAILBOX[DCC] in one.recipients]
    (signature,) = SignedMail.of(sent).signatures()
    signature.verify(NameServers([names.place]), datetime.now(UTC))
    assert signature.domain == "elexon.example"


@pytest.mark.parametrize("domain", ["dcc.example", "mail.elexon.example", "xon.example"])
def test_only_our_own_domain_signs(signing, domain):
    signing.bridge["mail"]["dkim"]["domain"] = domain
    signing.write()
    assert "says nothing about mails from elexon.example" in signing.run("check", exits=2).stdout


def test_a_key_that_is_none_is_said_to_be(signing, tmp_path):
    (tmp_path / "dkim.pem").write_text("a secret that is no key")
    told = signing.run("check", exits=1).stdout
    assert "mail.dkim.private_key" in told
    assert "a secret" not in told


def test_mails_leave_signed_by_both_ways_and_check_sees_the_certificate(signing, names, tmp_path):
    authority, key = new_authority(), new_key()
    (tmp_path / "smime.pem").write_text(pem(authority.certify(key, BRIDGE)))
    (tmp_path / "chain.pem").write_text(pem(authority.above))
    (tmp_path / "smime.key").write_text(key_pem(key))
    signing.bridge["mail"]["smime"] = {
        "certificate": str(tmp_path / "smime.pem"),
        "private_key": f"file:{tmp_path}/smime.key",
        "chain": str(tmp_path / "chain.pem"),
    }
    signing.write()
    signing.raise_case()
    told = {one["name"]: one for one in signing.json("check", exits=1)["checks"]}
    assert told["smime certificate"]["status"] == "ok"
    signing.run("once")
    (sent,) = [one.content for one in signing.mail.accepted if MAILBOX[DCC] in one.recipients]
    names.publish(
        "cpsd1._domainkey.elexon.example",
        told["dkim cpsd1._domainkey.elexon.example"]["remedy"].partition("record ")[2],
    )
    (signature,) = SignedMail.of(sent).signatures()
    signature.verify(NameServers([names.place]), datetime.now(UTC))  # DKIM signs what S/MIME made
    assert b"#acknowledge" in authority.verified(sent, tmp_path)
    signing.reply(DCC, "#acknowledge INC000000000001")
    signing.run("once")
    assert state(signing) == "acknowledged"


@pytest.mark.parametrize("key", ["certificate", "chain"])
def test_a_certificate_that_is_no_file_is_said_to_be(signing, tmp_path, key):
    (tmp_path / "smime.pem").write_text("")
    signing.bridge["mail"]["smime"] = {
        "certificate": str(tmp_path / "smime.pem"),
        "private_key": f"file:{tmp_path}/dkim.pem",
        key: "/nonexistent/smime.pem",
    }
    signing.write()
    assert f"{key}: '/nonexistent/smime.pem' is no file" in signing.run("check", exits=2).stdout
