"""A bridge in a folder of its own, with a ServiceNow and a mail server on loopback, steered by its commands."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import requests
import structlog
from imap_tools import MailBoxUnencrypted
from typer.testing import CliRunner

from bridge.cli import program
from bridge.sandbox.mail import MailServer
from bridge.sandbox.servicenow import Identity, ServiceNowSandbox
from bridge.store import SqlStore, open_store

SECRET = "client-secret-that-nobody-may-see"
KEY = "signing-key-that-nobody-may-see-0123456789"
CASE = "sn_customerservice_case"
BRIDGE = "cpsd@elexon.example"
DCC, LDSO = "dcc-service-desk", "ldso-help-desk"
MAILBOX = {DCC: "desk@dcc.example", LDSO: "desk@ldso.example"}
COMPLETE = {
    "short_description": "Reads are missing since Monday",
    "description": "MPAN 1200050007920 has no reads since 2026-06-01; message IF-021 was sent.",
    "business_impact": "Settlement run R1 is late for 300 customers.",
    "category": "1",
    "state": "10",
    "assignment_group": "CPSD DCC",
}

_COMMANDS = """
SELECT who, value, facts FROM event JOIN event_value ON event_value.event = event.id AND event_value.name = 'who'
WHERE kind = 'command' ORDER BY event.id
"""


@dataclass
class Bench:
    """The bridge and its far sides."""

    folder: Path
    servicenow: ServiceNowSandbox
    mail: MailServer
    bridge: dict[str, Any] = field(default_factory=dict)
    desks: dict[str, dict[str, Any]] = field(default_factory=dict)
    routes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def database(self) -> Path:
        return self.folder / "bridge.db"

    def write(self) -> None:
        """Write the configuration as it stands; JSON is YAML."""
        (self.config / "desks").mkdir(parents=True, exist_ok=True)
        (self.config / "bridge.yaml").write_text(json.dumps(self.bridge))
        triaged = "assignment_group != '' and state == 'Open'"
        (self.config / "routes.yaml").write_text(json.dumps({"triaged": triaged, "routes": self.routes}))
        for name, desk in self.desks.items():
            (self.config / "desks" / f"{name}.yaml").write_text(json.dumps(desk))

    def attempt(self, *arguments: object, operator: str = "ines") -> Any:
        """A command, however it ends."""
        command = ["--config", str(self.config), "--operator", operator, *map(str, arguments)]
        result = CliRunner().invoke(program(), command, env={"COLUMNS": "200"})
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def run(self, *arguments: object, exits: int = 0, operator: str = "ines") -> Any:
        """A command, which must end as told."""
        result = self.attempt(*arguments, operator=operator)
        assert result.exit_code == exits, f"{result.exit_code}\n{result.stdout}\n{result.stderr}"
        return result

    def json(self, *arguments: object, exits: int = 0) -> Any:
        """What a command prints with --json."""
        return json.loads(self.run(*arguments, "--json", exits=exits).stdout)

    @contextmanager
    def store(self) -> Iterator[SqlStore]:
        opened = open_store(f"sqlite:///{self.database}")
        try:
            yield opened
        finally:
            opened.close()

    def story(self, number: str) -> list[dict[str, Any]]:
        return self.json("trace", number)

    def commands(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Who ran which command with which arguments, as the trail has it."""
        connection = sqlite3.connect(self.database)
        try:
            rows = connection.execute(_COMMANDS).fetchall()
        finally:
            connection.close()
        facts = [(f"{role}:{name.decode()}", json.loads(told)) for role, name, told in rows]
        return [(who, told["command"], told["arguments"]) for who, told in facts]

    def quarantine_item(self, item: int) -> None:
        """Put an item into quarantine, as a defect would."""
        connection = sqlite3.connect(self.database)
        with connection:
            connection.execute("UPDATE inbox SET state = 'quarantined' WHERE id = ?", (item,))
        connection.close()

    # ── the far sides ────────────────────────────────────────────────────────────────────────────────────────────

    def person(self, name: str = "priya.shah") -> requests.Session:
        session = requests.Session()
        session.auth = (name, self.servicenow.instance.accounts.passwords[name])
        return session

    def raise_case(self, **fields: str) -> dict[str, Any]:
        """A new case, old enough to be pulled at once."""
        with self.person() as session:
            answer = session.post(f"{self._table(CASE)}", json=COMPLETE | fields, timeout=10)
            assert answer.status_code == 201, answer.text
            made: dict[str, Any] = answer.json()["result"]
        self.later()
        return made

    def change(self, case: dict[str, Any], by: str = "priya.shah", **fields: str) -> dict[str, Any]:
        with self.person(by) as session:
            answer = session.patch(f"{self._table(CASE)}/{case['sys_id']}", json=fields, timeout=10)
            assert answer.status_code == 200, answer.text
        self.later()
        changed: dict[str, Any] = answer.json()["result"]
        return changed

    def later(self) -> None:
        """Let ServiceNow's clock pass the lag, so that everything that happened there is read by the next pull."""
        self.servicenow.instance.clock.skew_seconds += 10

    def attach(self, case: dict[str, Any], name: str, content: bytes) -> None:
        with self.person() as session:
            where = {"table_name": CASE, "table_sys_id": case["sys_id"], "file_name": name}
            address = f"{self.servicenow.url}/api/now/attachment/file"
            answer = session.post(address, params=where, data=content, headers={"Content-Type": "text/csv"}, timeout=10)
            assert answer.status_code == 201, answer.text

    def journal(self, case: dict[str, Any]) -> list[str]:
        with self.person() as session:
            query = {"sysparm_query": f"element_id={case['sys_id']}"}
            rows = session.get(self._table("sys_journal_field"), params=query, timeout=10).json()["result"]
        return [row["value"] for row in rows]

    def answer(self, desk: str, text: str, *, subject: str = "An answer", **headers: str) -> None:
        """A mail of a desk in the bridge's mailbox."""
        fields = {
            "From": MAILBOX[desk],
            "To": BRIDGE,
            "Subject": subject,
            "Date": datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000"),
            "Message-ID": f"<{abs(hash((text, subject)))}@{desk}.example>",
            **headers,
        }
        raw = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()) + f"\r\n{text}\r\n"
        self.mail.deliver(BRIDGE, raw.encode())

    def reply(self, desk: str, text: str) -> None:
        """An authenticated answer to the last mail that the desk got."""
        (*_, last) = self.sent_to(desk)
        checked = f"mx.elexon.example; dmarc=pass header.from={MAILBOX[desk].partition('@')[2]}"
        self.answer(
            desk,
            text,
            subject=f"Re: {last['Subject']}",
            In_Reply_To=str(last["Message-ID"]),
            Authentication_Results=checked,
        )

    def sent_to(self, desk: str) -> list[EmailMessage]:
        """The mails that the desk got."""
        taken = [one.content for one in self.mail.accepted if MAILBOX[desk] in one.recipients]
        return [message_from_bytes(content, policy=policy.default) for content in taken]

    def unseen(self) -> int:
        """How many mails in the bridge's mailbox nobody has looked at."""
        with MailBoxUnencrypted("127.0.0.1", self.mail.imap_port).login(BRIDGE, self.mail.password) as mailbox:
            return len(mailbox.uids("UNSEEN"))

    def writes(self) -> int:
        """How many writes ServiceNow has seen."""
        return len(self.servicenow.instance.ledger.effects(0))

    def _table(self, name: str) -> str:
        return f"{self.servicenow.url}/api/now/table/{name}"


