"""Whatever a mail holds: no exception leaves the reader, it costs less than a second, and nothing of it is lost."""

import base64
import hashlib
import os
import re
import time

import hypothesis
import pytest
from hypothesis import strategies as st

from bridge.connectors.mail.authenticity import SenderVerifier
from bridge.domain.facts import ReportKind
from bridge.ports import Desks
from tests.stores.fixtures import HandClock
from tests.unit.connectors.mail.messages import DESK
from tests.unit.connectors.mail.random_mails import bent, built, grown
from tests.unit.connectors.mail.reading_fixtures import CORPUS, RECEIVED, SETTINGS, Memory, desk, filled, reader

#: the whole of this module is meant to take less than 8 seconds of CPU
EXAMPLES = 300
#: of a soak, each of whose kinds of mails takes about five minutes by default
SOAK_EXAMPLES = int(os.environ.get("CPSD_SOAK_MAILS", "40000"))
VERDICTS = {"apply", "file", "quarantine", "drop"}
GRAVE = {ReportKind.RESOLVED, ReportKind.DECLINED, ReportKind.WORKAROUND}
READER = reader()


class NoNames:
    """A name service that knows nothing."""

    def texts(self, _name):
        return ()


VERIFIER = SenderVerifier(SETTINGS, Desks({DESK: desk(DESK, "dcc.example")}), NoNames(), HandClock())


def survive(raw):
    started = time.thread_time()
    reading = READER.receive(raw, RECEIVED, Memory(), VERIFIER.verify(raw, RECEIVED))
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


@hypothesis.settings(max_examples=EXAMPLES // 2, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(grown())
def test_a_mail_grown_by_a_grammar_is_read(raw):
    survive(raw)


@pytest.mark.soak
@hypothesis.settings(max_examples=SOAK_EXAMPLES, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(st.one_of(bent(), built()))
def test_very_many_bent_mails_are_read(raw):
    survive(raw)


@pytest.mark.soak
@hypothesis.settings(max_examples=SOAK_EXAMPLES, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(grown())
def test_very_many_grown_mails_are_read(raw):
    survive(raw)


#: the sign of a command behind a list's mark, mark-up and quotation marks at most
COMMANDING = r"[^\w>|]*(\d{1,2}[.)])?[^\w>|]*[#\uff03]"
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
    begins = any(re.match(COMMANDING, line) for line in _lines(text))
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
