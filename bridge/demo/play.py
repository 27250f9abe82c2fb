"""Plays the demo and shows it live: what happens in ServiceNow, what the desks say, what the trail records."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bridge.configuration import load
from bridge.demo.files import DESKS
from bridge.demo.scenario import CASES, DemoCase
from bridge.demo.stage import Instance, Stage
from bridge.domain.engagement import Engagement
from bridge.domain.ids import SysId
from bridge.ports import ToldEvent
from bridge.sandbox.desk import Account, ScriptedDesk, declining, resolving
from bridge.store import SqlStore, open_store

_LONGEST = 150.0
_LOOK_EVERY = 0.25
#: a state that should not change is watched this long before the demo believes it
_SETTLED_AFTER = 2.0


@dataclass
class Playing:
    """One case while it is played."""

    case: DemoCase
    number: str
    sys_id: str
    answered: set[str] = field(default_factory=set)
    state: str = ""
    engagements: tuple[Engagement, ...] = ()
    sent: int = 0
    received: int = 0
    reached_end: float = 0.0

    @property
    def ended_well(self) -> bool:
        """Whether it stands as it should at the end."""
        states = [engagement.state.value for engagement in self.engagements]
        return self.state == self.case.ends_in_case_state and states == [self.case.ends_in_engagement_state]


def run_demo(*, exit_after: bool, folder: Path | None = None) -> int:
    """Play the three cases. With `exit_after` nothing keeps running and a JSON object is printed last.

    Returns 0 if every case ended as it should, else 1.
    """
    console = Console(stderr=exit_after, highlight=False)
    with ExitStack() as stack:
        where = folder or _folder(stack, exit_after=exit_after)
        stage = stack.enter_context(Stage(where))
        desks = [stack.enter_context(desk) for desk in _desks(stage)]
        store = stack.enter_context(_bridge(stage))
        console.print(
            f"[bold]ServiceNow[/] {stage.servicenow['url']}   [bold]mail[/] {stage.mail['host']}   "
            f"[bold]files[/] {stage.folder}\n"
        )
        resolver = stage.person("priya.shah")
        playing = [_raise(stage.person("admin"), case, console) for case in CASES]
        finished = _play(stage, store, resolver, playing, console)
        result = _result(store, playing, finished)
        _show_table(console, playing, desks)
        if exit_after:
            sys.stdout.write(json.dumps(result) + "\n")
            return 0 if result["ok"] else 1
        _invite(console, stage, playing)
        _wait_for_interrupt(stage)
    return 0 if result["ok"] else 1


def _folder(stack: ExitStack, *, exit_after: bool) -> Path:
    """A folder that goes with the demo, or one that can be looked into while it runs."""
    if exit_after:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cpsd-demo-")))
    return Path.cwd() / "var" / f"demo-{os.getpid()}"


def _desks(stage: Stage) -> Iterator[ScriptedDesk]:
    scripts = {"dcc-service-desk": resolving(1.0), "ldso-help-desk": declining("rec-service-desk", 1.0)}
    for name, script in scripts.items():
        account = Account(DESKS[name], stage.mail["smtp_port"], stage.mail["imap_port"], name=name)
        yield ScriptedDesk(account, script)


@contextmanager
def _bridge(stage: Stage) -> Iterator[SqlStore]:
    """The bridge as a process of its own; the demo only reads its store."""
    stage.start_bridge()
    configuration = load(stage.config, os.environ)
    store = open_store(configuration.store.get_secret_value())
    try:
        yield store
    finally:
        store.close()


def _raise(instance: Instance, case: DemoCase, console: Console) -> Playing:
    group = case.fields["assignment_group"]
    fields = {**case.fields, "assignment_group": _group(instance, group), "state": _open_state(case.table)}
    record = instance.create(case.table, fields)
    console.print(f"[bold cyan]{record['number']}[/] raised: {case.fields['short_description']}\n    {case.title}")
    return Playing(case, record["number"], record["sys_id"])


def _group(instance: Instance, name: str) -> str:
    answer = requests.get(
        f"{instance.url}/api/now/table/sys_user_group",
        params={"sysparm_query": f"name={name}", "sysparm_fields": "sys_id"},
        auth=(instance.user, instance.password),
        timeout=30,
    )
    answer.raise_for_status()
    return str(answer.json()["result"][0]["sys_id"])


def _open_state(table: str) -> str:
    return {"incident": "2", "sn_customerservice_case": "10"}[table]


def _play(stage: Stage, store: SqlStore, resolver: Instance, playing: Sequence[Playing], console: Console) -> bool:
    """Let the people at Elexon answer until every case stands as it should; False if time ran out."""
    shown: set[int] = set()
    started = time.monotonic()
    while time.monotonic() - started < _LONGEST:
        stage.still_running()
        for one in playing:
            _look(store, resolver, one, shown, console, started)
            _answer(resolver, one, console)
        with store.reading() as tx:
            idle = not tx.deliveries(pending=True)
        now = time.monotonic()
        for one in playing:
            one.reached_end = (one.reached_end or now) if one.ended_well else 0.0
        if idle and all(one.reached_end and now - one.reached_end > _SETTLED_AFTER for one in playing):
            return True
        time.sleep(_LOOK_EVERY)
    return False


def _look(store: SqlStore, instance: Instance, one: Playing, shown: set[int], console: Console, started: float) -> None:
    with store.reading() as tx:
        one.engagements = tx.engagements(SysId(one.sys_id))
        story = tx.story(SysId(one.sys_id))
    record = instance.read(one.case.table, one.sys_id)
    one.state = _phase_in_words(record["state"]["display_value"])
    one.sent = sum(event.event.kind == "message_delivered" for event in story)
    one.received = sum(event.event.kind == "item_received" for event in story)
    for told in story:
        if told.id not in shown:
            shown.add(told.id)
            line = _line(told)
            if line:
                console.print(f"{time.monotonic() - started:6.1f}s  [cyan]{one.number}[/]  {line}", soft_wrap=True)


def _phase_in_words(shown: str) -> str:
    """The display value; an incident in progress is as open as an open case."""
    return "Open" if shown in {"Open", "In Progress", "New"} else shown


def _line(told: ToldEvent) -> str:
    """One line for a person who watches; what is only bookkeeping is left out."""
    event, facts = told.event, told.event.facts
    match event.kind:
        case "engaged":
            return f"[green]engaged[/] {event.desk} ({facts['state']})"
        case "message_delivered":
            return f"[green]mail to[/] {event.desk}: {facts['message']}"
        case "item_received":
            said = facts["report"] or facts["kind"]
            return f"[magenta]mail from[/] {event.who.removeprefix('desk:')}: {said}"
        case "decided":
            if facts["from"] == facts["to"]:
                return ""
            return f"[yellow]{event.desk}[/]: {facts['from']} -> [bold]{facts['to']}[/] ({facts['reason']})"
        case "case_written":
            first = event.personal.get("text", "").split("\n", maxsplit=1)[0]
            state = f" (state {facts['state']})" if facts["state"] else ""
            return f"[blue]ServiceNow[/]{state} {escape(first)}"
        case "alert":
            return f"[red]alert[/] {facts['text']}"
        case _:
            return ""


def _answer(resolver: Instance, one: Playing, console: Console) -> None:
    """The resolver writes the work note that the state asks for, once."""
    for engagement in one.engagements:
        state = engagement.state.value
        if state in one.case.answers and state not in one.answered:
            one.answered.add(state)
            note = one.case.answers[state]
            resolver.update(one.case.table, one.sys_id, {"work_notes": note})
            console.print(f"         [cyan]{one.number}[/]  [bold]priya.shah writes[/] {escape(note)}", soft_wrap=True)


def _result(store: SqlStore, playing: Sequence[Playing], finished: bool) -> dict[str, Any]:  # noqa: FBT001
    with store.reading() as tx:
        pending = len(tx.deliveries(pending=True))
        quarantine = len(tx.quarantined())
    well = finished and all(one.ended_well for one in playing) and not pending and not quarantine
    return {
        "ok": well,
        "cases": [
            {
                "number": one.number,
                "state": one.state,
                "engagements": [
                    {
                        "desk": engagement.desk,
                        "state": engagement.state.value,
                        "desk_reference": engagement.desk_reference,
                    }
                    for engagement in one.engagements
                ],
            }
            for one in playing
        ],
        "outbox_pending": pending,
        "quarantine": quarantine,
    }


def _show_table(console: Console, playing: Sequence[Playing], desks: Sequence[ScriptedDesk]) -> None:
    table = Table(title=f"{len(desks)} desks, {len(playing)} cases")
    for column in ("Case", "State in ServiceNow", "Engagement", "Out", "In", "As it should be"):
        table.add_column(column)
    for one in playing:
        engagements = "\n".join(
            f"{engagement.desk}: {engagement.state.value}"
            + (f" (its reference {engagement.desk_reference})" if engagement.desk_reference else "")
            for engagement in one.engagements
        )
        table.add_row(
            one.number, one.state, engagements, str(one.sent), str(one.received), "yes" if one.ended_well else "no"
        )
    console.print()
    console.print(table)


def _invite(console: Console, stage: Stage, playing: Sequence[Playing]) -> None:
    command = f"{Path(sys.executable).parent / 'cpsd-bridge'} --config {stage.config}"
    person = stage.person("priya.shah")
    console.print("\nEverything keeps running. In another terminal:")
    for words in (
        f"trace {playing[0].number}",
        "engagements --all",
        f"preview {playing[1].number} --desk dcc-service-desk",
        "outbox list",
        "quarantine list",
        "check",
    ):
        console.print(f"  {command} {words}", soft_wrap=True)
    console.print(
        f"ServiceNow's Table API: {stage.servicenow['url']}/api/now/table/incident "
        f"(user {person.user}, password {person.password})",
        soft_wrap=True,
    )
    console.print("[bold]Ctrl-C[/] ends it.")


def _wait_for_interrupt(stage: Stage) -> None:
    try:
        while True:
            stage.still_running()
            time.sleep(0.5)
    except KeyboardInterrupt:
        return
