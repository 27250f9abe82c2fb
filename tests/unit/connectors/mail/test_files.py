"""Which parts of a mail are files that somebody sent, and how their bytes are found again."""

import hashlib
from email.message import EmailMessage

import pytest

from bridge.connectors.mail.parsing import file_content, parsed
from bridge.ports import ReadAttachment
from tests.unit.connectors.mail.reading_fixtures import CORPUS, reader

LOGO, SCREENSHOT, PDF = b"\x89PNG" + b"l" * 4_000, b"\x89PNG" + b"s" * 40_000, b"%PDF-1.7 the analysis"


def mail():
    """A reply as Outlook writes it: a logo and a screenshot in the text, a document, and our own part back."""
    made = EmailMessage()
    made["From"] = "jo.watt@dcc.example"
    made.set_content("See the document.")
    made.add_alternative('<p>See <img src="cid:shot@x"></p><img alt="" src="cid:logo@x">', subtype="html")
    body = made.get_payload()[1]
    body.add_related(LOGO, "image", "png", cid="<logo@x>", filename="image001.png", disposition="inline")
    body.add_related(SCREENSHOT, "image", "png", cid="<shot@x>", filename="image002.png", disposition="inline")
    made.add_attachment(PDF, maintype="application", subtype="pdf", filename="analysis.pdf")
    made.add_attachment(b"{}", maintype="application", subtype="json", filename="cpsd-case.json")
    made.add_attachment(b"0", maintype="application", subtype="pkcs7-signature", filename="smime.p7s")
    return made.as_bytes()


def test_what_nobody_meant_to_send_is_told_from_files():
    assert {one.name: one.incidental for one in parsed(mail()).attachments} == {
        "image001.png": "ornament",
        "image002.png": "",
        "analysis.pdf": "",
        "cpsd-case.json": "ours",
        "smime.p7s": "signature",
    }


def test_a_small_picture_that_no_text_shows_is_a_file():
    raw = mail().replace(b"cid:logo@x", b"cid:other@x")
    assert {one.name: one.incidental for one in parsed(raw).attachments}["image001.png"] == ""


def test_a_container_is_incidental_beside_its_contents():
    raw = (CORPUS / "59-winmail.eml").read_bytes()
    kinds = {one.name: one.incidental for one in parsed(raw).attachments}
    assert kinds == {"winmail.dat": "container", "trace of Monday.csv": "", "report.pdf": ""}


def test_a_winmail_that_cannot_be_opened_is_a_file():
    made = EmailMessage()
    made.add_attachment(b"no package", maintype="application", subtype="ms-tnef", filename="winmail.dat")
    assert [one.incidental for one in parsed(made.as_bytes()).attachments] == [""]


@pytest.mark.parametrize("raw", [mail(), (CORPUS / "59-winmail.eml").read_bytes()], ids=["outlook", "winmail"])
def test_the_bytes_of_every_file_are_found_by_their_hash(raw):
    found = parsed(raw).attachments
    for one in found:
        content = file_content(raw, one.sha256)
        assert content is not None
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (one.sha256, one.size)


def test_bytes_that_are_not_there_are_nothing():
    absent = ReadAttachment("x.pdf", "application/pdf", 1, hashlib.sha256(b"x").hexdigest())
    assert reader().file_content(mail(), absent) is None
    hostile = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(400))
    assert reader().file_content(hostile, absent) is None


NAMED = [
    "Content-Type: text/plain; charset=utf-8\nContent-Disposition: inline; filename=job.log",
    "Content-Type: text/plain; charset=utf-8; name=job.log",
    "Content-Type: text/html; name=job.log\nContent-Disposition: inline",
]


def in_parts(*parts):
    about = "From: jo@dcc.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    return (about + "".join(f"--b\n{part}\n" for part in parts) + "--b--\n").encode()


@pytest.mark.parametrize("named", NAMED)
@pytest.mark.parametrize("before", ["Still failing, see the log.", ""])
def test_a_text_with_a_file_name_behind_the_text_is_a_file(named, before):
    mail = parsed(in_parts(f"Content-Type: text/plain\n\n{before}", f"{named}\n\n#resolved: x"))
    assert (mail.text.strip(), [one.name for one in mail.attachments]) == (before, ["job.log"])


@pytest.mark.parametrize("named", NAMED)
def test_a_text_with_a_file_name_that_comes_first_is_the_text(named):
    mail = parsed(in_parts(f"{named}\n\n#resolved: x", "Content-Type: text/plain\n\nDisclaimer"))
    assert (mail.text.split(), mail.attachments) == (["#resolved:", "x", "Disclaimer"], ())
