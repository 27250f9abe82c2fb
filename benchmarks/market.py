"""The market that is measured: the sandbox's servers as processes of their own, ten routes, cases for two desks."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
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
#: so that every seeded change counts as one since the bridge went live
_LONGER = timedelta(days=DAYS + 1)
#: cases made by one call, so that no call takes minutes
_SEEDED_AT_ONCE = 100_000
_CHANGED_AT_ONCE = 100
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

        self._http = requests.Session()
        self._http.auth = stage.admin
        # Said with each call: what the environment names would win over the session's own.
        self._ca = str(stage.servicenow["ca"])

    @property
    def url(self) -> str:
        """The address of the sandbox's ServiceNow."""
        return str(self.stage.servicenow["url"])

    @property
    def surroundings(self) -> dict[str, str]:
        """The environment of a client: it trusts the sandbox's certificate."""
        return os.environ | {"REQUESTS_CA_BUNDLE": self._ca}

    def seed(self, cases: int, share: float) -> None:
        """Write that many market-like cases of the last 30 days; `share` of them are to be engaged."""
        until = datetime.now(UTC) - timedelta(minutes=2)
        for first in range(0, cases, _SEEDED_AT_ONCE):
            amount = min(_SEEDED_AT_ONCE, cases - first)
            body = {"cases": amount, "days": DAYS, "routed": share / _TRIAGED_SHARE, "until": _iso(until)}
            self._post("seed", body)

    def raise_cases(self, amount: int) -> list[str]:
        """Write that many new cases for the desks at once, complete as an agreement wants them; their sys_ids."""
        groups = [self._group(name) for name in GROUPS]
        records = [
            {
                "sys_id": f"{0xCA5E << 112 | number:032x}",
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
        return [record["sys_id"] for record in records]

    def change_cases(self, sys_ids: Sequence[str], notes: int) -> None:
        """As people do: change each case, write that many notes into it, and add a file."""
        for first in range(0, len(sys_ids), _CHANGED_AT_ONCE):
            some = sys_ids[first : first + _CHANGED_AT_ONCE]
            self._batch([(sys_id, {"priority": "2", "comments": "Is there any news?"}) for sys_id in some])
            for number in range(1, notes):
                self._batch([(sys_id, {"work_notes": f"Looked at it, {number}."}) for sys_id in some])
        for sys_id in sys_ids:
            about = {"table_name": TABLE, "table_sys_id": sys_id, "file_name": "reads.csv"}
            self._sent(
                "/api/now/attachment/file", params=about, data=b"mpan,reads\n", headers={"Content-Type": "text/csv"}
            )

    def _batch(self, changes: Sequence[tuple[str, Mapping[str, str]]]) -> None:
        parts = [
            {
                "id": sys_id,
                "method": "PATCH",
                "url": f"/api/now/table/{TABLE}/{sys_id}",
                "headers": [{"name": "Content-Type", "value": "application/json"}],
                "body": base64.b64encode(json.dumps(body).encode()).decode(),
            }
            for sys_id, body in changes
        ]
        answer = self._sent("/api/now/v1/batch", json={"batch_request_id": "1", "rest_requests": parts})
        refused = [part for part in answer["serviced_requests"] if part["status_code"] != 200]
        if refused or answer["unserviced_requests"]:
            raise RuntimeError(f"{len(refused)} changes were refused, {answer['unserviced_requests']} not made")

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
        answer = self._http.get(self.url + path, params=params, verify=self._ca, timeout=120)
        answer.raise_for_status()
        return answer.json()["result"]

    def _post(self, path: str, body: Mapping[str, Any]) -> None:
        self._sent(f"/sandbox/{path}", json=body)

    def _sent(self, path: str, **what: Any) -> Any:  # noqa: ANN401 - what requests takes, and JSON
        # Seeding many cases takes the sandbox a while.
        answer = self._http.post(self.url + path, verify=self._ca, timeout=600, **what)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def market(folder: Path, pace: Pace, *, live_for: timedelta = _LONGER) -> Iterator[Market]:
    """Start the servers, on loopback and with all files in a folder, and stop them at the end.

    ServiceNow is served over https, as every instance is. The bridge went live `live_for` ago.
    """
    with Stage(folder, store=f"sqlite:///${{{STORE_VARIABLE}}}", pace=pace, https=True) as stage:
        _configure(stage.config, datetime.now(UTC) - live_for)
        yield Market(stage)


def environment(found: Market, store: Path) -> dict[str, str]:
    """The environment of a bridge that uses a store of its own."""
    return found.surroundings | {STORE_VARIABLE: str(store)}


def _configure(config: Path, go_live: datetime) -> None:
    """The demo's configuration with ten routes, and with desks whose word is enough."""
    bridge = _read(config / "bridge.yaml")
    bridge["sources"] = [source for source in bridge["sources"] if source["table"] == TABLE]
    bridge["go_live"] = _iso(go_live) + "Z"
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
