"""What the clients that are compared have in common: a login of the same kind, and what they print."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from process import peak_memory

#: connection and answer, seconds: what the bridge is configured with
TIMEOUT = (30, 30)


def measured(read: Callable[[Mapping[str, Any]], int]) -> None:
    """Read what is asked on standard input, and print what that took."""
    asked = json.load(sys.stdin)
    started, busy = time.perf_counter(), time.process_time()
    rows = read(asked)
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    print(json.dumps({"rows": rows, "seconds": seconds, "cpu": cpu, "memory": peak_memory()}))


def bearer(asked: Mapping[str, Any]) -> str:
    """An access token for the user that the bridge is."""
    form = {
        "grant_type": "client_credentials",
        "client_id": asked["client_id"],
        "client_secret": asked["client_secret"],
    }
    response = requests.post(asked["url"] + "/oauth_token.do", data=form, timeout=TIMEOUT)
    response.raise_for_status()
    return str(response.json()["access_token"])
