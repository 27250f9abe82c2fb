"""The stage of the demo: a ServiceNow, a mail server and a configured bridge, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from bridge.demo.files import Pace, write_configuration
from bridge.domain.errors import BridgeError

_PATIENCE = 30.0


class StageError(BridgeError):
    """A part of the demo did not start or ended too early."""

    code = "demo"


@dataclass(frozen=True, slots=True)
class Instance:
    """The ServiceNow of the demo, as somebody who works in it."""

    url: str
    user: str
    password: str

    def create(self, table: str, fields: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        """Raise a record."""
        return self._result(requests.post(self._table(table), json=dict(fields), auth=self._auth, timeout=30))

    def read(self, table: str, sys_id: str) -> Any:  # noqa: ANN401 - JSON
        """A record with display values."""
        address = f"{self._table(table)}/{sys_id}"
        answer = requests.get(address, params={"sysparm_display_value": "all"}, auth=self._auth, timeout=30)
        return self._result(answer)

    def update(self, table: str, sys_id: str, fields: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        """Change a record, or write into its journal."""
        address = f"{self._table(table)}/{sys_id}"
        return self._result(requests.patch(address, json=dict(fields), auth=self._auth, timeout=30))

    def journal(self, sys_id: str) -> list[dict[str, Any]]:
        """The work notes and comments of a record, oldest first."""
        query = {"sysparm_query": f"element_id={sys_id}^ORDERBYsys_created_on^ORDERBYsys_id"}
        result = self._result(requests.get(self._table("sys_journal_field"), params=query, auth=self._auth, timeout=30))
        return list(result) if isinstance(result, list) else []

    def _table(self, name: str) -> str:
        return f"{self.url}/api/now/table/{name}"

    @property
    def _auth(self) -> tuple[str, str]:
        return self.user, self.password

    @staticmethod
    def _result(answer: requests.Response) -> Any:  # noqa: ANN401 - JSON
        answer.raise_for_status()
        return answer.json()["result"]


class Stage:
    """Starts what the demo needs in one folder, and stops it again."""

    def __init__(self, folder: Path, *, store: str = "", pace: Pace | None = None, https: bool = False) -> None:
        """With `https` clients have to trust the certificate that `servicenow["ca"]` names."""
        self.folder = folder
        self._https = https
        self._pace = pace or Pace()
        self.config = folder / "config"
        self._store = store or f"sqlite:///{folder / 'bridge.db'}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.servicenow: dict[str, Any] = {}
        self.mail: dict[str, Any] = {}

    def __enter__(self) -> Self:
        try:
            self._set_up()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def person(self, name: str) -> Instance:
        """Somebody who works in the instance."""
        users = requests.get(f"{self.servicenow['url']}/sandbox/users", auth=self.admin, timeout=30).json()["result"]
        found = next(user for user in users if user["user_name"] == name)
        return Instance(self.servicenow["url"], name, found["password"])

    @property
    def admin(self) -> tuple[str, str]:
        """The login of the instance's administrator."""
        admin = self.servicenow["admin"]
        return admin["user"], admin["password"]

    def start_bridge(self) -> None:
        """Migrate the store and start the scheduled service."""
        bridge = [sys.executable, "-m", "bridge.cli", "--config", str(self.config), "--operator", "demo"]
        subprocess.run([*bridge, "migrate"], check=True, stdout=subprocess.DEVNULL, timeout=60)  # noqa: S603
        self._start("bridge", [*bridge, "--log-format", "json", "run"])

    def still_running(self) -> None:
        """Raises `StageError` if a part has ended by itself."""
        for process in self._processes:
            if process.poll() is not None:
                raise StageError(
                    f"a part of the demo ended with exit code {process.returncode}", remedy=f"see {self.folder}/*.log"
                )

    def stop(self) -> None:
        """Stop everything, the newest first."""
        while self._processes:
            process = self._processes.pop()
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _set_up(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        options = ["--time-limit", str(self._pace.far_side_limit), *(["--https"] if self._https else [])]
        self.servicenow = self._serve("servicenow", "bridge.sandbox.servicenow", *options)
        self.mail = self._serve("mail", "bridge.sandbox.mail", "--data-dir", str(self.folder / "mail"))
        write_configuration(
            self.config,
            servicenow=self.servicenow,
            smtp_port=self.mail["smtp_port"],
            imap_port=self.mail["imap_port"],
            store=self._store,
            go_live=datetime.now(UTC) - timedelta(minutes=1),
            pace=self._pace,
        )

    def _serve(self, name: str, module: str, *options: str) -> dict[str, Any]:
        ready = self.folder / f"{name}.json"
        ready.unlink(missing_ok=True)
        self._start(name, [sys.executable, "-m", module, "--ready-file", str(ready), *options])
        deadline = time.monotonic() + _PATIENCE
        while not ready.exists():
            self.still_running()
            if time.monotonic() > deadline:
                raise StageError(
                    f"{name} did not start within {_PATIENCE:.0f} s", remedy=f"see {self.folder}/{name}.log"
                )
            time.sleep(0.05)
        described: dict[str, Any] = json.loads(ready.read_text())
        return described

    def _start(self, name: str, command: Sequence[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own modules
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=os.environ | {"PYTHONUNBUFFERED": "1"}
            )
        self._processes.append(process)
