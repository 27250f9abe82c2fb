"""Mails at random: bent ones of the corpus, pieces that readers stumble over, and whole ones grown by a grammar."""

import base64
import quopri

from hypothesis import strategies as st

from tests.unit.connectors.mail.reading_fixtures import ASKED, CLOSED, CORPUS, KEYS, OTHER, filled, message_id, subject

SEEDS = [filled(path.read_bytes()) for path in sorted(CORPUS.glob("*.eml")) if path.stat().st_size < 8_000]
#: pieces of mails that readers stumble over
PIECES = [
    b"\r\n",
    b"\n\n",
    b"\x00",
    b"\xff\xfe",
    b"=?utf-8?q?=ff?=",
    b"=?x?b?!!?=",
    b"=?utf-8?b?",
    b"<@>",
    b"<",
    b">",
    b"--b",
    b"--b--",
    b"Content-Type: multipart/mixed; boundary=b\n",
    b"Content-Type: multipart/alternative; boundary=\n",
    b"Content-Type: message/rfc822\n",
    b"Content-Type: message/delivery-status\n",
    b"Content-Type: text/html\n",
    b"Content-Type: text/plain; charset*=x''%ff\n",
    b"Content-Type: application/pkcs7-mime; smime-type=signed-data\n",
    b"Content-Type: application/ms-tnef\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Transfer-Encoding: uuencode\n",
    b"Content-Transfer-Encoding: quoted-printable\n",
    b"Content-Disposition: attachment; filename*0*=utf-8''%",
    b"charset=",
    b"Date: Thu, 99 Foo 20000 99:99:99 +9999\n",
    b"From: a@b, c@d\n",
    b"From: =?utf-8?q?a=0ab?= <x@dcc.example>\n",
    b"Message-ID: <\xe4@>\n",
    b"References: " + b"<a@b> " * 200,
    b"Return-Path: <>\n",
    b"Auto-Submitted: (((\n",
    b"Authentication-Results: mx.bridge.example; dmarc=pass (((\n",
    b"begin 644 x\n",
    b"#resolved: ",
    b"#decline\n",
    b"\n> #resolved: x\n",
    b"On x wrote:\n",
    b"-- \n",
    b"<div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div><div>",
    b"</div>",
    b"<table>",
    b"&#x0;",
    b"<!--",
    b"\xe2\x80\xae",
    b"X-CPSD-Oversize: 9X-CPSD-Oversize: 9X-CPSD-Oversize: 9",
]


@st.composite
def bent(draw):
    """A mail of the corpus with pieces cut out, doubled, moved and put in."""
    raw = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(raw)))
        end = min(len(raw), at + draw(st.integers(0, 200)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=20), st.sampled_from(SEEDS)))
        match draw(st.integers(0, 3)):
            case 0:
                raw = raw[:at] + raw[end:]
            case 1:
                raw = raw[:at] + piece + raw[at:]
            case 2:
                raw = raw[:at] + raw[at:end] * draw(st.integers(2, 30)) + raw[end:]
            case _:
                raw = raw[:at] + piece + raw[end:]
    return raw[:60_000]


@st.composite
def built(draw):
    """A mail put together from pieces that readers stumble over."""
    pieces = draw(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=30)), max_size=40))
    return b"".join(pieces)


# ── grown by a grammar ──────────────────────────────────────────────────────────────────────────────────────────────

