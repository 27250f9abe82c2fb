"""Full round trips: a case goes to a desk by mail, comes back as resolved, and is resolved in ServiceNow."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from market import Market, environment, market
from process import peak_memory

from bridge.demo.files import DESKS, Pace
from bridge.sandbox.desk import Account, Script, ScriptedDesk
from bridge.sandbox.replies import Reply
from bridge.store import open_store

_PACE = Pace(every=1.0, lag=1.0, tick=0.2, max_new_engagements=1_000_000)
_ENGAGED = ("dcc-service-desk", "ldso-help-desk")
#: two mails; from the first the bridge learns the desk's own number
_ANSWERS: Script = {
    "open": ((Reply("#acknowledge {reference}\nWe look into it."), Reply("#resolved: The job was restarted.")),)
}
_LOOK_EVERY = 0.25
#: when nothing happens for this long, seconds, the benchmark fails
_PATIENCE = 180.0

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """What all of them took."""

    cases: int
    seconds: float
    calls: int
    mails_out: int
    mails_in: int
    #: MB of a million bytes
    memory: float
    #: processor seconds of the bridge
    cpu: float

    @property
    def per_second(self) -> float:
        """Cases resolved per second, from the first one raised to the last one resolved."""
        return self.cases / self.seconds


def measure(cases: int, progress: Progress) -> RoundTrips:
    """Raise that many cases at once, and wait until the bridge has resolved the last."""
    with tempfile.TemporaryDirectory(prefix="cpsd-benchmark-") as folder, ExitStack() as stack:
        found = stack.enter_context(market(Path(folder), _PACE))
        desks = [stack.enter_context(_desk(found, name)) for name in _ENGAGED]
        store = Path(folder) / "bridge.db"
        bridge = stack.enter_context(_bridge(found, store))
        # Its first pull is behind it: what is measured are cases, not the start.
        _wait(lambda: len(found.calls()) > 3, bridge)
        since, started = found.last_call(), time.perf_counter()
        found.raise_cases(cases)
        _all_resolved(found, cases, bridge, progress)
        seconds = time.perf_counter() - started
        _wait(lambda: _nothing_pending(store), bridge)
        return RoundTrips(
            cases=cases,
            seconds=seconds,
            calls=len(found.calls(since)),
            mails_out=sum(len(desk.received) for desk in desks),
            mails_in=sum(len(desk.sent) for desk in desks),
            memory=peak_memory(bridge.pid),
            cpu=_processor_seconds(bridge.pid),
        )


def _desk(found: Market, name: str) -> ScriptedDesk:
    mail = found.stage.mail
    return ScriptedDesk(Account(DESKS[name], mail["smtp_port"], mail["imap_port"]), _ANSWERS)


@contextmanager
def _bridge(found: Market, store: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The service as anybody runs it, with its log beside the servers' logs."""
    command = [sys.executable, "-m", "bridge.cli", "--config", str(found.stage.config), "--operator", "benchmark"]
    surroundings = environment(found, store)
    subprocess.run([*command, "migrate"], check=True, stdout=subprocess.DEVNULL, env=surroundings, timeout=60)
    with (found.stage.folder / "bridge.log").open("wb") as log:
        process = subprocess.Popen([*command, "--log-format", "json", "run"], stdout=log, stderr=log, env=surroundings)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _all_resolved(found: Market, cases: int, bridge: subprocess.Popen[bytes], progress: Progress) -> None:
    resolved, moved = 0, time.monotonic()
    while resolved < cases:
        _still_runs(bridge)
        now = found.resolved()
        if now > resolved:
            resolved, moved = now, time.monotonic()
            progress(resolved)
        elif time.monotonic() - moved > _PATIENCE:
            raise TimeoutError(f"{resolved} of {cases} cases resolved, and no more for {_PATIENCE:.0f} s")
        time.sleep(_LOOK_EVERY)


def _nothing_pending(store: Path) -> bool:
    opened = open_store(f"sqlite:///{store}")
    try:
        with opened.reading() as tx:
            return not tx.deliveries(pending=True)
    finally:
        opened.close()


def _wait(until: Callable[[], bool], bridge: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not until():
        _still_runs(bridge)
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing happened for {_PATIENCE:.0f} s")
        time.sleep(_LOOK_EVERY)


def _still_runs(bridge: subprocess.Popen[bytes]) -> None:
    if bridge.poll() is not None:
        raise RuntimeError(f"the bridge ended with exit code {bridge.returncode}")


def _processor_seconds(process: int) -> float:
    """User and system time so far (`utime` and `stime` of proc_pid_stat(5), in hundredths on Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
