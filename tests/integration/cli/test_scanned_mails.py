"""Inbound files and the scanner, as operators meet them."""

import sys

import pytest

from bridge.connectors.mail.scanning import EICAR
from tests.integration.cli.conftest import DCC

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
