"""A bridge under the test's control: started, killed, stopped and woken by its process id."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self


class Bridges:
    """A fork server and the bridges that it started."""

    def __init__(self, config: Path, log: Path) -> None:
        self._command = [sys.executable, "-m", "tests.killing.fork_server", str(config), str(log)]
        self._log = log
        self._started: set[int] = set()

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        assert self._answer() == "ready", "the fork server did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in list(self._started):
            self.kill(process)
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(10)
        if self._server.stdout is not None:
            self._server.stdout.close()

    def start(self, pages: int | None = None) -> int:
        """The process id of a new bridge; `pages`: its SQLite file may grow to that size, then the disk is full."""
        assert self._server.stdin is not None
        self._server.stdin.write(f"{pages or 'start'}\n")
        self._server.stdin.flush()
        process = int(self._answer())
        self._started.add(process)
        return process

    def kill(self, process: int) -> None:
        """As a power cut would, for this process only."""
        self._send(process, signal.SIGKILL)
        self._started.discard(process)
        deadline = time.monotonic() + 10
        while is_alive(process) and time.monotonic() < deadline:
            time.sleep(0.002)

    def terminate(self, process: int, within: float = 20.0) -> None:
        """As an operator would: it drains and ends."""
        self._send(process, signal.SIGTERM)
        deadline = time.monotonic() + within
        while is_alive(process):
            if time.monotonic() >= deadline:
                self._send(process, signal.SIGUSR1)  # it writes where its threads stand into the log
                time.sleep(1)
                raise AssertionError(f"bridge {process} did not drain within {within} s:\n{self.log()[-8000:]}")
            time.sleep(0.02)
        self._started.discard(process)

    def freeze(self, process: int) -> None:
        """SIGSTOP."""
        self._send(process, signal.SIGSTOP)

    def wake(self, process: int) -> None:
        """SIGCONT."""
        self._send(process, signal.SIGCONT)

    def log(self) -> str:
        """What all bridges of this server have logged."""
        return self._log.read_text() if self._log.exists() else ""

    def _send(self, process: int, number: signal.Signals) -> None:
        if process in self._started and is_alive(process):
            os.kill(process, number)

    def _answer(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().strip()


def is_alive(process: int) -> bool:
    """Whether a process runs; one that died and was not reaped yet does not."""
    try:
        return " Z " not in f" {Path(f'/proc/{process}/stat').read_text().rpartition(')')[2]} "
    except OSError:
        return False
