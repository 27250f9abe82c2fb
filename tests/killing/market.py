"""Fifty cases on a stage, with desks that answer, and what must be true of them at the end."""

import collections
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import requests

from bridge.demo.files import DESKS, Pace
from bridge.demo.stage import Instance, Stage
from bridge.domain.ids import SysId
from bridge.sandbox.desk import Account, Script, ScriptedDesk, declining, resolving
from bridge.sandbox.replies import Reply
from bridge.store import SqlStore, migrate, open_store

QUICK = Pace(
    every=0.1,
    lag=0.0,
    tick=0.05,
    client_timeout=1.2,
    far_side_limit=1.0,
    margin=0.3,
    retry_first=0.05,
    retry_longest=0.4,
    max_new_engagements=1000,
)
#: for what must be seen without any repeat: on no machine an answer or a worker is so late that an attempt is lost
PATIENT = replace(QUICK, client_timeout=30.0, margin=15.0)
RESOLVER = "priya.shah"

TRACE = b"mpan,read\n1200050007920,17\n"

PLAIN: Script = {
    "open": (
        (
            Reply("#acknowledge {reference}\nWe look into it."),
            Reply("#resolved: The job was restarted.", after=0.1, file=("trace.csv", TRACE)),
        ),
    )
}


@dataclass
class Ending:
    """How a case must end."""

    sys_id: SysId
    table: str
    number: str
    desk: str
    engagement: str
    case_state: str


@dataclass
class Market:
    """The stage, the desks and the cases of one run."""

    stage: Stage
    store: SqlStore
    desks: dict[str, ScriptedDesk]
    resolver: Instance
    admin: Instance
    cases: list[Ending] = field(default_factory=list)
    _confirmed: set[str] = field(default_factory=set)

    def raise_cases(self, amount: int) -> None:
        """Most go to a desk that resolves, every fifth to one that declines."""
        groups = {name: self._group(name) for name in ("CPSD DCC", "CPSD LDSO")}
        for number in range(amount):
            declined = number % 5 == 4
            table = "incident" if number % 2 else "sn_customerservice_case"
            record = self.admin.create(
                table,
                {
                    "short_description": f"IF-021 reads missing, batch {number}",
                    "description": f"MPAN 1012345678{number:03d}, since 2026-11-20 02:10 UTC.",
                    "business_impact": "Settlement falls back to estimates.",
                    "state": "2" if table == "incident" else "10",
                    "assignment_group": groups["CPSD LDSO" if declined else "CPSD DCC"],
                },
            )
            self.cases.append(
                Ending(
                    SysId(record["sys_id"]),
                    table,
                    record["number"],
                    "ldso-help-desk" if declined else "dcc-service-desk",
                    "declined" if declined else "confirmed",
                    "open" if declined else "resolved",
                )
            )

    def confirm_what_is_reported(self) -> None:
        """The resolver writes `#confirm` once into each case whose resolution was reported."""
        with self.store.reading() as tx:
            reported = {
                engagement.case
                for engagement in tx.open_engagements()
                if engagement.state.value == "resolution_reported"
            }
        for case in self.cases:
            if case.sys_id in reported and case.sys_id not in self._confirmed:
                self.resolver.update(case.table, case.sys_id, {"work_notes": "Checked with the raiser.\n#confirm"})
                self._confirmed.add(case.sys_id)

    def unfinished(self) -> list[str]:
        """What is not yet as it must end."""
        open_work = []
        with self.store.reading() as tx:
            for case in self.cases:
                engagements = tx.engagements(case.sys_id)
                states = [engagement.state.value for engagement in engagements]
                if states != [case.engagement]:
                    open_work.append(f"{case.number}: {states}")
            open_work += [
                f"{delivery.kind.value} {delivery.recipient} {delivery.status.value} {delivery.last_error}"
                for delivery in tx.deliveries(pending=True)
            ]
        return open_work

    def play(self, seconds: float, step: Callable[[], object] = lambda: None) -> None:
        """Go on until everything has ended as it must; fails with what has not."""
        deadline = time.monotonic() + seconds
        while left := self.unfinished():
            assert time.monotonic() < deadline, f"{len(left)} unfinished: {left[:8]}"
            self.confirm_what_is_reported()
            step()
            time.sleep(0.05)

    def faults(self, *rules: dict[str, Any]) -> None:
        """Switch faults of ServiceNow on."""
        answer = requests.post(
            f"{self.stage.servicenow['url']}/sandbox/faults",
            json={"faults": list(rules)},
            auth=self.stage.admin,
            timeout=30,
        )
        answer.raise_for_status()

    def no_faults(self) -> None:
        """Switch them off."""
        requests.delete(f"{self.stage.servicenow['url']}/sandbox/faults", auth=self.stage.admin, timeout=30)

    def effects(self) -> list[dict[str, Any]]:
        """Every committed write of the sandbox's ledger, in order."""
        answer = requests.get(f"{self.stage.servicenow['url']}/sandbox/effects", auth=self.stage.admin, timeout=60)
        answer.raise_for_status()
        return list(answer.json()["result"])

    def trail_length(self) -> int:
        """How many events there are, as a sign of progress."""
        with self.store.reading() as tx:
            return sum(len(tx.story(case.sys_id)) for case in self.cases[:5]) + len(tx.open_engagements())

    def _group(self, name: str) -> str:
        answer = requests.get(
            f"{self.admin.url}/api/now/table/sys_user_group",
            params={"sysparm_query": f"name={name}"},
            auth=(self.admin.user, self.admin.password),
            timeout=30,
        )
        return str(answer.json()["result"][0]["sys_id"])


