import email
import json
import signal
import subprocess
import sys
import time

import pytest

from bridge.connectors.mail.sending import Submission
from bridge.connectors.mail.writing import Writer
from bridge.domain.agreement import EmailMethod
from bridge.domain.facts import MessageKind
from bridge.domain.ids import delivery_id
from bridge.sandbox.desk import Account, ScriptedDesk, declining, resolving
from tests.unit.connectors.mail.messages import CASE, DESK, NOW, outbound


@pytest.fixture
def desk_of(provider):
    def made(script):
        address = provider.new_address("desk")
        login = provider.sandbox is not None
        return ScriptedDesk(
            Account(address, provider.smtp_port, provider.imap_port, provider.password, smtp_login=login),
            script,
            poll=0.05,
        )

    return made


def send(settings, desk, attempt=1, **changes):
    frozen = Writer(settings).write(outbound(**changes), EmailMethod(to=(desk.account.address,)), NOW)
    Submission(settings).send(frozen, attempt)
    return frozen


def test_the_desk_acknowledges_asks_and_resolves_in_real_replies(provider, desk_of):
    settings = provider.settings(provider.new_address("cpsd"))
    with desk_of(resolving()) as desk:
        opened = send(settings, desk)
        answers = [email.message_from_bytes(raw) for raw in provider.mails(settings.address, 3)]
        assert sum(answer["Auto-Submitted"] == "auto-replied" for answer in answers) == 1
        assert all(answer["In-Reply-To"] == opened.message_id for answer in answers)
        assert all(opened.message_id in answer["References"] for answer in answers)
        bodies = [raw.decode("utf-8", "replace") for raw in provider.mails(settings.address, 3)]
        assert any("#acknowledge INC000000000001" in body for body in bodies)
        assert any("#question: " in body for body in bodies)
        send(settings, desk, id=delivery_id("test", CASE, DESK, 1, 2), kind=MessageKind.TEXT, ordinal=2)
        assert b"#resolved: " in provider.mails(settings.address, 4)[-1]


def test_the_desk_declines_with_a_direction(provider, desk_of):
    settings = provider.settings(provider.new_address("cpsd"))
    with desk_of(declining("ldso-help-desk")) as desk:
        send(settings, desk)
        assert any(b"to @ldso-help-desk" in raw for raw in provider.mails(settings.address, 2))


def test_the_desk_remembers_each_attempt_and_answers_a_repeat_only_once(provider, desk_of):
    settings = provider.settings(provider.new_address("cpsd"))
    with desk_of(declining("ldso-help-desk")) as desk:
        send(settings, desk)
        provider.mails(settings.address, 2)
        send(settings, desk, attempt=2)
        deadline = time.monotonic() + 10
        while len(desk.received) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        first, second = desk.received
        assert (first.attempt, first.repeat) == (1, False)
        assert (second.attempt, second.repeat) == (2, True)
        assert first.message_id == second.message_id
        assert first.digest == second.digest
        assert len(desk.sent) == 2


def test_a_repeat_with_other_contents_shows_in_the_digest(provider, desk_of):
    settings = provider.settings(provider.new_address("cpsd"))
    with desk_of({}) as desk:
        send(settings, desk)
        send(settings, desk, attempt=2, text="something else")
        deadline = time.monotonic() + 10
        while len(desk.received) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert desk.received[0].digest != desk.received[1].digest


def test_server_and_desk_run_as_processes_of_their_own(tmp_path, provider_at):
    ready, ledger = tmp_path / "ready.json", tmp_path / "ledger.jsonl"
    server = _process("bridge.sandbox.mail", "--ready-file", str(ready), "--data-dir", str(tmp_path / "mail"))
    try:
        _wait_for(ready)
        ports = json.loads(ready.read_text())
        places = ["--smtp-port", str(ports["smtp_port"]), "--imap-port", str(ports["imap_port"])]
        desk = _process(
            "bridge.sandbox.desk",
            "--address",
            "desk@mail.example",
            *places,
            "--script",
            "resolve",
            "--ledger",
            str(ledger),
        )
        try:
            provider = provider_at(ports["smtp_port"], ports["imap_port"], "demo")
            settings = provider.settings("cpsd@mail.example")
            Submission(settings).send(Writer(settings).write(outbound(), EmailMethod(("desk@mail.example",)), NOW), 1)
            provider.mails("cpsd@mail.example", 3)
            assert json.loads(ledger.read_text())["delivery"] == outbound().id
            assert len(list((tmp_path / "mail" / "desk@mail.example").glob("*.eml"))) == 1
        finally:
            assert _stopped(desk) == 0
    finally:
        assert _stopped(server) == 0


def _process(module, *arguments):
    return subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.DEVNULL)


def _stopped(process):
    process.send_signal(signal.SIGTERM)
    return process.wait(15)


def _wait_for(path):
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
