"""How many calls to ServiceNow the bridge needs: to read what changed, and to write states.

Counted in the sandbox's ledger, so a batch is one call, whatever it holds. Files are not counted: each is a call of its
own for everybody.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from market import Market, market
from told import told

from bridge.demo.files import DESKS, Pace
from bridge.sandbox.desk import Account, Script, ScriptedDesk
from bridge.sandbox.replies import Reply

_PACE = Pace(lag=1.0, max_new_engagements=1_000_000, far_side_limit=60.0, client_timeout=60.0)
_ENGAGED = ("dcc-service-desk", "ldso-help-desk")
#: a question changes the state of the case, to one that waits for information
_ANSWERS: Script = {"open": ((Reply("#question: Since when have the reads been missing?"),),)}
NOTES = 3
_PATIENCE = 300.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Calls:
    """What was asked of ServiceNow."""

    #: engaged cases, each changed, with three new notes and a file
    changed: int
    reads: int
    #: calls that fetched a file, counted apart
    files: int
    #: changes of a state, each with a note
    state_writes: int
    #: all calls that those took, the reads before them included
    writing: int
    seconds_reading: float
    seconds_writing: float


def measure(cases: int, progress: Progress) -> Calls:
    """Engage that many cases; then change each of them, and let its desk ask a question."""
    with tempfile.TemporaryDirectory(prefix="cpsd-benchmark-") as folder, ExitStack() as stack:
        found = stack.enter_context(market(Path(folder) / "market", _PACE, live_for=timedelta(minutes=1)))
        bridge = stack.enter_context(told(found, Path(folder) / "bridge.db"))
        progress(f"engaging {cases} cases")
        sys_ids = found.raise_cases(cases)
        _settle()
        engaged = bridge.do("once").report["engaged"]
        if engaged != cases:
            raise RuntimeError(f"{engaged} of {cases} cases were engaged")
        progress(f"changing them, each with {NOTES} notes and a file")
        found.change_cases(sys_ids, NOTES)
        _settle()
        reading = bridge.do("read", "work")
        progress("letting the desks ask")
        _let_the_desks_ask(found, cases)
        bridge.do("collect")
        writing = bridge.do("work")
    return Calls(
        changed=cases,
        reads=sum(not _is_file(call) for call in reading.calls),
        files=sum(_is_file(call) for call in reading.calls),
        state_writes=sum("state" in effect["changes"] for call in writing.calls for effect in call["effect"]),
        writing=len(writing.calls),
        seconds_reading=reading.seconds,
        seconds_writing=writing.seconds,
    )


def _is_file(call: dict[str, Any]) -> bool:
    return str(call["path"]).startswith("/api/now/attachment/")


def _settle() -> None:
    """Let what was written become older than the lag of the pull, and than the second it was written in."""
    time.sleep(_PACE.lag + 1.1)


def _let_the_desks_ask(found: Market, cases: int) -> None:
    mail = found.stage.mail
    with ExitStack() as stack:
        desks = [
            stack.enter_context(ScriptedDesk(Account(DESKS[name], mail["smtp_port"], mail["imap_port"]), _ANSWERS))
            for name in _ENGAGED
        ]
        deadline = time.monotonic() + _PATIENCE
        while sum(len(desk.sent) for desk in desks) < cases:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the desks have not answered {cases} mails within {_PATIENCE:.0f} s")
            time.sleep(0.25)
