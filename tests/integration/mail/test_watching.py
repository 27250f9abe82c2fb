"""The server says when a mail comes: the sandbox's and Dovecot; whatever breaks, polling is not touched."""

import queue
import socketserver
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog

from bridge.connectors.mail.logins import LoginRefused, Patience
from bridge.connectors.mail.watching import MailboxWatch
from bridge.domain.errors import TryLater
from tests.integration.mail.watches import NEVER, PATIENCE, SOON, watching
from tests.servers.dovecot import PASSWORD
from tests.servers.processes import wait_until
from tests.servers.serving import serving
from tests.servers.tcp_proxy import Fault, FaultProxy

MAIL = b"From: desk@dcc.example\r\nMessage-ID: <1@dcc.example>\r\nSubject: hello\r\n\r\nhello\r\n"


def test_it_tells_when_it_begins_and_when_a_mail_comes(provider):
    address = provider.new_address()
    with watching(provider.settings(address)) as told:
        told.get(timeout=PATIENCE)
        assert told.empty()
        provider.put(address, MAIL)
        told.get(timeout=PATIENCE)


def test_a_lost_server_is_found_again(provider):
    address = provider.new_address()
    with FaultProxy(provider.imap_port) as proxy:
        settings = provider.settings(address, imap_url=f"imap+plain://127.0.0.1:{proxy.port}")
        with watching(settings, retry=SOON) as told:
            told.get(timeout=PATIENCE)
            proxy.set(Fault.CUT)
            proxy.set(Fault.NONE)
            told.get(timeout=PATIENCE)  # it may have come while nobody listened
            provider.put(address, MAIL)
            told.get(timeout=PATIENCE)


def test_it_begins_anew_before_the_server_loses_patience(provider):
    address = provider.new_address()
    with watching(provider.settings(address), renewed_after=SOON) as told:
        for _ in range(3):
            told.get(timeout=PATIENCE)


@pytest.fixture(params=["imaps", "imap"], ids=["TLS", "STARTTLS"])
def protected(request, office, provider_at):
    """A mailbox of a real server whose connections are encrypted, and somebody who delivers there."""
    provider = provider_at(office.smtp_port, office.imap_port, PASSWORD)
    port = {"imaps": office.imaps_port, "imap": office.imap_port}[request.param]
    settings = provider.settings(
        f"{provider.new_address()}".replace("mail.example", "example.org"),
        imap_url=f"{request.param}://127.0.0.1:{port}",
        ca_file=office.certificates.authority,
    )
    return provider, settings


def test_an_encrypted_connection_tells_as_well(protected):
    provider, settings = protected
    with watching(settings) as told:
        told.get(timeout=PATIENCE)
        for _ in range(2):
            while not told.empty():
                told.get_nowait()
            provider.put(settings.address, MAIL)
            told.get(timeout=PATIENCE)


def test_a_server_that_nobody_vouches_for_is_not_watched(protected):
    _, settings = protected
    with structlog.testing.capture_logs() as logs, watching(replace(settings, ca_file=None)) as told:
        wait_until(lambda: bool(logs), "the watch says what is wrong", seconds=PATIENCE)
        assert told.empty()
    assert logs[0]["event"] == "watch_lost"
    assert "certificate" in logs[0]["error"]


def test_a_watch_whose_login_is_refused_has_patience(provider):
    settings = provider.settings(provider.new_address(), password="wrong")
    with structlog.testing.capture_logs() as logs, watching(settings, retry=SOON):
        wait_until(lambda: len(logs) >= 3, "three logins are refused", seconds=PATIENCE)
    assert all("refuses our login" in log["error"] for log in logs)


def test_patience_grows_with_each_refusal_up_to_a_limit():
    patience, refused = Patience(timedelta(seconds=30)), LoginRefused("no")
    waits = [patience.after(refused).total_seconds() for _ in range(50)]
    assert waits[:6] == [30, 60, 120, 240, 480, 900]
    assert set(waits[5:]) == {900}
    assert patience.after(TryLater("lost")) == timedelta(0)
    assert patience.after(refused) == timedelta(seconds=30)
    assert Patience(timedelta(hours=1)).after(refused) == timedelta(hours=1)


class _Scripted(socketserver.StreamRequestHandler):
    """As much of an IMAP server as opens a mailbox; where it has IDLE, it hangs up once it is asked for."""

    server: "_Server"

    def handle(self) -> None:
        self.server.connections.put(1)
        self.wfile.write(b"* OK ready\r\n")
        for line in self.rfile:
            tag, command = line.split()[:2]
            if command == b"IDLE":
                self.wfile.write(b"+ idling\r\n")
                return
            told = b"* CAPABILITY IMAP4rev1 " + self.server.offers + b"\r\n" if command == b"CAPABILITY" else b""
            self.wfile.write(told + tag + b" OK done\r\n")


class _Server(socketserver.ThreadingTCPServer):
    offers = b""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Scripted)
        self.connections: queue.Queue[int] = queue.Queue()


@contextmanager
def scripted(offers):
    with serving(_Server()) as server:
        server.offers = offers
        yield server


def at(server, provider):
    return provider.settings("box@mail.example", imap_url=f"imap+plain://127.0.0.1:{server.server_address[1]}")


def test_a_server_without_idle_is_left_to_polling(sandbox):
    told: list[str] = []
    with scripted(b"IDLELESS") as server:
        watch = MailboxWatch(at(server, sandbox), retry=NEVER)
        thread = threading.Thread(
            target=watch.watch, args=(lambda: told.append("arrived"), threading.Event()), daemon=True
        )
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert told == []


def test_a_server_that_hangs_up_is_called_again(sandbox):
    with scripted(b"IDLE") as server, watching(at(server, sandbox), retry=SOON):
        for _ in range(3):
            server.connections.get(timeout=PATIENCE)


def test_a_stopped_watch_of_a_server_that_is_away_ends(sandbox):
    settings = sandbox.settings("box@mail.example", imap_url="imap+plain://127.0.0.1:9")
    with watching(settings) as told:
        assert told.empty()
