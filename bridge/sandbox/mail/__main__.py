"""`python -m bridge.sandbox.mail`: the mail server as a process of its own, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import json
import os
import signal
from pathlib import Path

from bridge.sandbox.mail.server import MailServer


def main() -> None:
    """Listen, write the ports to the ready file, and wait for a signal."""
    parser = argparse.ArgumentParser(prog="python -m bridge.sandbox.mail", description=__doc__)
    parser.add_argument("--ready-file", type=Path, help="written as JSON once both ports are open")
    parser.add_argument("--data-dir", type=Path, help="keep every mail as a file here, and read them at start")
    parser.add_argument("--password", default="demo", help="the password of every login (default: %(default)s)")
    parser.add_argument("--smtp-port", type=int, default=0, help="default: a free one")
    parser.add_argument("--imap-port", type=int, default=0, help="default: a free one")
    options = parser.parse_args()

    # Blocked before the serving threads start, so that they inherit it and only the wait below takes the signal.
    stops = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    with MailServer(
        options.password, folder=options.data_dir, smtp_port=options.smtp_port, imap_port=options.imap_port
    ) as server:
        ready = {"host": server.host, "smtp_port": server.smtp_port, "imap_port": server.imap_port, "pid": os.getpid()}
        print(json.dumps(ready), flush=True)  # noqa: T201 - the only output, for whoever started it
        if options.ready_file is not None:
            _write_whole(options.ready_file, json.dumps(ready))
        signal.sigwait(stops)


def _write_whole(path: Path, text: str) -> None:
    """Nobody who waits for the file may see half of it."""
    unfinished = path.with_suffix(path.suffix + ".new")
    unfinished.write_text(text)
    unfinished.replace(path)


if __name__ == "__main__":
    main()