CHARSETS = [
    *(
        "utf-8",
        "us-ascii",
        "iso-8859-1",
        "windows-1252",
        "utf-16",
        "utf-16-le",
        "utf-32",
        "iso-2022-jp",
        "gb18030",
        "big5",
    ),
    *("euc-kr", "koi8-r", "cp437", "utf-7", "utf-8-sig", "hz", "shift_jis", "idna", "punycode", "undefined", "rot13"),
    *(
        "zlib",
        "hex",
        "base64",
        "unicode-escape",
        "raw-unicode-escape",
        "unknown-8bit",
        "",
        "x" * 80,
        "utf-8'en'",
        "\u00e4",
    ),
]
ENCODINGS = ["", "7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode", "BASE64", "rot13", "base64; x=y"]
DATES = [
    "Tue, 21 Jul 2026 11:00:00 +0000",
    "21 Jul 26 11:00 GMT",
    "Tue, 21 Jul 2026 11:00:00 -9999",
    "Tue, 31 Feb 2026 25:61:61 +0100",
    "Tue, 21 Jul 99999999999 11:00:00 +0000",
    "21.07.2026 11:00",
    "Mon, 1 Jan 0001 00:00:00 +2359",
    "yesterday",
    "",
]
ADDRESSES = [
    "jo@dcc.example",
    "Jo Evans <jo@dcc.example>",
    '"Evans, Jo" <jo@dcc.example>, other@ldso.example',
    "MAILER-DAEMON@dcc.example",
    "servicedesk@ldso.example",
    "cpsd@bridge.example",
    "stranger@shop.example",
    "=?utf-8?b?am9AZGNjLmV4YW1wbGU=?= <eve@shop.example>",
    "jo@dcc.example <eve@shop.example>",
    "Undisclosed: jo@dcc.example, eve@shop.example;",
    "<@relay.example:jo@dcc.example>",
    "jo(comment (in (comments)))@dcc.example",
    '"unfinished <jo@dcc.example',
    "jo@[127.0.0.1]",
    "jo@d\u00fccc.example",
    "@",
    "",
]
SUBJECTS = [
    subject(ASKED),
    f"Re: AW: [INC000000000123] {subject(ASKED)}",
    f"Fwd: {subject(OTHER)}",
    f"Automatic reply: {subject(CLOSED)}",
    "Undelivered Mail Returned to Sender",
    "[CPSD 4ZJ6T0Q2WX-0123456789ABCDEF] forged",
    "=?utf-8?q?" + "=41" * 200 + "?= =?x?b?!?=",
]
IDENTITIES = [
    message_id(ASKED),
    message_id(OTHER),
    message_id(CLOSED),
    "<cpsd.0.0@bridge.example>",
    "<a@dcc.example>",
    "<",
]
LINES = [
    "#resolved: The job was restarted.",
    "#decline: not ours, to @ldso-help-desk",
    "#acknowledge INC000000000123",
    "#progress: waiting until 2026-99-99",
    "It is resolved.",
    "> #resolved: quoted",
    "On 21.07.2026 11:00, CPSD <cpsd@bridge.example> wrote:",
    "From: CPSD <cpsd@bridge.example>\nSent: today\nTo: desk\nSubject: reads",
    "-----Original Message-----",
    "-- ",
    "Kind regards",
    f"CPSD reference: {KEYS.sign_reference(ASKED.reference)}",
    "Final-Recipient: rfc822; servicedesk@dcc.example\nAction: failed\nStatus: 5.1.1",
    "CAUTION: external sender",
    "begin 644 file\n#0V%T\n`\nend",
]
CONTAINERS = ["mixed", "alternative", "related", "signed", "report; report-type=delivery-status", "digest", "encrypted"]
WRAPPERS = [
    "message/rfc822",
    "message/delivery-status",
    "message/partial; number=1",
    "message/external-body",
    "text/rfc822-headers",
]
LEAVES = [
    *("text/plain", "text/html", "text/calendar", "application/json", "application/pdf", "image/png; name=a.png"),
    *(
        "application/ms-tnef",
        "application/pkcs7-mime",
        "application/pkcs7-signature",
        "message/disposition-notification",
    ),
    *("", "text", "text/plain; charset*0=u; charset*1=tf-8", "multipart/mixed", "\u00e4/\u00fc", "text/html; charset"),
]
NAMES = ["a.pdf", "../../etc/passwd", "=?utf-8?q?=C3=A4?=.txt", "*0*=utf-8''%zz", "CON", "." * 300, "", 'a"b', "a\x00b"]
#: of two of these in one mail, or one more, nothing else is looked at
_DECISIVE = {"From", "Message-ID", "X-CPSD-Oversize"}
texts = st.lists(st.sampled_from(LINES) | st.text(max_size=60), max_size=8).map("\n".join)
html = texts.map(
    lambda text: f"<html><p>{text}<br><table><td><blockquote>{text}<img src=cid:a><a href=x>" + "<div>" * 5
)


