"""How fast the bridge is: a pull beside a bare loop over the same pages, and full round trips by mail.

Everything runs on loopback, in processes of its own and a temporary folder, and is gone afterwards. Progress goes to
standard error, the figures to standard output.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pulling
import round_trips
from figures import machine, pull_figures, round_trip_figures, table

_EXAMPLE = "example: .venv/bin/python benchmarks/run.py --rows 20000 --round-trips 100 --json figures.json"


def main() -> None:
    """Measure what was asked for."""
    # Ended by SIGTERM it stops what it started, as by Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = _parser().parse_args()
    if options.quick:
        options.rows, options.round_trips, options.turns = 20_000, 100, 1
    figures: dict[str, Any] = {"machine": machine()}
    if options.rows:
        figures["pull"] = pull_figures(pulling.measure(options.rows, options.turns, _say))
    if options.round_trips:
        _say(f"{options.round_trips} round trips")
        figures["round_trips"] = round_trip_figures(round_trips.measure(options.round_trips, _Trips()))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    print(table(figures))


class _Trips:
    """Says every few seconds how many cases are resolved."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, resolved: int) -> None:
        if time.monotonic() >= self._next:
            _say(f"{resolved} resolved")
            self._next = time.monotonic() + 5


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=_amount, default=100_000, help="cases to pull; 0 leaves the pull out")
    parser.add_argument("--round-trips", type=_amount, default=1_000, help="cases to send round; 0 leaves them out")
    parser.add_argument("--turns", type=int, choices=range(1, 21), default=3, metavar="1-20", help="turns of the pull")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there, each turn included")
    parser.add_argument("--quick", action="store_true", help="20,000 cases in one turn and 100 round trips")
    return parser


def _amount(text: str) -> int:
    amount = int(text)
    if amount < 0:
        raise argparse.ArgumentTypeError("give 0 or more")
    return amount


if __name__ == "__main__":
    main()
