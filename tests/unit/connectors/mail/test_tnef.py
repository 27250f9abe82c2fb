import email
import struct
import time

import pytest

from bridge.connectors.mail.tnef import NotTnef, unpacked
from tests.unit.connectors.mail.reading_fixtures import CORPUS

HEAD = b"\x78\x9f\x3e\x22\x01\x00"


def attribute(level, number, kind, content):
    return struct.pack("<BHHI", level, number, kind, len(content)) + content + struct.pack("<H", sum(content) & 0xFFFF)


def string(name, text):
    value = f"{text}\0".encode("utf-16-le")
    return struct.pack("<HHII", 0x1F, name, 1, len(value)) + value + b"\0" * (-len(value) % 4)


def properties(*made):
    return struct.pack("<I", len(made)) + b"".join(made)


def package():
    """A message with a text and two files, as Outlook would pack it."""
    named = struct.pack("<HH16sII", 0x03, 0x8001, b"g" * 16, 0, 7) + struct.pack("<I", 1)
    several = struct.pack("<HHI", 0x1003, 0x1234, 2) + struct.pack("<II", 1, 2)
    truth = struct.pack("<HHI", 0x0B, 0x0E1F, 1)
    return HEAD + b"".join(
        [
            attribute(1, 0x9006, 8, struct.pack("<I", 0x10000)),
            attribute(1, 0x9007, 6, struct.pack("<II", 1252, 0)),
            attribute(1, 0x9003, 6, properties(named, several, truth, string(0x1000, "#progress: on it\r\n"))),
            attribute(2, 0x9002, 6, b"\0" * 14),
            attribute(2, 0x8010, 1, b"TRACE~1.CSV\0"),
            attribute(2, 0x800F, 6, b"a,b\n1,2\n"),
            attribute(2, 0x9005, 6, properties(string(0x3707, "trace of Monday.csv"))),
            attribute(2, 0x9002, 6, b"\0" * 14),
            attribute(2, 0x800F, 6, b"%PDF"),
            attribute(2, 0x9005, 6, properties(string(0x3707, "../../report.pdf"))),
        ]
    )


def test_text_and_files_are_taken_out():
    found = unpacked(package())
    assert found.text == "#progress: on it\r\n"
    assert [(one.name, one.content) for one in found.files] == [
        ("trace of Monday.csv", b"a,b\n1,2\n"),
        ("../../report.pdf", b"%PDF"),
    ]


def test_the_corpus_holds_this_package():
    mail = email.message_from_bytes((CORPUS / "59-winmail.eml").read_bytes())
    assert mail.get_payload()[0].get_payload(decode=True) == package()


def test_a_package_that_was_cut_off_gives_what_it_can_or_is_refused():
    whole = package()
    for end in range(len(whole)):
        try:
            assert len(unpacked(whole[:end]).files) <= 2
        except NotTnef:
            continue


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        HEAD + b"\x01" + b"\xff" * 50,
        HEAD + attribute(1, 0x9006, 8, b"") * 6_000,
        HEAD + attribute(1, 0x9003, 6, b"\xff" * 400),
    ],
)
def test_data_built_to_cost_time_is_refused_at_once(hostile):
    started = time.thread_time()
    with pytest.raises(NotTnef):
        unpacked(hostile)
    assert time.thread_time() - started < 1
