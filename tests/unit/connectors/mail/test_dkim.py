"""Signatures are verified as RFC 6376 and RFC 8463 say, checked against mails that others have signed."""

import base64
import subprocess
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bridge.connectors.mail.dkim import NotGood, SignedMail

AT = datetime(2026, 7, 21, 11, 5, tzinfo=UTC)
#: RFC 8463, appendix A: the mail and the keys
FOOTBALL = b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""
FOOTBALL_KEYS = {
    "brisbane._domainkey.football.example.com": b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "test._domainkey.football.example.com": b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5"
    b"V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9"
    b"PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
}
MAIL = (
    b"From: Desk <desk@dcc.example>\r\nTo: cpsd@bridge.example\r\nSubject: Re: case\r\n"
    b"Date: Tue, 21 Jul 2026 11:00:00 +0000\r\nMessage-ID: <1@dcc.example>\r\n\r\n"
    b"#resolved the meter  is read \r\n\r\n\r\n"
)

BODIES = [
    b"",
    b"\r\n",
    b"\r\n \r\n\r\n",
    b"a \t b \r\n \r\n\r\n",
    b"no end",
    b"a\r\r\n\r\n\r\n",
    b"\r\r\n",
    b"a\r\r\r",
    b"=\r\n.\r\n",
]


class Published:
    """Text records in memory."""

    def __init__(self, texts):
        self._texts = dict(texts)

    def texts(self, name):
        found = self._texts.get(name, ())
        return (found,) if isinstance(found, bytes) else tuple(found)


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(65537, 2048)


def pem(private):
    return private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def record(private, extra=""):
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; {extra}p={base64.b64encode(der).decode()}".encode()


def signed(private, mail=MAIL, **how):
    how.setdefault("include_headers", ["from", "to", "subject", "date", "message-id"])
    return dkim.sign(mail, b"july", b"dcc.example", pem(private), **how) + mail


def why(raw, texts, at=AT):
    """Why the topmost signature is not good; empty if it is."""
    try:
        next(SignedMail.of(raw).signatures()).verify(Published(texts), at)
    except NotGood as error:
        return str(error)
    return ""


def named(text):
    return {"july._domainkey.dcc.example": text}


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_the_published_example_is_good_by_both_of_its_keys(line_end):
    signatures = list(SignedMail.of(FOOTBALL.replace(b"\n", line_end)).signatures())
    assert [one.domain for one in signatures] == ["football.example.com"] * 2
    for signature in signatures:
        signature.verify(Published(FOOTBALL_KEYS), AT)


@pytest.mark.parametrize("altered", [(b"hungry", b"angry"), (b"Is dinner", b"Was dinner")])
def test_an_altered_example_is_good_by_none(altered):
    for signature in SignedMail.of(FOOTBALL.replace(*altered)).signatures():
        with pytest.raises(NotGood):
            signature.verify(Published(FOOTBALL_KEYS), AT)


@pytest.mark.parametrize("header", [b"simple", b"relaxed"])
@pytest.mark.parametrize("body", [b"simple", b"relaxed"])
@pytest.mark.parametrize("content", BODIES)
def test_what_the_reference_library_signs_is_good_in_every_canonical_form(key, header, body, content):
    mail = MAIL.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + content
    assert why(signed(key, mail, canonicalize=(header, body)), named(record(key))) == ""


def test_relaxed_survives_what_mail_servers_do_on_the_way(key):
    raw = signed(key, canonicalize=(b"relaxed", b"relaxed"))
    folded = raw.replace(b"Subject: Re: case", b"subject:   Re:\r\n\tcase").replace(b"meter  is", b"meter is")
    assert why(b"Received: by us\r\n" + folded + b"\r\n\r\n", named(record(key))) == ""
    assert why(raw.replace(b"Re: case", b"Re: another case"), named(record(key))) == "header_altered"


@pytest.mark.parametrize(
    "change, reason",
    [
        ((b"#resolved", b"#declined"), "body_altered"),
        ((b"Re: case", b"Re: CS2"), "header_altered"),
        ((b"v=1;", b"v=2;"), "signature_malformed"),
        ((b"a=rsa-sha256", b"a=rsa-sha1"), "algorithm_refused"),
        ((b"q=dns/txt", b"q=dns/txt; l=5"), "body_signed_in_part"),
        ((b"q=dns/txt", b"q=dns/txt; x=1784631899"), "signature_expired"),
        ((b"i=@dcc.example", b"i=@ldso.example"), "signature_malformed"),
        ((b"bh=", b"bh=!"), "signature_malformed"),
        ((b"From: Desk", b"From: cpsd@bridge.example\r\nFrom: Desk"), "field_repeated"),
        ((b"Subject: Re", b"Subject: CS0009\r\nSubject: Re"), "field_repeated"),
        ((b"Subject: Re", b"References: <1@x>\r\nReferences: <2@x>\r\nSubject: Re"), "field_repeated"),
    ],
)
def test_a_signature_that_proves_nothing_says_why(key, change, reason):
    raw = signed(key)
    assert change[0] in raw
    assert why(raw.replace(*change, 1), named(record(key))) == reason


