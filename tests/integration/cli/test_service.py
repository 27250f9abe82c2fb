import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.cli.conftest import DCC, KEY, SECRET


def test_migrate_makes_a_store_and_may_be_repeated(bench):
    bench.database.unlink()
    first = bench.json("migrate")
    assert first["before"] is None
    assert first["applied"]
    assert bench.json("migrate") == {"before": first["after"], "after": first["after"], "applied": []}
    assert bench.commands() == [("operator:ines", "migrate", {"from": None, "to": first["after"]})]
    assert bench.run("migrate").stdout == f"up to date at {first['after']}\n"


def test_every_command_but_migrate_asks_for_a_migrated_store(bench):
    bench.database.unlink()
    for command in (("once",), ("engagements",), ("health",), ("trace", "CS0000001"), ("outbox", "list")):
        assert "run cpsd-bridge migrate" in bench.run(*command, exits=2).stderr
    assert not bench.database.exists()


def test_health_is_0_only_while_a_worker_gives_signs_of_life(bench):
    assert bench.json("health", exits=1) == {"healthy": False, "workers": []}
    with bench.store() as store, store.transaction() as tx:
        tx.beat("here/1/abc", "run")
    told = bench.json("health")
    assert told["healthy"] is True
    assert told["workers"][0]["worker"] == "here/1/abc"
    assert "here/1/abc" in bench.run("health").stdout
    time.sleep(1.1)
    assert bench.run("health", "--within", "1", exits=1).stdout == "no worker gave a sign of life within 1 s\n"


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


@pytest.fixture
def running_for(bench):
    """Starts the service as a process of its own."""

    @contextmanager
    def start(*, every):
        bench.bridge["mail"]["every"] = every
        bench.write()
        command = [sys.executable, "-m", "bridge.cli", "--config", bench.config, "--operator", "systemd"]
        with (bench.folder / "run.log").open("wb") as log:
            process = subprocess.Popen([*command, "--log-format", "json", "run"], stdout=subprocess.PIPE, stderr=log)
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
                process.stdout.close()

    return start


@pytest.fixture
def running(running_for):
    """The service as a process of its own."""
    with running_for(every="1s") as process:
        yield process


def test_run_works_until_it_is_told_to_stop_and_ends_with_0(bench, running):
    bench.raise_case()
    wait_for(lambda: bench.sent_to(DCC))
    wait_for(lambda: bench.database.exists() and bench.json("health")["healthy"])
    assert "another worker" in bench.run("once", exits=2).stderr
    assert len(bench.json("engagements")) == 1  # commands go on beside it
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 0
    assert running.stdout.read() == b""
    events = [json.loads(line) for line in (bench.folder / "run.log").read_text().splitlines()]
    assert [event["event"] for event in events if event["event"].startswith("service_")] == [
        "service_started",
        "service_draining",
        "service_stopped",
    ]
    assert bench.commands()[0][:2] == ("operator:systemd", "run")


def logged(bench, event):
    log = (bench.folder / "run.log").read_text()
    return any(json.loads(line)["event"] == event for line in log.splitlines(keepends=True) if line.endswith("\n"))


def test_a_mail_is_read_when_it_comes_and_not_at_the_next_look(bench, running_for):
    """The mailbox is looked into once an hour; the server tells in between."""
    with running_for(every="1h") as process:
        bench.raise_case()
        wait_for(lambda: bench.sent_to(DCC))
        bench.reply(DCC, "#acknowledge")
        wait_for(lambda: [one["state"] for one in bench.json("engagements")] == ["acknowledged"], 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_no_thread_of_the_service_takes_the_stop_signals_as_an_interruption(bench, running):
    """A main thread that is just going to sleep misses a handler's call; the signals are waited for instead."""
    wait_for(lambda: logged(bench, "service_started"))
    threads = list(Path(f"/proc/{running.pid}/task").glob("*/status"))
    assert len(threads) > 2
    assert [takes(thread) for thread in threads].count(True) == 1, "only the one that waits for them"


def takes(thread):
    blocked = int(re.search(r"^SigBlk:\s+(\w+)$", thread.read_text(), re.MULTILINE)[1], 16)
    return any(not blocked >> (number - 1) & 1 for number in (signal.SIGTERM, signal.SIGINT))


@pytest.fixture
def silent_servicenow(bench):
    """It takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        bench.bridge["servicenow"]["url"] = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield listening


def test_a_second_signal_ends_a_service_that_still_waits_for_an_answer(bench, silent_servicenow, running):
    calling, _ = silent_servicenow.accept()
    running.send_signal(signal.SIGTERM)
    wait_for(lambda: logged(bench, "service_draining"))
    assert running.poll() is None, "it waits for the answer"
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 128 + signal.SIGTERM
    assert logged(bench, "service_ended_undrained")
    calling.close()


def test_no_command_ever_shows_a_secret(bench):
    case = bench.raise_case()
    bench.run("once")
    commands = [
        ("--log-level", "debug", *command)
        for command in (
            ("check", "--json"),
            ("once", "--json"),
            ("once", "--dry-run", "--json"),
            ("trace", case["number"], "--json"),
            ("engagements", "--json"),
            ("outbox", "list", "--all", "--json"),
            ("desks", "list", "--json"),
            ("quarantine", "list", "--json"),
            ("migrate", "--json"),
        )
    ]
    for command in commands:
        result = bench.run(*command)
        for secret in (SECRET, KEY, "mailbox-password-7716"):
            assert secret not in result.stdout
            assert secret not in result.stderr


@pytest.mark.parametrize("broken", ["SN_SECRET", "MAIL_PASSWORD"])
def test_no_error_ever_shows_a_secret(bench, monkeypatch, broken):
    monkeypatch.setenv(broken, "wrong-secret-5521-that-is-refused")
    for command in (("once",), ("check",), ("once", "--dry-run")):
        result = bench.attempt("--log-level", "debug", *command)
        told = result.stdout + result.stderr
        assert "wrong-secret-5521" not in told
        assert KEY not in told


@pytest.mark.parametrize("name", ["servicenow", "mail", "desk"])
def test_the_sandbox_runs_in_place_of_the_command_with_its_own_options(name):
    command = [sys.executable, "-m", "bridge.cli", "sandbox", name, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=30, check=True)
    assert f"python -m bridge.sandbox.{name}" in done.stdout
