import socket
import sys

import pytest

from tests.servers import processes

SERVER = """
import signal, socket, sys, time
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    listener.accept()
"""


def server(port, *arguments):
    return [sys.executable, "-c", SERVER, str(port), *arguments]


def test_a_server_listens_inside_the_block_and_is_gone_after_it(tmp_path):
    port = processes.free_port()

    with processes.running(server(port), log=tmp_path / "log", port=port) as process:
        assert processes.accepts_connections(port)

    assert process.returncode is not None
    assert not processes.accepts_connections(port)


def test_a_server_that_ignores_the_request_to_end_is_killed(tmp_path):
    port = processes.free_port()

    with processes.running(server(port, "deaf"), log=tmp_path / "log", port=port, seconds=2) as process:
        pass

    assert process.returncode == -9


def test_a_server_that_ends_at_once_is_reported_with_what_it_said(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no licence')"]

    with (
        pytest.raises(processes.ServerUnavailable, match="no licence"),
        processes.running(command, log=tmp_path / "log", port=processes.free_port()),
    ):
        pass


def test_a_server_that_never_listens_is_reported_and_ended(tmp_path):
    command = [sys.executable, "-c", "import time; print('waiting', flush=True); time.sleep(60)"]

    with (
        pytest.raises(processes.ServerUnavailable, match="not within 1 s\nwaiting"),
        processes.running(command, log=tmp_path / "log", port=processes.free_port(), seconds=1),
    ):
        pass


def test_a_missing_program_says_what_to_do():
    with pytest.raises(processes.ServerUnavailable, match=r"run \./scripts/setup --tests"):
        processes.program("no-such-server")


def test_a_server_folder_is_open_to_every_user_and_removed():
    with processes.server_folder("test") as folder:
        assert folder.stat().st_mode & 0o777 == 0o755
        (folder / "file").touch()

    assert not folder.exists()


def test_root_hands_its_rights_to_the_server_user():
    whoami = processes.run(processes.as_user("mail", ["id", "-u"]))

    assert int(whoami) != 0


@pytest.mark.parametrize("address", [("192.0.2.1", 25), ("example.service-now.com", 443), ("2001:db8::1", 25)])
def test_a_connection_to_another_machine_is_refused_before_it_is_tried(address):
    with pytest.raises(ConnectionRefusedError, match="tests stay on this machine"):
        socket.create_connection(address, timeout=1)
