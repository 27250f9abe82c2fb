"""pysnow, with its paging done by hand as it usually is: one query in one order, page after page by `offset`.

A process of its own, as every side is. Reads what to ask for as JSON from standard input, prints what it took as JSON.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from side import bearer, measured

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libmagic, for attachments
    import pysnow


def read(asked: Mapping[str, Any]) -> int:
    """Ask for each page, until one is not full; how many rows came."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {bearer(asked)}"
    client = pysnow.Client(host=urlsplit(asked["url"]).netloc, session=session)
    rows = 0
    while True:
        # Of its own for each page: it carries the parameters of one call into the next.
        resource = client.resource(api_path=f"/table/{asked['table']}")
        resource.parameters.display_value = "all"
        resource.parameters.exclude_reference_link = True
        answer = resource.get(query=asked["query"], limit=asked["limit"], offset=rows, fields=asked["fields"])
        page = len(answer.all())
        rows += page
        if page < asked["limit"]:
            return rows


if __name__ == "__main__":
    measured(read)
