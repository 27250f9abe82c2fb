"""pysnow, with its paging done by hand: it asks for the pages that the bridge asked for, the most favourable ones.

A process of its own, as every side is. Reads what to ask for as JSON from standard input, prints what it took as JSON.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from side import bearer, measured

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libmagic, for attachments
    import pysnow


def read(asked: Mapping[str, Any]) -> int:
    """Ask for each page, one after the other; how many rows came."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {bearer(asked)}"
    client = pysnow.Client(host=urlsplit(asked["url"]).netloc, session=session)
    rows = 0
    for page in asked["pages"]:
        path, _, query = page.partition("?")
        params = dict(parse_qsl(query))
        # Of its own for each page: it carries the parameters of one call into the next.
        resource = client.resource(api_path=path.removeprefix("/api/now"))
        resource.parameters.display_value = params["sysparm_display_value"]
        resource.parameters.exclude_reference_link = params["sysparm_exclude_reference_link"] == "true"
        answer = resource.get(
            query=params["sysparm_query"],
            limit=int(params["sysparm_limit"]),
            fields=params["sysparm_fields"].split(","),
        )
        rows += len(answer.all())
    return rows


if __name__ == "__main__":
    measured(read)
