"""Mails that are built to cost a reader's time or memory, each as large as a mailbox lets them through."""

import base64
import struct

MILLION = 1_000_000
HEAD = (
    b"From: jo@dcc.example\r\nTo: cpsd@bridge.example\r\nDate: Tue, 21 Jul 2026 11:00:00 +0000\r\n"
    b"Message-ID: <large@dcc.example>\r\nSubject: large\r\nMIME-Version: 1.0\r\n"
)
BOUNCE = HEAD.replace(b"jo@dcc", b"MAILER-DAEMON@dcc").replace(b"Subject: large", b"Subject: failure notice")
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
HTML = b"Content-Type: text/html\r\n\r\n"
SIGNED_DATA, DATA = bytes.fromhex("06092a864886f70d010702"), bytes.fromhex("06092a864886f70d010701")


def with_a_file(octets):
    """A mail with one file in it, which is 1.35 times as large."""
    file = base64.encodebytes(bytes(range(256)) * (octets // 256)).replace(b"\n", b"\r\n")
    about = b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n"
    text = MIXED + b"--b\r\n\r\nhello\r\n--b\r\n" + about
    return text + b"Content-Transfer-Encoding: base64\r\n\r\n" + file + b"--b--\r\n"


def nested(levels, spaces=1, lines=0):
    level = b"Content-Type:" + b" " * spaces + b'multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n'
    return HEAD + b"".join(level % (number, number) for number in range(levels)) + b"\r\n" + b"--x\r\n" * lines


def encoded(kind, octets):
    about = b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return HEAD + about + base64.encodebytes(octets)


def packed(values):
    """A winmail.dat of properties that each have thousands of empty values."""
    one = struct.pack("<HHI", 0x101E, 0x1000, 5_000) + struct.pack("<I", 0) * 5_000
    several = values // 5_000
    content = struct.pack("<I", several) + one * several
    return b"\x78\x9f\x3e\x22\x01\x00" + struct.pack("<BHHI", 1, 0x9003, 6, len(content)) + content + b"\0\0"


def in_pieces(pieces):
    """Opaque-signed data whose content comes octet by octet."""
    outer = b"\x30\x80" + SIGNED_DATA + b"\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80" + DATA
    return outer + b"\xa0\x80\x24\x80" + b"\x04\x01a" * pieces + b"\0\0" * 6


def parts(amount, part):
    return MIXED + (b"--b\r\n" + part + b"\r\n") * amount + b"--b--"


#: a person decides upon these; nothing honest looks like them
REFUSED = {
    "3,000,000 parts": lambda: parts(3 * MILLION, b"\r\nx"),
    "6,000,000 empty parts": lambda: MIXED + b"--b\r\n" * 6 * MILLION,
    "1 MB of multiparts in each other": lambda: nested(25_000),
    "34 MB of multiparts in each other": lambda: nested(680_000),
    "multiparts whose kind stands far to the right": lambda: nested(450, spaces=30, lines=900_000),
    "290 multiparts around 900,000 lines": lambda: nested(290, lines=900_000),
    "mails in each other": lambda: HEAD + b"Content-Type: message/rfc822\r\n\r\nFrom: a@b.example\r\n" * 600_000,
    "a header of 1,250,000 fields": lambda: HEAD + b"X-A: b\r\n" * 1_250_000 + b"\r\nx",
    "a field of 2,500,000 lines": lambda: HEAD + b"X-A: b\r\n" + b" c\r\n" * 2_500_000 + b"\r\nx",
    "1,000,000 senders": lambda: HEAD + b"From: a@b.example\r\n" * MILLION + b"\r\nx",
    "300,000 results of authentication": (
        lambda: HEAD + b"Authentication-Results: mx.bridge.exampl; dmarc=pass\r\n" * 300_000 + b"\r\nx"
    ),
    "15,000,000 lines": lambda: HEAD + b"\r\n" + b"\r\n" * 15 * MILLION,
    "30,000,000 line ends of old": lambda: HEAD + b"\r\n" + b"\r" * 30 * MILLION,
    "10,000,000 soft line ends": (
        lambda: HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n" * 10 * MILLION
    ),
    "elements in each other": lambda: HEAD + HTML + b"<div>" * 6 * MILLION,
    "300,000 recipients of a bounce": lambda: (
        BOUNCE + b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: message/delivery-status\r\n\r\n"
        + b"Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.0.0\r\n\r\n"
        * 300_000
    ),
}
#: these are large or odd, and read
READ = {
    "a sender in 10,000,000 brackets": lambda: HEAD.replace(b"jo@dcc.example", b'"(' * 10 * MILLION) + b"\r\nx",
    "a file of 25 MB": lambda: with_a_file(25 * MILLION),
    "34 MB of text": lambda: HEAD + b"\r\n" + b"The quick brown fox jumps over the lazy dog, they say.\r\n" * 600_000,
    "one line of 30 MB": lambda: HEAD + b"\r\n" + b"a" * 30 * MILLION,
    "a field of 10 MB": lambda: HEAD + b"X-A: " + b"a " * 5 * MILLION + b"\r\n\r\nx",
    "1,000,000 recipients": lambda: HEAD + b"Cc: " + b"a@b.example, " * MILLION + b"\r\n\r\nx",
    "5,000,000 references": lambda: HEAD + b"References: " + b"<a@b> " * 5 * MILLION + b"\r\n\r\nx",
    "3,000,000 parameters": lambda: HEAD + b"Content-Type: text/plain" + b"; a*0=b" * 3 * MILLION + b"\r\n\r\nx",
    "a boundary of 10 MB": lambda: (
        HEAD + b'Content-Type: multipart/mixed; boundary="' + b"a" * 10 * MILLION + b'"\r\n\r\n--' + b"a" * 10 * MILLION
    ),
    "a subject of 2,000,000 words": (
        lambda: HEAD.replace(b"large\r\n", b"=?utf-8?q?=41?= " * 2 * MILLION + b"\r\n", 1) + b"\r\nx"
    ),
    "quoted-printable of 10,000,000 line ends": (
        lambda: HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=0A" * 10 * MILLION
    ),
    "base64 that is half junk": lambda: HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"!a" * 15 * MILLION,
    "HTML in 490 parts": lambda: parts(490, HTML + b"<p>a" * 17_000),
    "a table in a table": lambda: HEAD + HTML + b"<table><tr><td>a" * 190 + b"<td>b" * 30_000,
    "5,000,000 values in a winmail.dat": lambda: encoded(b"application/ms-tnef", packed(5 * MILLION)),
    "4,000,000 pieces of signed data": lambda: encoded(b"application/pkcs7-mime", in_pieces(4 * MILLION)),
    "30 MB of escapes": lambda: (
        HEAD + b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + b"\x1b$B" * 10 * MILLION
    ),
    "a bounce in one line of 30 MB": lambda: BOUNCE + b"\r\n" + b"a@" * 15 * MILLION,
    "a bounce for 900,000 addresses": lambda: BOUNCE + b"\r\n" + b"<a@b.example>: 550 unknown user\r\n" * 900_000,
}