@pytest.fixture
def bench(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A migrated store, two live desks, one of which a route engages by itself."""
    monkeypatch.setenv("SN_SECRET", SECRET)
    monkeypatch.setenv("CPSD_KEY", KEY)
    monkeypatch.setenv("MAIL_PASSWORD", "mailbox-password-7716")
    with (
        ServiceNowSandbox(identity=Identity(client_id="bridge", client_secret=SECRET)) as servicenow,
        MailServer("mailbox-password-7716") as mail,
    ):
        made = Bench(tmp_path, servicenow, mail, _bridge(tmp_path, servicenow, mail), _desks(), _routes())
        made.write()
        shutil.copy(sqlite_template, made.database)
        yield made


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command sends the logs to its own standard error, which ends with it."""
    yield
    structlog.reset_defaults()


def _bridge(folder: Path, servicenow: ServiceNowSandbox, mail: MailServer) -> dict[str, Any]:
    return {
        "instance": "bench",
        "environment": "test",
        "go_live": (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "servicenow": {
            "url": servicenow.url,
            "user": "cpsd.bridge",
            "auth": {"kind": "client_credentials", "client_id": "bridge", "client_secret": "${SN_SECRET}"},
        },
        "store": f"sqlite:///{folder / 'bridge.db'}",
        "sources": [{"name": "cases", "table": CASE, "every": "1s", "lag": "1s", "overlap": "10s"}],
        "mail": {
            "smtp": f"smtp+plain://127.0.0.1:{mail.smtp_port}",
            "imap": f"imap+plain://127.0.0.1:{mail.imap_port}",
            "allow_plaintext": True,
            "address": BRIDGE,
            "password": "${MAIL_PASSWORD}",
            "allow": ["@dcc.example", "@ldso.example", "@elexon.example"],
            "authserv_id": "mx.elexon.example",
        },
        "alerts": {"mail": ["oncall@elexon.example"]},
        "signing_keys": ["${CPSD_KEY}"],
    }


def _routes() -> list[dict[str, Any]]:
    return [
        {"when": "assignment_group == 'CPSD DCC'", "engage": DCC, "auto": True},
        {"when": "assignment_group == 'CPSD LDSO'", "propose": LDSO},
    ]


def _desks() -> dict[str, dict[str, Any]]:
    return {name: _desk(name, address) for name, address in MAILBOX.items()}


def _desk(name: str, address: str) -> dict[str, Any]:
    return {
        "desk": name,
        "party": name.partition("-")[0].upper(),
        "mode": "live",
        "agreement": {
            "version": 1,
            "effective": "2026-01-01",
            "method": {
                "email": {"to": [address], "from_domains": [address.partition("@")[2]], "reference": r"INC\d{12}"}
            },
            "hours": {"open": "Mon-Fri 08:00-18:00"},
            "respond_within": {"P1": "30m", "P2": "2h", "P3": "1bd", "P4": "2bd"},
            "needs": ["impact_statement", "references"],
            "push": {"resolved": {"state": "awaiting_confirmation"}},
            "confirmation": "elexon",
            "resolution_codes": {CASE: "1"},
        },
    }
