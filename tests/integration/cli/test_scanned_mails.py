"""Inbound files and the scanner, as operators meet them."""

import json
import sys

import pytest

from bridge.connectors.mail.scanning import EICAR
from tests.integration.cli.conftest import DCC, MAILBOX

SEARCH = "import sys; bad = b'EICAR-STANDARD' in sys.stdin.buffer.read(); print('Eicar' * bad); sys.exit(bad)"


@pytest.fixture
def scanning(bench):
    """A bridge whose mails are scanned by a command."""
    bench.bridge["mail"]["scan"] = {"command": [sys.executable, "-c", SEARCH]}
    bench.write()
    return bench


def scanner_check(bench, exits=0):
    return next(one for one in bench.json("check", exits=exits)["checks"] if one["name"] == "scanner")


def test_check_warns_without_a_scanner(bench):
    bench.raise_case()
    told = scanner_check(bench)
    assert (told["status"], told["remedy"]) == ("warning", "add mail.scan with clamd or a command")


def test_check_proves_the_scanner_and_says_if_it_is_away(scanning):
    scanning.raise_case()
    assert scanner_check(scanning)["detail"] == "finds Eicar"
    scanning.bridge["mail"]["scan"] = {"clamd": f"unix://{scanning.folder}/nobody.ctl"}
    scanning.write()
    assert scanner_check(scanning, exits=1)["status"] == "failed"


def test_an_infected_mail_waits_for_a_person_who_does_not_get_its_bytes(scanning):
    scanning.raise_case()
    scanning.run("once")
    scanning.reply(DCC, f"#resolved see below\r\n{EICAR.decode()}")
    scanning.run("once")
    (item,) = scanning.json("quarantine", "list")
    assert item["reason"] == "the scanner found Eicar"
    shown = scanning.json("quarantine", "show", item["item"])
    assert (shown["found"], shown["raw"]) == ("Eicar", "")
    assert "the scanner found" in scanning.run("quarantine", "show", item["item"]).stdout
    (engagement,) = scanning.json("engagements")
    assert engagement["state"] == "open", "it did nothing"


def test_what_was_quarantined_before_is_scanned_before_it_is_shown(bench):
    bench.answer(DCC, EICAR.decode())
    bench.run("once")
    (item,) = bench.json("quarantine", "list")
    bench.bridge["mail"]["scan"] = {"command": [sys.executable, "-c", SEARCH]}
    bench.write()
    assert bench.json("quarantine", "show", item["item"])["raw"] == ""
    bench.bridge["mail"]["scan"] = {"command": ["/nonexistent/scanner"]}
    bench.write()
    assert "EICAR" not in bench.run("quarantine", "show", item["item"], exits=3).stdout


def local(folder, text):
    file = folder / "local.eml"
    file.write_text(f"From: {MAILBOX[DCC]}\r\nMessage-ID: <1@dcc.example>\r\nSubject: see below\r\n\r\n{text}\r\n")
    return file


def test_a_mail_from_a_file_is_scanned_before_anything_of_it_is_told(scanning, tmp_path):
    told = scanning.run("mail", "read", local(tmp_path, EICAR.decode()), "--desk", DCC)
    assert "EICAR" not in told.stdout
    reading = json.loads(told.stdout)
    assert (reading["kind"], reading["verdict"]) == ("review", "quarantine")
    assert reading["reasons"] == ["the scanner found Eicar"]
    assert (reading["text"], reading["attachments"], reading["sender"]["from"]) == ("", [], "")


def test_it_is_said_whether_a_mail_from_a_file_was_scanned(scanning, tmp_path):
    harmless = scanning.run("mail", "read", local(tmp_path, "hello"), "--desk", DCC)
    assert json.loads(harmless.stdout)["text"] == "hello"
    assert "note: scanned, and nothing was found" in harmless.stderr
    del scanning.bridge["mail"]["scan"]
    scanning.write()
    assert "scanned" not in scanning.run("mail", "read", local(tmp_path, "hello"), "--desk", DCC).stderr


def test_a_mail_from_a_file_is_not_told_of_while_it_cannot_be_scanned(scanning, tmp_path):
    scanning.bridge["mail"]["scan"] = {"command": ["/nonexistent/scanner"]}
    scanning.write()
    assert scanning.run("mail", "read", local(tmp_path, "hello"), "--desk", DCC, exits=3).stdout == ""
    only_this = "import sys; sys.exit(b'hello' in sys.stdin.buffer.read() and 2)"
    scanning.bridge["mail"]["scan"] = {"command": [sys.executable, "-c", only_this]}
    scanning.write()
    (reason,) = json.loads(scanning.run("mail", "read", local(tmp_path, "hello"), "--desk", DCC).stdout)["reasons"]
    assert "cannot be scanned" in reason
