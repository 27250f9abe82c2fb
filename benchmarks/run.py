"""How fast the bridge is: a pull beside other clients, calls, a large backfill, round trips, a mailbox.

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

import calls
import mailing
import pulling
import round_trips
import scale
from figures import calls_figures, machine, mail_figures, pull_figures, round_trip_figures, scale_figures, table

_EXAMPLE = """examples:
  .venv/bin/python benchmarks/run.py --json figures.json
  .venv/bin/python benchmarks/run.py --quick
  .venv/bin/python benchmarks/run.py --only pull --rows 20000 --turns 5
"""
_PARTS = ("pull", "calls", "scale", "round-trips", "mail")


def main() -> None:
    """Measure what was asked for."""
    # Ended by SIGTERM it stops what it started, as by Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = _parser().parse_args()
    if options.quick:
        options.rows, options.turns, options.changes, options.known, options.round_trips = 20_000, 1, 200, 20_000, 100
        options.mails = 1_000
    parts = options.only or _PARTS
    figures = {"machine": machine()} | {name.replace("-", "_"): _measured(name, options) for name in parts}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    print(table(figures))


def _measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    match name:
        case "pull":
            pull = pulling.measure(options.rows, options.turns, _say, clients=not options.without_clients)
            return pull_figures(pull)
        case "calls":
            return calls_figures(calls.measure(options.changes, _say))
        case "scale":
            return scale_figures(scale.measure(options.known, _say))
        case "mail":
            return mail_figures(mailing.measure(options.mails, options.turns, _say))
        case _:
            _say(f"{options.round_trips} round trips")
            return round_trip_figures(round_trips.measure(options.round_trips, _Trips()))


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
    parser.add_argument(
        "--only", action="append", choices=_PARTS, metavar="PART", help=f"one of {', '.join(_PARTS)}; may be repeated"
    )
    parser.add_argument("--rows", type=_amount, default=100_000, help="cases to pull")
    parser.add_argument(
        "--turns", type=int, choices=range(1, 21), default=3, metavar="1-20", help="turns of pull and mail"
    )
    parser.add_argument("--without-clients", action="store_true", help="pull beside the bare loop only")
    parser.add_argument("--changes", type=_amount, default=1_000, help="cases whose changes' calls are counted")
    parser.add_argument("--known", type=_amount, default=1_000_000, help="cases to backfill")
    parser.add_argument("--round-trips", type=_amount, default=1_000, help="cases to send round")
    parser.add_argument("--mails", type=_amount, default=10_000, help="mails in the mailbox")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there, each turn included")
    parser.add_argument("--quick", action="store_true", help="a small amount of each, in some minutes")
    return parser


def _amount(text: str) -> int:
    amount = int(text)
    if amount < 1:
        raise argparse.ArgumentTypeError("give 1 or more")
    return amount


if __name__ == "__main__":
    main()
