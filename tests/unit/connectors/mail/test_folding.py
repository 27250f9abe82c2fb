"""Files that are folded away while a mail is taken apart are what they would have been without that."""

import base64
from email import message_from_bytes
from email.policy import compat32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.connectors.mail import folding
from bridge.connectors.mail.folding import folded
from bridge.connectors.mail.parsing import parsed
from bridge.connectors.mail.structure import serialised, structure_of

ENDINGS = st.sampled_from(["\r\n", "\r\n", "\r\n", "\n", "\r"])
LINES = st.sampled_from(
    [
        *("Content-Transfer-Encoding: base64", "Content-transfer-encoding: BASE64", "content-type: text/plain"),
        *('Content-Type: multipart/mixed; boundary="bb"', "Content-Type: message/rfc822", "Subject: base64"),
        *("", "", "", "--bb", "--bb--", "From me to you", "Words of a person, base64 among them"),
        *("QUJDREVG", "QUJDREVGR0hJSktM", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODkw", "QQ==", "QUI=", "A"),
        *("Content-Transfer-Encoding: base64\r\n\r\nQUJDREVG\r\nQUJD", "X: base64\r\n\r\nQUJD\r\n\r\nQUJD"),
        *("folded0x0x", "folded0x", "folded1x", "\xe9t\xe9", "QUJD REVG", " QUJD", "\tbase64"),
    ]
)
MAILS = st.lists(st.tuples(LINES, ENDINGS), max_size=60).map(
    lambda lines: "".join(line + ending for line, ending in lines).encode("latin-1")
)


@pytest.fixture(scope="module", autouse=True)
def everything_is_folded():
    """However short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "SHORTEST", 1)
        yield


def seen(message):
    """All that there is to see in a tree."""
    return [
        (
            part.items(),
            part.is_multipart(),
            None if part.is_multipart() else part.get_payload(),
            part.get_payload(decode=True),
            part.preamble,
            part.epilogue,
        )
        for part in message.walk()
    ]


@settings(max_examples=1000)
@given(MAILS)
def test_a_tree_is_that_of_the_library(raw):
    ours, theirs = structure_of(raw), message_from_bytes(raw, policy=compat32)
    assert seen(ours) == seen(theirs)
    assert serialised(ours) == serialised(theirs)
    assert seen(ours) == seen(theirs)


def test_what_stands_before_and_behind_the_parts_is_unfolded_too():
    file = b"X: base64\r\n\r\nQUJD\r\nQUJD\r\n"
    raw = (
        b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n"
        + file
        + b"--bb\r\n\r\nhello\r\n--bb--\r\nbehind\r\n"
        + file
    )
    assert len(folded(raw).runs) == 2
    message = structure_of(raw)
    assert (message.preamble, message.epilogue) == (file.decode().removesuffix("\r\n"), f"behind\r\n{file.decode()}")


@given(st.lists(st.binary(min_size=1, max_size=400), max_size=4), st.sampled_from(["\n", "\r\n"]))
def test_files_come_out_as_they_went_in(files, ending):
    parts = [
        f"--bb\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n"
        f"Content-Disposition: attachment; filename={number}.bin\n\n{base64.encodebytes(content).decode()}"
        for number, content in enumerate(files)
    ]
    text = f"Content-Type: multipart/mixed; boundary=bb\n\n{''.join(parts)}--bb--\n"
    raw = text.replace("\n", ending).encode()
    payloads = [part.get_payload(decode=True) for part in structure_of(raw).walk() if not part.is_multipart()]
    assert payloads == (files or [b""])


def mail_with(body):
    return b"Subject: a file\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body


def test_what_is_folded_leaves_a_word_that_the_mail_does_not_hold():
    body = b"folded0xQUJDREVG\r\n" * 3
    short = folded(mail_with(body))
    (word,) = short.runs
    assert word == "folded1x0x"
    assert short.raw == mail_with(word.encode() + b"\r\n")
    assert short.unfold_octets(short.raw) == mail_with(body)


def test_with_many_runs_no_word_is_taken_for_another():
    raw = mail_with(b"QUJD\r\n") * 30
    assert len(folded(raw).runs) == 30
    assert folded(raw).unfold(folded(raw).raw.decode()).encode() == raw


def test_only_so_many_places_are_looked_at():
    raw = mail_with(b"QUJD\r\n") * 600
    assert len(folded(raw).runs) == 500
    assert parsed(raw).subject == "a file"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"Subject: a\r\n\r\nQUJD\r\n",
        b"Subject: base64\r\nQUJD",
        b"Subject: base64\r\n\r\n",
        b"Subject: base64\r\n\r\nQUJD",
        b"Subject: base64\r\n\r\nQU-JD\r\n",
    ],
)
def test_nothing_is_folded_that_is_no_whole_line_of_a_file(raw):
    assert folded(raw).runs == {}
    assert folded(raw).raw == raw
