"""The configuration that the demo runs on: the same files as in production, for three desks of a small market."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ADDRESS = "cpsd@elexon.demo.example"
DESKS: Mapping[str, str] = {
    "dcc-service-desk": "servicedesk@dcc.demo.example",
    "ldso-help-desk": "helpdesk@ldso.demo.example",
    "rec-service-desk": "servicedesk@rec.demo.example",
}
_COVERS = {
    "dcc-service-desk": ["smart metering communication", "missing meter reads"],
    "ldso-help-desk": ["MPAN registration", "MPAN status"],
    "rec-service-desk": ["REC queries", "switching"],
}
_PARTY = {"dcc-service-desk": "DCC", "ldso-help-desk": "Northern LDSO", "rec-service-desk": "RECCo"}


@dataclass(frozen=True, slots=True)
class Pace:
    """How quickly things follow each other on a stage, in seconds; in production all of this is slower."""

    every: float = 1.0
    lag: float = 1.0
    tick: float = 0.2
    client_timeout: float = 5.0
    #: after which the sandbox ends a transaction of its own accord
    far_side_limit: float = 5.0
    margin: float = 1.0
    retry_first: float = 0.5
    retry_longest: float = 5.0
    max_new_engagements: int = 20


def write_configuration(
    folder: Path,
    *,
    servicenow: Mapping[str, Any],
    smtp_port: int,
    imap_port: int,
    store: str,
    go_live: datetime,
    pace: Pace,
) -> None:
    """Write bridge.yaml, routes.yaml and a file for each desk; secrets into files of their own, for the owner only."""
    (folder / "desks").mkdir(parents=True, exist_ok=True)
    kept = folder / "secrets"
    kept.mkdir(mode=0o700, exist_ok=True)
    bridge = _bridge(servicenow, smtp_port, imap_port, store, go_live, kept)
    paced = _paced(pace)
    bridge["mail"] |= {"every": _seconds(pace.every), "timeout": _seconds(pace.client_timeout)}
    bridge["servicenow"] |= {
        "connect_timeout": _seconds(pace.client_timeout / 2),
        "read_timeout": _seconds(pace.client_timeout / 2),
        "batch_read_timeout": _seconds(pace.client_timeout),
    }
    _write(folder / "bridge.yaml", bridge | paced)
    _write(folder / "routes.yaml", _routes())
    for name, address in DESKS.items():
        _write(folder / "desks" / f"{name}.yaml", _desk(name, address))


def _bridge(
    servicenow: Mapping[str, Any], smtp_port: int, imap_port: int, store: str, go_live: datetime, kept: Path
) -> dict[str, Any]:
    oauth = servicenow["oauth"]
    return {
        "instance": "demo",
        "environment": "test",
        "go_live": go_live.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "servicenow": {
            "url": servicenow["url"],
            "user": "cpsd.bridge",
            "auth": {
                "kind": "client_credentials",
                "client_id": oauth["client_id"],
                "client_secret": _secret(kept, "servicenow", oauth["client_secret"]),
            },
        },
        "store": store,
        "mail": {
            "smtp": f"smtp+plain://127.0.0.1:{smtp_port}",
            "imap": f"imap+plain://127.0.0.1:{imap_port}",
            "address": ADDRESS,
            "username": ADDRESS,
            "password": _secret(kept, "mail", "demo"),
            "allow": [f"@{address.partition('@')[2]}" for address in DESKS.values()] + ["@elexon.demo.example"],
            "allow_plaintext": True,
        },
        "alerts": {"mail": ["oncall@elexon.demo.example"]},
        "signing_keys": [_secret(kept, "signing", secrets.token_hex(32))],
    }


def _paced(pace: Pace) -> dict[str, Any]:
    every, lag = _seconds(pace.every), _seconds(pace.lag)
    tables = {"cases": "sn_customerservice_case", "incidents": "incident"}
    return {
        "sources": [
            {"name": name, "table": table, "every": every, "lag": lag, "overlap": "10s"}
            for name, table in tables.items()
        ],
        "delivery": {
            "client_timeout": _seconds(pace.client_timeout),
            "batch_timeout": _seconds(pace.client_timeout * 2),
            "far_side_limit": _seconds(pace.far_side_limit),
            "margin": _seconds(pace.margin),
            "retry_first": _seconds(pace.retry_first),
            "retry_longest": _seconds(pace.retry_longest),
            "breaker_pause": _seconds(pace.retry_longest),
        },
        "tick": _seconds(pace.tick),
        "max_new_engagements_per_cycle": pace.max_new_engagements,
    }


def _seconds(amount: float) -> str:
    return f"{round(amount * 1000)}ms"


def _routes() -> dict[str, Any]:
    return {
        "triaged": "assignment_group != '' and state in ['New', 'Open', 'In Progress']",
        "routes": [
            {"when": "assignment_group == 'CPSD DCC'", "engage": "dcc-service-desk", "auto": True},
            {"when": "assignment_group == 'CPSD LDSO'", "engage": "ldso-help-desk", "auto": True},
        ],
    }


def _desk(name: str, address: str) -> dict[str, Any]:
    return {
        "desk": name,
        "party": _PARTY[name],
        "covers": _COVERS[name],
        "mode": "live",
        "agreement": {
            "version": 1,
            "effective": "2026-01-01",
            "method": {
                "email": {
                    "to": [address],
                    "from_domains": [address.partition("@")[2]],
                    "reference": r"INC\d{12}",
                }
            },
            "hours": {"calendar": "england-wales", "open": "Mon-Fri 08:00-18:00", "major_incidents": "24x7"},
            "respond_within": {"P1": "30m", "P2": "2h", "P3": "1bd", "P4": "2bd"},
            "accept": {"attachments": {"max": "10MB", "types": ["csv", "pdf", "png", "txt"]}},
            "needs": ["impact_statement", "references"],
            "update_on": ["priority", "short_description"],
            "push": {
                "question": {"state": "awaiting_information"},
                "progress": {"state": "in_progress"},
                "resolved": {"state": "awaiting_confirmation"},
            },
            "confirmation": "elexon",
            "resolution_codes": {
                "incident": "Solved (Permanently)",
                "sn_customerservice_case": "4",
            },
        },
    }


def _secret(folder: Path, name: str, value: str) -> str:
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(value)
    return f"file:{path.resolve()}"


def _write(path: Path, content: Mapping[str, Any]) -> None:
    yaml = YAML()
    yaml.default_flow_style = False
    with path.open("w") as file:
        yaml.dump(dict(content), file)
