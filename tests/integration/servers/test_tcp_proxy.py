import socket
import socketserver
import threading

import pytest

from tests.servers.processes import LOOPBACK, free_port, wait_until
from tests.servers.tcp_proxy import Fault, FaultProxy, reset


class Handler(socketserver.StreamRequestHandler):
    """One conversation."""

    def handle(self):
        """Hears and answers until the client has said everything, or the wire is cut."""
        try:
            for line in self.rfile:
                self.server.heard.append(line)
                self.wfile.write(line.upper())
        except ConnectionError:
            self.server.vanished += 1


class Upstream(socketserver.ThreadingTCPServer):
    """Remembers every line it is told and answers it in capitals."""

    daemon_threads = True

    def __init__(self):
        super().__init__((LOOPBACK, 0), Handler)
        self.heard = []
        self.vanished = 0


@pytest.fixture
def upstream():
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(upstream):
    with FaultProxy(upstream.server_address[1]) as proxy:
        yield proxy


@pytest.fixture
def client(proxy):
    with socket.create_connection((LOOPBACK, proxy.port), timeout=5) as connection:
        yield connection


def ask(connection, line=b"ehlo\n"):
    connection.sendall(line)
    return connection.recv(100)


def is_reset(proxy):
    """Whether a new connection is reset, while it is made or when it is first read."""
    try:
        with socket.create_connection((LOOPBACK, proxy.port), timeout=5) as connection:
            return connection.recv(100) is None
    except ConnectionResetError:
        return True


def test_without_a_fault_everything_passes(client):
    assert ask(client) == b"EHLO\n"


def test_the_end_of_what_the_client_says_passes_too(client):
    ask(client)
    client.shutdown(socket.SHUT_WR)

    assert client.recv(100) == b""


def test_an_orderly_end_loses_nothing_of_a_long_answer(client):
    line = b"x" * 1_000_000 + b"\n"
    client.sendall(line)
    client.shutdown(socket.SHUT_WR)

    answer = b""
    while data := client.recv(65536):
        answer += data
    assert answer == line.upper()


def test_a_client_that_vanishes_is_passed_on_to_the_server(proxy, upstream):
    client = socket.create_connection((LOOPBACK, proxy.port), timeout=5)
    ask(client)
    reset(client)

    wait_until(lambda: upstream.vanished == 1, "the server notices")


def test_a_cut_resets_an_open_connection(proxy, client):
    ask(client)
    proxy.set(Fault.CUT)

    with pytest.raises(ConnectionResetError):
        client.recv(100)


def test_after_a_cut_nobody_gets_in_until_it_is_lifted(proxy):
    with proxy.fault(Fault.CUT):
        assert is_reset(proxy)

    with socket.create_connection((LOOPBACK, proxy.port), timeout=5) as accepted:
        assert ask(accepted) == b"EHLO\n"


def test_a_stall_holds_what_is_said_and_passes_it_on_when_it_is_lifted(proxy, client, upstream):
    ask(client)
    client.settimeout(0.3)
    with proxy.fault(Fault.STALL), pytest.raises(TimeoutError):
        ask(client, b"mail\n")
    client.settimeout(5)

    assert client.recv(100) == b"MAIL\n"
    assert upstream.heard == [b"ehlo\n", b"mail\n"]


def test_a_dropped_answer_leaves_the_server_told_and_the_client_cut_off(proxy, client, upstream):
    ask(client)
    with proxy.fault(Fault.DROP_ANSWER), pytest.raises(ConnectionResetError):
        ask(client, b"commit\n")

    wait_until(lambda: upstream.heard == [b"ehlo\n", b"commit\n"], "the server hears it")


def test_a_server_that_is_down_looks_like_a_reset():
    with FaultProxy(free_port()) as proxy:
        assert is_reset(proxy)


def test_leaving_the_proxy_ends_a_stalled_connection(upstream):
    with FaultProxy(upstream.server_address[1]) as proxy:
        client = socket.create_connection((LOOPBACK, proxy.port), timeout=5)
        proxy.set(Fault.STALL)
        client.sendall(b"ehlo\n")

    with client, pytest.raises(ConnectionResetError):
        client.recv(100)
