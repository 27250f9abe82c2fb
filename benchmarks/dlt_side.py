"""dlt's REST API source over the same rows and columns, paged by offset: its rows only, loaded into no destination.

A process of its own and with an environment of its own (`scripts/setup --benchmarks`), since dlt brings many libraries
along that the bridge does not need. Reads what to ask for as JSON from standard input, prints what it took as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlt.sources.rest_api import rest_api_resources
from side import bearer, measured


def read(asked: Mapping[str, Any]) -> int:
    """Walk over every row; how many came."""
    (rows,) = rest_api_resources(
        {
            "client": {
                "base_url": f"{asked['url']}/api/now/table/",
                "auth": {"type": "bearer", "token": bearer(asked)},
                "paginator": {
                    "type": "offset",
                    "limit": asked["limit"],
                    "offset_param": "sysparm_offset",
                    "limit_param": "sysparm_limit",
                    "total_path": None,
                    "stop_after_empty_page": True,
                },
            },
            "resources": [
                {
                    "name": "cases",
                    "endpoint": {
                        "path": asked["table"],
                        "params": {
                            "sysparm_query": asked["query"],
                            "sysparm_fields": ",".join(asked["fields"]),
                            "sysparm_display_value": "all",
                            "sysparm_exclude_reference_link": "true",
                        },
                        "data_selector": "result",
                    },
                }
            ],
        }
    )
    return sum(1 for _ in rows)


if __name__ == "__main__":
    measured(read)
