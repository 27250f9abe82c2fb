"""The bare loop: asks for the same pages with the same session settings, and does nothing but `response.json()`.

A process of its own, so that memory and processor time are its own. Reads what to ask for as JSON from standard input,
prints what it took as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from side import TIMEOUT, bearer, measured


def read(asked: Mapping[str, Any]) -> int:
    """Ask for each page, one after the other; how many rows came."""
    rows = 0
    with requests.Session() as session:
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.headers["Accept"] = "application/json"
        session.headers["Authorization"] = f"Bearer {bearer(asked)}"
        for page in asked["pages"]:
            response = session.get(asked["url"] + page, timeout=TIMEOUT, allow_redirects=False)
            response.raise_for_status()
            rows += len(response.json()["result"])
    return rows


if __name__ == "__main__":
    measured(read)
