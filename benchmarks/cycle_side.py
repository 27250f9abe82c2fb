"""A bridge that does its steps when it is told to: reads their names line by line, and answers each with JSON.

A process of its own, which has logged in and learned what the instance can do before anything is counted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from process import peak_memory

from bridge import logs
from bridge.app import Application
from bridge.configuration import load
from bridge.store import migrate
from bridge.sync.cycle import Cycle


def main() -> None:
    """Do each step that standard input names, until it ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    options = parser.parse_args()
    logs.configure("json", "error")
    configuration = load(options.config, os.environ)
    migrate(configuration.store.get_secret_value())
    with Application(configuration, worker=True) as application:
        # One for all steps, as in the service: it remembers how its far sides do.
        steps = _steps(application, Cycle(application.around))
        for line in sys.stdin:
            print(json.dumps(_timed(steps[line.strip()])), flush=True)


def _timed(step: Callable[[], object]) -> dict[str, Any]:
    started = time.perf_counter()
    done = step()
    return {"seconds": time.perf_counter() - started, "done": done, "memory": peak_memory()}


def _steps(application: Application, cycle: Cycle) -> Mapping[str, Callable[[], object]]:
    def read() -> int:
        """Every stream of every source, and the engaged cases; how many rows."""
        return sum(cycle.pull_source(source) for source in application.around.sources) + cycle.pull_engaged()

    return {
        "read": read,
        "collect": lambda: cycle.collect().received,
        "work": cycle.work,
        "once": lambda: cycle.once().as_dict(),
    }


if __name__ == "__main__":
    main()
