"""The market that is measured: the sandbox's servers as processes of their own, ten routes, cases for two desks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from ruamel.yaml import YAML

from bridge.demo.files import Pace
from bridge.demo.stage import Stage

TABLE = "sn_customerservice_case"
BRIDGE_USER = "cpsd.bridge"
GROUPS = ("CPSD DCC", "CPSD LDSO")
#: the store's file is named by the environment, so that each process of a run may have one of its own
STORE_VARIABLE = "CPSD_BENCHMARK_STORE"
DAYS = 30
#: cases of the desks' groups that the routes still meet: one in ten is resolved already
_TRIAGED_SHARE = 0.9

_TRIAGED = "assignment_group != '' and state in ['New', 'Open', 'Awaiting Info']"
#: Two of ten meet cases. Six are settled by comparing fields, two need a pattern, two a field of another kind.
_ROUTES: tuple[Mapping[str, Any], ...] = (
    {"when": "assignment_group == 'CPSD DCC'", "engage": "dcc-service-desk", "auto": True},
    {"when": "assignment_group == 'CPSD LDSO'", "engage": "ldso-help-desk", "auto": True},
    {"when": "category == 'Registration' and subcategory == 'MPAN status'", "propose": "ldso-help-desk"},
    {"when": "category == 'Security' and priority in ['P1', 'P2']", "propose": "dcc-service-desk"},
    {
        "when": "category == 'Switching' or subcategory in ['Erroneous transfer', 'CSS registration']",
        "propose": "rec-service-desk",
    },
    {"when": "category == 'Settlement' and subcategory == 'Tariff'", "propose": "rec-service-desk"},
    {"when": "category == 'Metering' and description =~~ '(?i)communications? hub'", "propose": "dcc-service-desk"},
    {"when": "category == 'Reports' and short_description =~~ 'REP-09[0-9]'", "propose": "rec-service-desk"},
    {"when": "contact_type == 'phone' and major_incident", "propose": "dcc-service-desk"},
    {"when": "category == 'Portal' and raised_by == ''", "propose": "rec-service-desk"},
)


class Market:
    """A stage, and its ServiceNow as the administrator sees it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    @property
    def url(self) -> str:
        """The address of the sandbox's ServiceNow."""
        return str(self.stage.servicenow["url"])

    def seed(self, cases: int, share: float) -> None:
        """Write that many market-like cases of the last 30 days; `share` of them are to be engaged."""
        until = datetime.now(UTC) - timedelta(minutes=2)
        body = {"cases": cases, "days": DAYS, "routed": share / _TRIAGED_SHARE, "until": _iso(until)}
        self._post("seed", body)

    def raise_cases(self, amount: int) -> None:
        """Write that many new cases for the desks at once, complete as an agreement wants them."""
        groups = [self._group(name) for name in GROUPS]
        records = [
            {
                "short_description": f"IF-021 reads missing, batch {number}",
                "description": f"MPAN 10{number:011d}: no IF-021 since 2026-11-20 02:10 UTC.",
                "business_impact": "Settlement falls back to estimates.",
                "category": "Metering",
                "priority": "3",
                "state": "10",
                "assignment_group": groups[number % len(groups)],
            }
            for number in range(amount)
        ]
        self._post("records", {"table": TABLE, "records": records})

    def resolved(self) -> int:
        """How many cases are resolved."""
        params = {"sysparm_count": "true", "sysparm_query": "state=6"}
        return int(self._get(f"/api/now/stats/{TABLE}", params)["stats"]["count"])

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """The bridge's requests with an identifier above `since`, oldest first."""
        entries = self._get("/sandbox/ledger", {"since": str(since)})
        return [entry for entry in entries if entry["user"] == BRIDGE_USER or entry["path"] == "/oauth_token.do"]

    def last_call(self) -> int:
        """The identifier of the newest request."""
        return max((entry["id"] for entry in self._get("/sandbox/ledger", {})), default=0)

    def _group(self, name: str) -> str:
        return str(self._get("/api/now/table/sys_user_group", {"sysparm_query": f"name={name}"})[0]["sys_id"])

    def _get(self, path: str, params: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        answer = requests.get(self.url + path, params=params, auth=self.stage.admin, timeout=120)
        answer.raise_for_status()
        return answer.json()["result"]

    def _post(self, path: str, body: Mapping[str, Any]) -> None:
        # Seeding many cases takes the sandbox a while.
        answer = requests.post(f"{self.url}/sandbox/{path}", json=body, auth=self.stage.admin, timeout=1200)
        answer.raise_for_status()


@contextmanager
def market(folder: Path, pace: Pace) -> Iterator[Market]:
    """Start the servers, on loopback and with all files in a folder, and stop them at the end."""
    with Stage(folder, store=f"sqlite:///${{{STORE_VARIABLE}}}", pace=pace) as stage:
        _configure(stage.config)
        yield Market(stage)


def environment(store: Path) -> dict[str, str]:
    """The environment of a process that uses a store of its own."""
    return os.environ | {STORE_VARIABLE: str(store)}


def _configure(config: Path) -> None:
    """The demo's configuration with ten routes, and with desks whose word is enough."""
    bridge = _read(config / "bridge.yaml")
    bridge["sources"] = [source for source in bridge["sources"] if source["table"] == TABLE]
    bridge["go_live"] = _iso(datetime.now(UTC) - timedelta(days=DAYS + 1)) + "Z"
    _write(config / "bridge.yaml", bridge)
    _write(config / "routes.yaml", {"triaged": _TRIAGED, "routes": list(_ROUTES)})
    for path in (config / "desks").glob("*.yaml"):
        desk = _read(path)
        desk["agreement"] |= {"confirmation": "desk", "needs": ["references"]}
        _write(path, desk)


def _iso(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S")


def _read(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(json.dumps(YAML(typ="safe").load(path), default=str))
    return read


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with path.open("w") as file:
        YAML().dump(json.loads(json.dumps(content)), file)