@contextmanager
def market(
    folder: Path, store_url: str, *, pace: Pace = QUICK, scripts: dict[str, Script] | None = None
) -> Iterator[Market]:
    """A stage with a store of the given kind, migrated, and desks that answer at once."""
    scripts = scripts or {"dcc-service-desk": PLAIN, "ldso-help-desk": declining("rec-service-desk")}
    with ExitStack() as stack:
        stage = stack.enter_context(Stage(folder, store=store_url, pace=pace))
        desks = {
            name: stack.enter_context(
                ScriptedDesk(Account(DESKS[name], stage.mail["smtp_port"], stage.mail["imap_port"]), script, poll=0.1)
            )
            for name, script in scripts.items()
        }
        migrate(store_url)
        store = open_store(store_url)
        stack.callback(store.close)
        yield Market(stage, store, desks, stage.person(RESOLVER), stage.person("admin"))


def assert_written_once(found: Market) -> None:
    """No journal entry, no resolution and no file is written twice, whoever died and whatever was lost."""
    notes: collections.Counter[tuple[str, str]] = collections.Counter()
    resolutions: collections.Counter[str] = collections.Counter()
    files: collections.Counter[str] = collections.Counter()
    for effect in found.effects():
        if effect["user"] != "cpsd.bridge":
            continue
        if effect["table"] == "sys_attachment":
            files[effect["changes"]["table_sys_id"][1]] += 1
        for entry in effect["journal"]:
            notes[effect["sys_id"], entry["value"]] += 1
        if effect["changes"].get("state", ["", ""])[1] == "6":
            resolutions[effect["sys_id"]] += 1
    assert notes, "the ledger shows no note of the bridge"
    assert not [key for key, count in notes.items() if count > 1], "a journal entry was written twice"
    assert not [key for key, count in resolutions.items() if count > 1], "a case was resolved twice"
    resolved = {case.sys_id for case in found.cases if case.case_state == "resolved"}
    assert resolved == set(resolutions), "every confirmed case, and no other, was resolved"
    assert set(files.values()) <= {1}, "a file was stored twice"
    if any(part.get_filename() for desk in found.desks.values() for mail in desk.sent for part in mail.walk()):
        assert resolved == set(files), "the file that came with a resolution is in its case"


def assert_each_message_under_one_identity(found: Market) -> None:
    """At the desk each message arrives at least once, under one Message-ID; a repeat is the same mail, and marked."""
    deadline = time.monotonic() + 15  # a desk looks into its mailbox every so often
    while missing := never_arrived(found):
        assert time.monotonic() < deadline, f"never arrived: {missing}"
        time.sleep(0.05)
    for desk in found.desks.values():
        by_delivery = collections.defaultdict(list)
        for mail in desk.received:
            by_delivery[mail.delivery].append(mail)
        for delivery, mails in by_delivery.items():
            assert len({mail.message_id for mail in mails}) == 1, f"{delivery} has several Message-IDs"
            assert len({mail.digest for mail in mails}) == 1, f"{delivery} has several contents"
            attempts = [mail.attempt for mail in mails]
            assert len(set(attempts)) == len(attempts), f"{delivery}: a repeat is not marked {attempts}"


def never_arrived(found: Market) -> list[str]:
    """The deliveries to desks that the bridge counts as done and that the desk has not received."""
    missing = []
    with found.store.reading() as tx:
        for case in found.cases:
            arrived = {mail.delivery for mail in found.desks[case.desk].received}
            sent = [d for d in tx.deliveries(case=case.sys_id) if d.recipient == case.desk and d.status.value == "done"]
            assert sent, f"{case.number}: nothing was sent"
            missing += [f"{case.number} {delivery.id}" for delivery in sent if delivery.id not in arrived]
    return missing


def assert_all_ended(found: Market) -> None:
    """The original cases stand in ServiceNow as they must."""
    for case in found.cases:
        state = found.admin.read(case.table, case.sys_id)["state"]["value"]
        expected = {"resolved": {"6"}, "open": {"1", "2", "10", "18", "3"}}[case.case_state]
        assert state in expected, f"{case.number} is in state {state}"


def rng(seed: int) -> random.Random:
    """Chance that can be repeated."""
    return random.Random(seed)


__all__ = ["Market", "market", "resolving"]
