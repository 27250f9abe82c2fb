"""Starting and stopping the real servers that tests talk to.

Every server runs in a folder of its own under the system's temporary folder, listens on a free loopback port, and is
ended by its process id. The folder is outside pytest's own, which only the user who runs the tests may enter: servers
run as users of their own.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
REMEDY = "run ./scripts/setup --tests"
#: Where Debian keeps servers; an ordinary user's PATH lacks it.
SERVER_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


class ServerUnavailable(RuntimeError):
    """A server that the tests need is missing, or did not start; carries what to do, or the end of its log."""


#: ports that were given out: whoever got one may take a while until he listens there
_given: set[int] = set()


def free_port() -> int:
    """A loopback port that nothing listens on at this moment, and that nobody in this process got before."""
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port: int = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def program(name: str) -> str:
    """The path of an installed program.

    Raises:
        ServerUnavailable: it is not installed.
    """
    found = shutil.which(name, path=SERVER_PATH)
    if found is None:
        raise ServerUnavailable(f"{name} is not installed: {REMEDY}")
    return found


def as_root(command: Sequence[str]) -> list[str]:
    """The command as root runs it: Postfix and Dovecot start as root and give their rights up themselves."""
    if os.geteuid() == 0:
        return list(command)
    return [program("sudo"), "-n", *command]


def as_user(user: str, command: Sequence[str]) -> list[str]:
    """The command as an unprivileged user runs it: PostgreSQL refuses root. Whoever is not root runs it himself."""
    if os.geteuid() != 0:
        return list(command)
    return [program("setpriv"), f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]


def run(command: Sequence[str], *, seconds: float = 60) -> str:
    """Runs a command to its end and returns what it printed.

    Raises:
        ServerUnavailable: it failed; carries what it printed.
    """
    # The command's own folder must be one that its user may enter.
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, cwd="/", check=False)
    if done.returncode != 0:
        raise ServerUnavailable(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def server_folder(name: str) -> Iterator[Path]:
    """A new folder that every user may enter, with a path short enough for Unix sockets; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix=f"cpsd-{name}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        run(as_root(["rm", "-rf", str(folder)])) if os.geteuid() != 0 else shutil.rmtree(folder)


def wait_until(ready: Callable[[], bool], what: str, *, seconds: float = 15, every: float = 0.05) -> None:
    """Waits for a condition.

    Raises:
        TimeoutError: it did not come true in time; names what was waited for.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(every)


def accepts_connections(port: int) -> bool:
    """Whether something listens on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    log: Path,
    port: int,
    stop_signal: signal.Signals = signal.SIGTERM,
    seconds: float = 30,
) -> Iterator[subprocess.Popen[bytes]]:
    """A server in the foreground of its own session, from the moment it listens until the end of the block.

    Args:
        command: stays in the foreground.
        log: what the server prints goes there; its end is shown when the server does not come up.
        port: the loopback port it will listen on.
        stop_signal: what tells it to end without waiting for its clients.
        seconds: how long it may take to come up, and to end.

    Raises:
        ServerUnavailable: it ended or did not listen in time.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", start_new_session=True
        )
    try:
        wait_until(lambda: process.poll() is not None or accepts_connections(port), " ".join(command), seconds=seconds)
        if process.poll() is not None:
            raise ServerUnavailable(f"{' '.join(command)} ended with {process.returncode}:\n{tail(log)}")
        yield process
    except TimeoutError as late:
        raise ServerUnavailable(f"{late}\n{tail(log)}") from late
    finally:
        stop(process, stop_signal, seconds)


def stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals, seconds: float) -> None:
    """Ends a server, by force when it does not obey in time."""
    for each in (stop_signal, signal.SIGKILL):
        if process.poll() is None:
            run(as_root(["kill", f"-{each.value}", str(process.pid)]))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log, or nothing when there is none."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
