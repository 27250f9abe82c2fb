"""The sandbox as a process: started, told in a ready file, stopped by SIGTERM or SIGINT."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.sandbox.servicenow.instance import Identity
from bridge.sandbox.servicenow.server import ServiceNowSandbox


@dataclass(frozen=True)
class Start:
    """How to start a sandbox; the defaults make an empty one in memory, on a free port, over http."""

    port: int = 0
    https: bool = False
    seed: int = 1
    cases: int = 0
    ready_file: Path | None = None
    data_dir: Path | None = None
    tables: Path | None = None
    time_limit: float = 60.0
    identity: Identity = field(default_factory=Identity)


def serve(start: Start) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. Raises ValueError for a file of tables that cannot be read."""
    sandbox = ServiceNowSandbox(
        port=start.port,
        seed=start.seed,
        cases=start.cases,
        identity=start.identity,
        directory=start.data_dir,
        https=start.https,
        tables=read_tables(start.tables) if start.tables else (),
    )
    sandbox.instance.settings.time_limit = start.time_limit
    # Blocked before the serving threads start, so that they inherit it and only the wait below takes the signal.
    stops = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    sandbox.start()
    if start.ready_file:
        sandbox.write_ready_file(start.ready_file)
    sys.stdout.write(f"ServiceNow sandbox at {sandbox.url}\n")
    if start.ready_file is None:
        # Nobody could log in otherwise.
        sys.stdout.write(json.dumps(sandbox.description, indent=2) + "\n")
    sys.stdout.flush()
    signal.sigwait(stops)
    sandbox.stop()
    return 0


def read_tables(path: Path) -> Sequence[Mapping[str, Any]]:
    """The declarations of a JSON file: one, or a list of them. Raises ValueError."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    listed = given if isinstance(given, list) else [given]
    if not all(isinstance(each, dict) for each in listed):
        raise ValueError(f"{path}: a declaration of a table is an object")
    return listed
