"""Whatever a mail holds: no exception leaves the reader, it costs less than a second, and nothing of it is lost."""

import base64
import hashlib
import time

import hypothesis
from hypothesis import strategies as st

from bridge.domain.facts import ReportKind
from tests.unit.connectors.mail.reading_fixtures import CORPUS, RECEIVED, Memory, filled, reader

#: the whole of this module is meant to take less than 20 seconds of CPU
EXAMPLES = 600
VERDICTS = {"apply", "file", "quarantine", "drop"}
GRAVE = {ReportKind.RESOLVED, ReportKind.DECLINED, ReportKind.WORKAROUND}
SEEDS = [filled(path.read_bytes()) for path in sorted(CORPUS.glob("*.eml")) if path.stat().st_size < 8_000]
READER = reader()
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


def survive(raw):
    started = time.thread_time()
    reading = READER.receive(raw, RECEIVED, Memory())
    assert time.thread_time() - started < 1
    assert reading.verdict in VERDICTS
    assert reading.reasons
    assert reading.verdict != "apply" or reading.engagement is not None
    reading.text.encode()
    return reading


@hypothesis.settings(max_examples=EXAMPLES, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(bent())
def test_a_bent_mail_is_read(raw):
    survive(raw)


@hypothesis.settings(max_examples=EXAMPLES // 2, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(built())
def test_a_mail_of_pieces_is_read(raw):
    survive(raw)


WORDS = [
    *("It is resolved", "#resolved: quoted", "declined", "> #decline: x", "fixed", "see #resolved: above"),
    *("On Monday X wrote:", "From: x@y.example", "Sent: today", "-- ", "Thanks,", "", "* #workaround: x", "\u200b"),
    *("CAUTION: external", "?"),
]


@hypothesis.settings(max_examples=EXAMPLES, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(st.lists(st.sampled_from(WORDS) | st.text(max_size=30), max_size=12))
def test_free_text_sets_no_grave_status(lines):
    """A line that begins with a command is one; nothing else in any order makes a report that ends the work."""
    text = "\n".join(lines).encode("utf-8", "replace")
    plain = filled((CORPUS / "03-headers-stripped-tag-kept.eml").read_bytes()).partition(b"\n\n")[0]
    reading = survive(plain + b"\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n" + text)
    begins = any(line.lstrip("\ufeff\u200b\u200c\u200d\u2060\u00ad \u00a0\t").startswith("#") for line in _lines(text))
    assert begins or reading.report not in GRAVE


def _lines(text):
    return text.decode("utf-8").replace("\u2028", "\n").replace("\r", "\n").split("\n")


@hypothesis.settings(max_examples=EXAMPLES // 4, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(st.lists(st.binary(max_size=300), min_size=1, max_size=6), st.booleans())
def test_no_file_is_lost(files, deep):
    parts = [
        b"--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=f\n"
        b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(content) + b"\n"
        for content in files
    ]
    inner = b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"".join(parts) + b"--b--\n"
    if deep:
        inner = b'Content-Type: multipart/related; boundary="o"\n\n--o\n' + inner + b"--o--\n"
    reading = survive(b"From: jo@dcc.example\nMIME-Version: 1.0\n" + inner)
    assert [one.sha256 for one in reading.attachments] == [hashlib.sha256(content).hexdigest() for content in files]
