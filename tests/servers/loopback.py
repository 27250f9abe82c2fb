"""The rule that tests talk to this machine only."""

import ipaddress
import sys
from typing import Any

NAMES = {"localhost", "localhost.localdomain", ""}


def is_loopback(host: object) -> bool:
    """Whether a host, as given to a socket, is this machine; names other than localhost are not, without asking."""
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in NAMES:
        return True
    try:
        return ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False


def refuse_everything_but_loopback() -> None:
    """From now on, in this process, looking up or connecting to any other host fails as if nobody were there."""

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            address = arguments[1]
            host = address[0] if isinstance(address, tuple) else None  # else a Unix socket's path
        elif event == "socket.getaddrinfo":
            host = arguments[0]
        else:
            return
        if not is_loopback(host):
            raise ConnectionRefusedError(f"tests stay on this machine: {event} {host!r}")

    sys.addaudithook(refuse)
