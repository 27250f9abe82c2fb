"""The bridge: reads, lands and decides, with a new store on disk; nothing is delivered.

A process of its own, so that memory and processor time are its own. Prints what it took as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from process import peak_memory

from bridge import logs
from bridge.app import Application
from bridge.configuration import load
from bridge.store import migrate
from bridge.sync.cycle import Cycle
from bridge.sync.engage import engage
from bridge.sync.roster import Roster

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def main() -> None:
    """Pull every source once, then decide on everything that was landed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--engage-nobody", action="store_true", help="ask all routes, but act on none of them")
    options = parser.parse_args()
    logs.configure("json", "warning")
    configuration = load(options.config, os.environ)
    migrate(configuration.store.get_secret_value())
    with Application(configuration, worker=True) as application:
        print(json.dumps(_measure(application, engaging=not options.engage_nobody)))


def _measure(application: Application, *, engaging: bool) -> dict[str, float]:
    around, cycle = application.around, Cycle(application.around)
    started, busy = time.perf_counter(), time.process_time()
    rows = sum(cycle.pull_source(source) for source in around.sources)
    landed = time.perf_counter()
    deciding = around if engaging else replace(around, go_live=_NEVER)
    report = engage(deciding, Roster(around.source, around.resolver_group), cycle.horizon())
    ended = time.perf_counter()
    return {
        "rows": rows,
        "decided": report.decided,
        "engaged": report.engaged,
        "seconds": ended - started,
        "landing": landed - started,
        "deciding": ended - landed,
        "cpu": time.process_time() - busy,
        "memory": peak_memory(),
    }


if __name__ == "__main__":
    main()