@st.composite
def headers(draw):
    """The header of a mail: each of the fields that decide something, once, twice or not at all."""
    kinds = {
        "From": st.sampled_from(ADDRESSES),
        "To": st.sampled_from(ADDRESSES),
        "Date": st.sampled_from(DATES) | st.text(max_size=20),
        "Subject": st.sampled_from(SUBJECTS) | st.text(max_size=80),
        "Message-ID": st.sampled_from(IDENTITIES),
        "In-Reply-To": st.sampled_from(IDENTITIES),
        "References": st.lists(st.sampled_from(IDENTITIES), max_size=8).map(" ".join),
        "Return-Path": st.sampled_from(["<>", "<jo@dcc.example>", ""]),
        "Auto-Submitted": st.sampled_from(["no", "auto-replied", "auto-generated; x=(", "(((", ""]),
        "Precedence": st.sampled_from(["bulk", "list", ""]),
        "List-Id": st.just("<list.dcc.example>"),
        "Content-ID": st.sampled_from(["<a>", "a", ""]),
        "X-CPSD-Oversize": st.sampled_from(["1", "9" * 500, "-1"]),
        "X-CPSD-Reference": st.sampled_from([KEYS.sign_reference(ASKED.reference), "forged"]),
        "Authentication-Results": st.sampled_from(
            [
                "mx.bridge.example; dmarc=pass header.from=dcc.example",
                "mx.bridge.example; dmarc=fail",
                "(",
                "mx.bridge.example",
            ]
        ),
        "X-Failed-Recipients": st.sampled_from(ADDRESSES),
    }
    if draw(st.integers(0, 3)):
        # An answer of the desk, as far as these go; most others come to an end at the first thing that is wrong.
        answer = ["From: jo@dcc.example", f"Message-ID: <{draw(st.integers(0, 9))}@dcc.example>"]
        also = draw(st.lists(st.sampled_from(sorted(kinds.keys() - _DECISIVE)), max_size=5))
        identity, about = draw(st.sampled_from(IDENTITIES)), draw(st.sampled_from(SUBJECTS))
        lines = [*answer, f"In-Reply-To: {identity}", f"Subject: {about}"]
    else:
        lines, also = [], draw(st.lists(st.sampled_from(sorted(kinds)), max_size=12))
    lines += [f"{name}: {draw(kinds[name])}" for name in also]
    return "\r\n".join(line.replace("\n", "\r\n ") for line in lines).encode("utf-8", "surrogateescape")


def _transferred(content, encoding):
    """Some bytes as a transfer encoding writes them."""
    match encoding.lower().partition(";")[0]:
        case "base64":
            return base64.encodebytes(content)
        case "quoted-printable":
            return quopri.encodestring(content)
        case _:
            return content


@st.composite
def leaf(draw):
    """A part without parts, honestly encoded or not, and now and then broken afterwards."""
    kind, charset = draw(st.sampled_from(LEAVES)), draw(st.sampled_from(CHARSETS))
    written, named = draw(st.sampled_from(ENCODINGS)), draw(st.sampled_from(ENCODINGS))
    text = draw(html if "html" in kind else texts)
    try:
        content = text.encode(charset, "replace") if charset.isascii() else text.encode()
    except (LookupError, UnicodeError, ValueError, TypeError):
        content = text.encode("utf-8", "replace")
    content = draw(st.one_of(st.just(content), st.binary(max_size=80)))
    body = _transferred(content, written)
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.binary(max_size=6)) + body[at + draw(st.integers(0, 3)) :]
    fields = [f"Content-Type: {kind}; charset={charset}" if kind else ""]
    fields.append(f"Content-Transfer-Encoding: {written if draw(st.booleans()) else named}")
    if draw(st.booleans()):
        fields.append(f"Content-Disposition: attachment; filename={draw(st.sampled_from(NAMES))}")
    return "\r\n".join(filter(None, fields)).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


@st.composite
def container(draw, inner):
    """Parts within a part; the boundary is mostly the right one, and mostly closed."""
    parts = draw(st.lists(inner, max_size=4))
    boundary = draw(st.sampled_from([b"b", b"bb", b"b--", b"", b"=_=", b"a b"]))
    kind = draw(st.sampled_from(CONTAINERS)).encode()
    closed = b"--" + boundary + b"--\r\n" if draw(st.integers(0, 4)) else b""
    joined = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"\r\n\r\n' + joined + closed


@st.composite
def wrapped(draw, inner):
    """A mail, or something like it, within a part."""
    kind = draw(st.sampled_from(WRAPPERS)).encode()
    return b"Content-Type: " + kind + b"\r\n\r\n" + draw(headers()) + b"\r\n" + draw(inner)


entities = st.recursive(leaf(), lambda inner: container(inner) | wrapped(inner), max_leaves=8)


@st.composite
def grown(draw):
    """A whole mail: a header, and a tree of parts."""
    return draw(headers()) + b"\r\nMIME-Version: 1.0\r\n" + draw(entities)
