"""A bridge between a ServiceNow and a service desk that is not ours, which it reaches by real mail only."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import requests
import structlog
from imap_tools import MailBoxUnencrypted
from typer.testing import CliRunner

from bridge.cli import program
from bridge.sandbox.servicenow import Identity, ServiceNowSandbox
from bridge.store import SqlStore, open_store
from tests.servers.processes import wait_until
from tests.servers.request_tracker import REFERENCE, Queue

TABLE = "sn_customerservice_case"
DESK = "dcc-service-desk"
RESOLVER = "priya.shah"
COMPLETE = {
    "short_description": "Reads are missing since Monday",
    "description": "MPAN 1200050007920 has no reads since 2026-06-01; message IF-021 was sent.",
    "business_impact": "Settlement run R1 is late for 300 customers.",
    "category": "1",
    "state": "10",
    "assignment_group": "CPSD DCC",
}
PATIENCE = 60
SECRET = "a secret"


@dataclass
class Bridge:
    """One bridge, its ServiceNow, and the queue that is its counterpart."""

    folder: Path
    servicenow: ServiceNowSandbox
    queue: Queue
    #: the address of its mailbox
    address: str
    #: where it hands its mails in
    smtp_port: int
    #: more about the method of contact than the address
    email: dict[str, Any] = field(default_factory=dict)
    #: what else was agreed
    agreement: dict[str, Any] = field(default_factory=dict)
    case: dict[str, Any] = field(default_factory=dict)

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────────────────

    def once(self) -> Any:
        """Everything that is due, and what it came to."""
        self.servicenow.instance.clock.skew_seconds += 10  # past the lag, so that all that happened is read
        return self.command("once")

    def command(self, *words: str) -> Any:
        """A command of the bridge, which must succeed; returns the JSON that it prints."""
        options = ["--config", str(self.folder / "config"), "--operator", "ines", *words, "--json"]
        try:
            ended = CliRunner().invoke(program(), options, env={"COLUMNS": "200"})
        finally:
            structlog.reset_defaults()  # a command sends the logs to its own standard error, which ends with it
        if ended.exception and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        assert ended.exit_code == 0, f"{ended.stdout}\n{ended.stderr}"
        return json.loads(ended.stdout)

    def raise_case(self) -> None:
        """The case that everything is about."""
        with self._as(RESOLVER) as session:
            answer = session.post(self._table(TABLE), json=COMPLETE, timeout=PATIENCE)
        assert answer.status_code == 201, answer.text
        self.case = answer.json()["result"]

    def write(self, by: str = RESOLVER, **fields: str) -> None:
        """Somebody changes the case, or writes into it."""
        with self._as(by) as session:
            answer = session.patch(f"{self._table(TABLE)}/{self.case['sys_id']}", json=fields, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text

    def hear(self, amount: int) -> None:
        """Take in what the desk has sent, once there are so many mails in all."""
        wait_until(lambda: len(self.received()) >= amount, f"{amount} mails for the bridge", seconds=PATIENCE)
        self.once()

    # ── what tests look at ───────────────────────────────────────────────────────────────────────────────────────

    def received(self) -> list[EmailMessage]:
        """Every mail in the bridge's mailbox, oldest first."""
        mail = self.queue.tracker.mail
        with MailBoxUnencrypted(mail.host, mail.imap_port).login(self.address, mail.password) as mailbox:
            found = [
                mailbox.client.uid("fetch", uid, "(BODY.PEEK[])")[1][0][1] for uid in sorted(mailbox.uids(), key=int)
            ]
        return [message_from_bytes(raw, policy=policy.default) for raw in found]

    def record(self, *, shown: bool = True) -> dict[str, Any]:
        """The case as ServiceNow shows it."""
        with self._as(RESOLVER) as session:
            address = f"{self._table(TABLE)}/{self.case['sys_id']}"
            answer = session.get(address, params={"sysparm_display_value": str(shown).lower()}, timeout=PATIENCE)
        found: dict[str, Any] = answer.json()["result"]
        return found

    def journal(self, element: str = "work_notes") -> list[str]:
        """The notes of the case, or its `comments`, oldest first."""
        with self._as(RESOLVER) as session:
            query = f"element_id={self.case['sys_id']}^element={element}^ORDERBYsys_created_on"
            answer = session.get(self._table("sys_journal_field"), params={"sysparm_query": query}, timeout=PATIENCE)
        return [row["value"] for row in answer.json()["result"]]

    def files(self) -> list[tuple[str, str]]:
        """Name and text of each file of the case, oldest first."""
        with self._as(RESOLVER) as session:
            query = f"table_sys_id={self.case['sys_id']}^ORDERBYsys_created_on"
            address = f"{self.servicenow.url}/api/now/attachment"
            answer = session.get(address, params={"sysparm_query": query}, timeout=PATIENCE)
            rows = answer.json()["result"]
            texts = [session.get(f"{address}/{row['sys_id']}/file", timeout=PATIENCE).text for row in rows]
        return [(row["file_name"], text) for row, text in zip(rows, texts, strict=True)]

    def story(self, kind: str = "") -> list[dict[str, Any]]:
        """The trail of the case."""
        told = self.command("trace", self.case["number"])
        return [event for event in told if not kind or event["kind"] == kind]

    def reports(self) -> list[str]:
        """What the desk's mails were taken for, oldest first."""
        return [event["facts"]["report"] for event in self.story("item_received")]

    @contextmanager
    def store(self) -> Iterator[SqlStore]:
        opened = open_store(f"sqlite:///{self.folder / 'bridge.db'}")
        try:
            yield opened
        finally:
            opened.close()

    def engagement(self) -> Any:
        """The newest round."""
        with self.store() as store, store.reading() as tx:
            return tx.engagements(self.case["sys_id"])[-1]

    # ── configuration ────────────────────────────────────────────────────────────────────────────────────────────

    def configure(self) -> None:
        """Write the configuration as it stands; JSON is YAML."""
        config = self.folder / "config"
        (config / "desks").mkdir(parents=True, exist_ok=True)
        (config / "bridge.yaml").write_text(json.dumps(self._settings()))
        triaged = "assignment_group != '' and state == 'Open'"
        route = {"when": "assignment_group == 'CPSD DCC'", "engage": DESK, "auto": True}
        (config / "routes.yaml").write_text(json.dumps({"triaged": triaged, "routes": [route]}))
        desk = {"desk": DESK, "party": "DCC", "mode": "live", "agreement": self._agreement()}
        (config / "desks" / f"{DESK}.yaml").write_text(json.dumps(desk))

    def _settings(self) -> dict[str, Any]:
        mail = self.queue.tracker.mail
        return {
            "instance": "talking",
            "environment": "test",
            "go_live": (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "servicenow": {
                "url": self.servicenow.url,
                "user": "cpsd.bridge",
                "auth": {
                    "kind": "client_credentials",
                    "client_id": "bridge",
                    "client_secret": self._secret("servicenow", SECRET),
                },
            },
            "store": f"sqlite:///{self.folder / 'bridge.db'}",
            "sources": [{"name": "cases", "table": TABLE, "every": "1s", "lag": "1s", "overlap": "10s"}],
            "mail": {
                "smtp": f"smtp+plain://{mail.host}:{self.smtp_port}",
                "imap": f"imap+plain://{mail.host}:{mail.imap_port}",
                "allow_plaintext": True,
                "address": self.address,
                "username": self.address,
                "password": self._secret("mail", mail.password),
                "allow": [f"@{self.queue.address.partition('@')[2]}", "@example.org"],
            },
            "alerts": {"mail": [self._oncall]},
            "signing_keys": [self._secret("signing", "a key of more than thirty-two bytes")],
        }

    def _agreement(self) -> dict[str, Any]:
        email = {
            "to": [self.queue.address],
            "from_domains": [self.queue.address.partition("@")[2]],
            "reference": REFERENCE,
        }
        return {
            "version": 1,
            "effective": "2026-01-01",
            "method": {"email": email | self.email},
            "hours": {"open": "24x7"},
            "respond_within": {"P1": "30m", "P2": "2h", "P3": "1bd", "P4": "2bd"},
            "needs": ["impact_statement", "references"],
            "push": {
                "question": {"state": "awaiting_information"},
                "progress": {"state": "in_progress"},
                "resolved": {"state": "awaiting_confirmation"},
            },
            "confirmation": "elexon",
            "resolution_codes": {TABLE: "1"},
            **self.agreement,
        }

    def _secret(self, name: str, value: str) -> str:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(value)
        return f"file:{path}"

    @property
    def _oncall(self) -> str:
        return self.address.replace("cpsd", "oncall")

    def _as(self, user: str) -> requests.Session:
        session = requests.Session()
        session.auth = (user, self.servicenow.instance.accounts.passwords[user])
        return session

    def _table(self, name: str) -> str:
        return f"{self.servicenow.url}/api/now/table/{name}"


@contextmanager
def bridge_to(
    queue: Queue,
    folder: Path,
    template: Path,
    *,
    stripping: bool = False,
    email: dict[str, Any] | None = None,
    **agreement: Any,
) -> Iterator[Bridge]:
    """A bridge whose desk is a queue; with `stripping` its mails go the way on which they lose headers."""
    mail = queue.tracker.mail
    identity = Identity(client_id="bridge", client_secret=SECRET)
    with ServiceNowSandbox(identity=identity) as servicenow:
        port = mail.stripping_smtp_port if stripping else mail.smtp_port
        made = Bridge(folder, servicenow, queue, mail.new_address("cpsd"), port, email or {}, agreement)
        made.configure()
        shutil.copy(template, folder / "bridge.db")
        yield made
