"""The bare loop: asks for the same pages with the same session settings, and does nothing but `response.json()`.

A process of its own, so that memory and processor time are its own. Reads what to ask for as JSON from standard input,
prints what it took as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from http.cookiejar import DefaultCookiePolicy

import requests
from process import peak_memory

#: connection and answer, seconds: what the bridge is configured with
_TIMEOUT = (30, 30)


def main() -> None:
    """Ask for each page, one after the other."""
    asked = json.load(sys.stdin)
    started, busy = time.perf_counter(), time.process_time()
    with _session() as session:
        session.headers["Authorization"] = f"Bearer {_token(session, asked)}"
        rows = 0
        for page in asked["pages"]:
            response = session.get(asked["url"] + page, timeout=_TIMEOUT, allow_redirects=False)
            response.raise_for_status()
            rows += len(response.json()["result"])
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    print(json.dumps({"rows": rows, "seconds": seconds, "cpu": cpu, "memory": peak_memory()}))


def _session() -> requests.Session:
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["Accept"] = "application/json"
    return session


def _token(session: requests.Session, asked: dict[str, str]) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": asked["client_id"],
        "client_secret": asked["client_secret"],
    }
    response = session.post(asked["url"] + "/oauth_token.do", data=form, timeout=_TIMEOUT)
    response.raise_for_status()
    return str(response.json()["access_token"])


if __name__ == "__main__":
    main()