def test_a_signature_of_the_beginning_of_a_body_is_refused_although_it_is_right(key):
    raw = signed(key, length=True)
    assert dkim.verify(raw + b"#resolved\r\n", dnsfunc=lambda name, timeout=5: record(key))
    assert why(raw, named(record(key))) == "body_signed_in_part"


@pytest.mark.parametrize("missing", ["subject", "date"])
def test_what_people_go_by_must_be_signed(key, missing):
    names = [name for name in ("from", "to", "subject", "date") if name != missing]
    assert why(signed(key, include_headers=names), named(record(key))) == "fields_not_signed"


def test_a_mail_without_a_subject_needs_none_signed(key):
    mail = MAIL.replace(b"Subject: Re: case\r\n", b"")
    assert why(signed(key, mail, include_headers=["from", "date"]), named(record(key))) == ""


def test_a_field_that_was_signed_as_absent_may_not_be_added(key):
    raw = signed(key, include_headers=["from", "from", "subject", "date", "reply-to"])
    assert why(raw, named(record(key))) == ""
    assert (
        why(raw.replace(b"Subject:", b"Reply-To: a@b.example\r\nSubject:", 1), named(record(key))) == "header_altered"
    )


@pytest.mark.parametrize(
    "extra, reason",
    [
        ("s=email; ", ""),
        ("h=sha1:sha256; ", ""),
        ("n=ours; ", ""),
        ("t=s; ", ""),
        ("t=y; ", "key_under_test"),
        ("h=sha1; ", "key_for_something_else"),
        ("s=tlsrpt; ", "key_for_something_else"),
    ],
)
def test_a_key_is_used_only_for_what_it_is_published_for(key, extra, reason):
    assert why(signed(key), named(record(key, extra))) == reason


def test_a_key_for_the_domain_itself_does_not_answer_for_one_below(key):
    raw = signed(key, identity=b"@mail.dcc.example")
    assert why(raw, named(record(key))) == ""
    assert why(raw, named(record(key, "t=s; "))) == "key_for_something_else"


def test_no_key_a_revoked_one_and_two_at_once_prove_nothing(key):
    raw = signed(key)
    assert why(raw, {}) == "no_key"
    assert why(raw, named(b"v=DKIM1; p=")) == "key_revoked"
    assert why(raw, named(b"v=DKIM1; p=QUJD")) == "no_key"
    assert why(raw, named(b"v=spf1 -all")) == "no_key"
    assert why(raw, named([record(key), record(key)])) == "many_keys"
    assert why(raw, named([b"something else", record(key)])) == ""
    assert why(raw, named(record(rsa.generate_private_key(65537, 2048)))) == "header_altered"


def test_a_key_of_a_foreign_kind_is_none(key):
    ed25519 = FOOTBALL_KEYS["brisbane._domainkey.football.example.com"]
    assert why(signed(key), named(ed25519)) == "no_key"


def test_a_short_key_is_refused(key, tmp_path):
    made = ["openssl", "genrsa", "-traditional", "-out", str(tmp_path / "key.pem"), "768"]
    subprocess.run(made, check=True, capture_output=True)
    public = ["openssl", "rsa", "-in", str(tmp_path / "key.pem"), "-pubout", "-outform", "DER"]
    der = subprocess.run(public, check=True, capture_output=True).stdout
    raw = dkim.sign(
        MAIL, b"july", b"dcc.example", (tmp_path / "key.pem").read_bytes(), include_headers=["from", "subject", "date"]
    )
    assert why(raw + MAIL, named(b"v=DKIM1; p=" + base64.b64encode(der))) == "key_too_short"


def test_hostile_mails_are_judged_in_bounded_work(key):
    """Each of these takes the reference library minutes, or for ever."""
    blanks = signed(key, canonicalize=(b"relaxed", b"relaxed")).replace(b"meter ", b"meter " + b" " * 3_000_000)
    assert why(blanks, named(record(key))) == ""
    empty = signed(key, canonicalize=(b"relaxed", b"relaxed")) + b"\r\n" * 3_000_000
    assert why(empty, named(record(key))) == ""
    folded = b"DKIM-Signature: v=1; b=" + b" \r\n" * 500_000 + b"!\r\n" + MAIL
    assert list(SignedMail.of(folded[:900_000]).signatures()) == []
    many = b"X: 1\r\n" * 2_000 + MAIL
    with pytest.raises(NotGood, match="header_too_long"):
        SignedMail.of(many)


def test_an_empty_mail_carries_no_signature():
    assert list(SignedMail.of(b"").signatures()) == []


@pytest.mark.parametrize("raw", [b" folded at once", b"no colon", b"\xff\xfe: x", b"\x00" * 50, b"a b: c", b": c"])
def test_a_header_that_is_none_carries_no_signature(raw):
    with pytest.raises(NotGood, match="header_malformed"):
        SignedMail.of(raw + b"\r\n\r\n")


def test_a_mail_with_an_odd_domain_in_its_signature_is_nobodys(key):
    raw = signed(key).replace(b"d=dcc.example", b"d=dcc example", 1)
    assert [one.domain for one in SignedMail.of(raw).signatures()] == [""]
