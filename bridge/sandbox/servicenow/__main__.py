"""`python -m bridge.sandbox.servicenow`: the sandbox as a process of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bridge.sandbox.servicenow.clock import UnknownTimeZone, zone
from bridge.sandbox.servicenow.instance import Identity
from bridge.sandbox.servicenow.process import Start, serve

_EXAMPLE = (
    "example: python -m bridge.sandbox.servicenow --port 8700 --seed 7 --cases 1000 --ready-file /tmp/sandbox.json"
)


def _time_zone(name: str) -> str:
    try:
        zone(name)
    except UnknownTimeZone as error:
        raise argparse.ArgumentTypeError(f"unknown time zone {name}") from error
    return name


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(prog="python -m bridge.sandbox.servicenow", description=__doc__, epilog=_EXAMPLE)
    options.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    options.add_argument("--https", action="store_true", help="serve over https, with a certificate of its own")
    options.add_argument("--seed", type=int, default=1, help="the same seed makes the same data")
    options.add_argument("--cases", type=int, default=0, help="market-like cases to start with")
    options.add_argument("--ready-file", type=Path, help="written once the sandbox serves: address and logins as JSON")
    options.add_argument("--data-dir", type=Path, help="keep the data there over a restart; otherwise in memory")
    options.add_argument("--tables", type=Path, help="declarations of further tables and fields, as JSON")
    options.add_argument("--admin-password", default="", help="otherwise made at random")
    options.add_argument("--client-id", default="", help="OAuth client; otherwise made at random")
    options.add_argument("--client-secret", default="", help="otherwise made at random")
    options.add_argument("--user-time-zone", type=_time_zone, default="UTC", help="zone of the integration user")
    options.add_argument("--time-limit", type=float, default=60.0, help="seconds the server works for a gone client")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT."""
    options = parser()
    given = options.parse_args(arguments)
    start = Start(
        port=given.port,
        https=given.https,
        seed=given.seed,
        cases=given.cases,
        ready_file=given.ready_file,
        data_dir=given.data_dir,
        tables=given.tables,
        time_limit=given.time_limit,
        identity=Identity(given.admin_password, given.client_id, given.client_secret, given.user_time_zone),
    )
    try:
        return serve(start)
    except ValueError as error:
        options.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
