import email
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bridge.connectors.alerts import AlertSender
from bridge.domain.errors import FarSideError, OutcomeUnknown, TryLater
from tests.servers.processes import free_port

ALARM = {
    "code": "undeliverable",
    "text": "No recipient of the desk is left.",
    "case": "CS0001234",
    "desk": "dcc-service-desk",
    "at": "2026-07-21T09:00:00+00:00",
}


class Hook(ThreadingHTTPServer):
    """A webhook that remembers what it was told and answers as it is told to."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.told, self.status = [], 200

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook?secret=token"


class Answer(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append((self.headers["Idempotency-Key"], json.loads(body)))
        if self.server.status:
            self.send_response(self.server.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def hook():
    server = Hook()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_alarm_reaches_every_address_and_every_webhook(provider, hook):
    addresses = [provider.new_address("oncall"), provider.new_address("duty")]
    settings = provider.settings(provider.new_address("cpsd"))
    receipt = AlertSender(settings=settings, mail=addresses, webhooks=[hook.url]).send(ALARM)
    assert receipt.detail == {"reached": ["mail", "webhook 1"], "failed": {}}
    ((_, told),) = hook.told
    assert told == ALARM
    for address in addresses:
        mail = email.message_from_bytes(provider.mails(address)[0])
        assert mail["Subject"] == "[CPSD alert] undeliverable CS0001234 dcc-service-desk"
        assert "No recipient of the desk is left." in mail.get_payload(decode=True).decode()
        assert mail["Auto-Submitted"] == "auto-generated"


def test_the_same_alarm_has_the_same_identity_each_time(provider, hook):
    address = provider.new_address("oncall")
    sender = AlertSender(settings=provider.settings(provider.new_address()), mail=[address], webhooks=[hook.url])
    first, second = sender.send(ALARM), sender.send(dict(reversed(ALARM.items())))
    assert first.far_id == second.far_id == hook.told[0][0] == hook.told[1][0]
    assert len({email.message_from_bytes(raw)["Message-ID"] for raw in provider.mails(address, 2)}) == 1
    assert sender.send({**ALARM, "text": "another"}).far_id != first.far_id


def test_one_way_that_works_is_enough_and_the_other_is_named(sandbox, hook):
    settings = sandbox.settings("cpsd@mail.example", smtp_url=f"smtp+plain://127.0.0.1:{free_port()}")
    receipt = AlertSender(settings=settings, mail=["oncall@mail.example"], webhooks=[hook.url]).send(ALARM)
    assert receipt.detail["reached"] == ["webhook 1"]
    assert set(receipt.detail["failed"]) == {"mail"}


@pytest.mark.parametrize(
    "status, error", [(429, TryLater), (503, TryLater), (404, FarSideError), (302, FarSideError), (0, OutcomeUnknown)]
)
def test_a_webhook_that_does_not_take_an_alarm_is_told_apart(hook, status, error):
    hook.status = status
    with pytest.raises(error) as raised:
        AlertSender(webhooks=[hook.url]).send(ALARM)
    assert "token" not in str(raised.value)
    assert len(hook.told) == 1


def test_a_webhook_that_is_not_there_makes_the_alarm_wait():
    with pytest.raises(TryLater):
        AlertSender(webhooks=[f"http://127.0.0.1:{free_port()}/"]).send(ALARM)


def test_a_line_break_in_an_alarm_forges_no_header(sandbox):
    address = sandbox.new_address("oncall")
    sender = AlertSender(settings=sandbox.settings(sandbox.new_address()), mail=[address])
    sender.send({**ALARM, "case": "CS1\r\nBcc: thief@evil.example"})
    assert email.message_from_bytes(sandbox.mails(address)[0])["Bcc"] is None


def test_without_any_way_an_alarm_is_nobodys():
    assert AlertSender().send(ALARM).detail == {"reached": [], "failed": {}}
