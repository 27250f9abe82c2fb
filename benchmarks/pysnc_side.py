"""pysnc, ServiceNow's own client: a GlideRecord over the same rows and columns, with its own paging by offset.

A process of its own, as every side is. Reads what to ask for as JSON from standard input, prints what it took as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pysnc
import requests
from side import bearer, measured


def read(asked: Mapping[str, Any]) -> int:
    """Walk over every row; how many came. It keeps none that it has passed, or all would stay in memory."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {bearer(asked)}"
    client = pysnc.ServiceNowClient(asked["url"], session)
    record = client.GlideRecord(asked["table"], batch_size=asked["limit"], rewindable=False)
    record.add_encoded_query(asked["query"])
    record.fields = list(asked["fields"])
    record.query()
    return sum(1 for _ in record)


if __name__ == "__main__":
    measured(read)
