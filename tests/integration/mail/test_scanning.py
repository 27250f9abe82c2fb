"""Inbound files are looked through: by clamd's own protocol over a real socket, and by a command."""

import sys
from email.message import EmailMessage

import pytest

from bridge.connectors.mail.scanning import EICAR, Clamd, Command, MailScanner
from bridge.domain.errors import FarSideError, ScannerAway
from bridge.ports import CheckStatus
from tests.servers.clamd import clamd

EICAR_NAME = "Eicar-Test-Signature"
#: a scanner that knows nothing of mail: it must be given the parts themselves
SEARCH = (
    "import sys; bad = sys.argv[1].encode() in sys.stdin.buffer.read(); bad and print('Test.File'); sys.exit(bool(bad))"
)


def mail_with(content: bytes) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "desk@dcc.example", "cpsd@elexon.example", "Report"
    mail.set_content("See the file.")
    mail.add_attachment(content, maintype="application", subtype="octet-stream", filename="report.pdf")
    return mail.as_bytes()


CLEAN, INFECTED = mail_with(b"%PDF-1.7 of all meters"), mail_with(EICAR)


@pytest.fixture(params=["socket", "tcp"])
def daemon(request, tmp_path):
    with clamd(tmp_path / "clamd.ctl" if request.param == "socket" else None) as running:
        running.known[EICAR] = EICAR_NAME
        yield running


@pytest.fixture
def scanner(daemon):
    return MailScanner(Clamd(daemon.place, timeout=30))


def searching() -> MailScanner:
    return MailScanner(Command((sys.executable, "-c", SEARCH, EICAR.decode()), timeout=30))


def test_clamd_gets_the_whole_mail_and_each_part_decoded(daemon, scanner):
    assert scanner.scan(CLEAN) == ""
    assert daemon.scanned[0] == CLEAN
    assert b"%PDF-1.7 of all meters" in daemon.scanned


def test_clamd_names_what_it_finds_in_an_encoded_part(scanner):
    assert EICAR not in INFECTED, "it travels as base64"
    assert scanner.scan(INFECTED) == EICAR_NAME


def test_a_mail_of_many_chunks_arrives_whole(daemon, scanner):
    large = mail_with(bytes(range(256)) * 1_000)
    assert scanner.scan(large) == ""
    assert daemon.scanned[0] == large


def test_a_command_finds_what_is_in_a_part_and_names_it():
    assert searching().scan(CLEAN) == ""
    assert searching().scan(INFECTED) == "Test.File"


def test_clamd_that_is_away_is_no_clean_bill(tmp_path):
    with pytest.raises(ScannerAway):
        MailScanner(Clamd(tmp_path / "nobody.ctl", timeout=30)).scan(CLEAN)


@pytest.mark.parametrize("words", [("/nonexistent/scanner",), (sys.executable, "-c", "import sys; sys.exit(2)")])
def test_a_command_that_fails_is_no_clean_bill(words):
    with pytest.raises(ScannerAway):
        MailScanner(Command(words, timeout=30)).scan(CLEAN)


def test_a_mail_above_clamds_limit_is_for_a_person_and_holds_up_no_other(daemon, scanner):
    daemon.limit = 2_000
    with pytest.raises(FarSideError, match="cannot be scanned") as raised:
        scanner.scan(mail_with(bytes(500_000)))
    # Over TCP the answer may be lost with the connection that clamd closes while we still write.
    assert isinstance(daemon.place, tuple) or "size limit exceeded" in raised.value.message
    assert scanner.scan(CLEAN) == ""


def test_a_mail_on_which_clamd_breaks_off_is_for_a_person_and_holds_up_no_other(daemon, scanner):
    daemon.breaks_on = b"%PDF-1.7 of all meters"
    with pytest.raises(FarSideError, match="broke off"):
        scanner.scan(CLEAN)
    assert scanner.scan(INFECTED) == EICAR_NAME


def test_the_check_proves_that_the_test_file_is_found(daemon, scanner, tmp_path):
    (result,) = scanner.check()
    assert (result.status, result.detail) == (CheckStatus.OK, f"finds {EICAR_NAME}")
    daemon.known.clear()
    assert [one.status for one in scanner.check()] == [CheckStatus.FAILED]
    daemon.known[b""] = "Everything"
    assert [one.status for one in scanner.check()] == [CheckStatus.FAILED]
    (away,) = MailScanner(Clamd(tmp_path / "nobody.ctl", timeout=30)).check()
    assert away.status is CheckStatus.FAILED
