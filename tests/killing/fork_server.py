"""Starts bridges that are cheap to kill: everything is imported once, each bridge is a fork of that.

Run as a process: `python -m tests.killing.fork_server CONFIG LOG`. For each line on standard input one bridge is
forked; its process id is printed. The forked bridge is a process like any other and dies of SIGKILL as one. A number in
the line is the size in pages at which its SQLite disk is full.
"""

import faulthandler
import os
import signal
import sys
from pathlib import Path

import bridge.app
from bridge import logs
from bridge.configuration import load
from bridge.store import engine


def main() -> None:
    config, log = Path(sys.argv[1]), Path(sys.argv[2])
    configuration = load(config, os.environ)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            if line.strip().isdigit():
                engine._SQLITE_SETTINGS += (f"PRAGMA max_page_count = {int(line)}",)
            _run(configuration, log)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def _run(configuration: bridge.app.Configuration, log: Path) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(descriptor, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(descriptor, 1)
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    logs.configure("json", "info")
    try:
        with bridge.app.Application(configuration, worker=True) as application:
            application.service().run_with_signals()
    except BaseException as error:  # noqa: BLE001 - the log is the only place left to say it
        os.write(2, f"bridge ended: {error!r}\n".encode())
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
