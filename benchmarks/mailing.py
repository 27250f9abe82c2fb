"""A mailbox of a real Dovecot, read by the bridge and by a bare script in turns, each in a process of its own."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from imap_tools import MailBoxUnencrypted, MailMessageFlags
from mails import Asked, mixed

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests know how to start a Dovecot
from bridge.demo.files import ADDRESS, Pace, write_configuration
from tests.servers.dovecot import MAIL_USER, PASSWORD, running_dovecot
from tests.servers.processes import as_root, free_port, run, server_folder

_HERE = Path(__file__).parent
#: mails about one engagement: as many as a lively exchange has, and fewer than the breaker of mail loops takes
_MAILS_EACH = 6
_PACE = Pace(client_timeout=60.0, max_new_engagements=1_000_000)

BRIDGE = "bridge"
BARE = "imap-tools"
BULK = "imap-tools, 100 at once"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """One run of one side."""

    mails: int
    seconds: float
    #: processor seconds
    cpu: float
    #: MB of a million bytes
    memory: float
    #: seconds; the bridge's alone
    collecting: float = 0.0
    applying: float = 0.0
    #: seconds of reading alone, once more and beside the rest: whose the mails are, and what they say
    reading: float = 0.0
    #: what became of the mails; the bridge's alone
    states: Mapping[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Mails per second."""
        return self.mails / self.seconds


@dataclass(frozen=True, slots=True)
class Mailing:
    """All turns over the same mailbox."""

    kinds: Mapping[str, int]
    #: octets of all mails
    size: int
    turns: Sequence[Mapping[str, Reading]]

    def median_of(self, side: str, figure: Callable[[Reading], float]) -> float:
        """The median of one side's figure over the turns."""
        return statistics.median(figure(turn[side]) for turn in self.turns)

    def read_ratio(self, other: str) -> float:
        """The same of collecting and reading alone, without deciding."""
        rates = [(turn[BRIDGE].mails / (turn[BRIDGE].collecting + turn[BRIDGE].reading), turn) for turn in self.turns]
        return statistics.median(rate / turn[other].rate for rate, turn in rates)

    def ratio(self, other: str) -> float:
        """How many times as many mails a second the bridge reads as another; taken within each turn."""
        return statistics.median(turn[BRIDGE].rate / turn[other].rate for turn in self.turns)


def measure(mails: int, turns: int, progress: Progress) -> Mailing:
    """Fill a mailbox and let it be read in turns, each time in another order."""
    with server_folder("mails") as folder, ExitStack() as stack:
        sides = _Sides(folder, stack.enter_context(_dovecot(folder)))
        progress(f"engaging desks, and writing {mails} mails")
        kinds, size = sides.fill(mails)
        sides.run(BARE)  # the mailbox is indexed when it is opened first
        return Mailing(kinds, size, [_turn(sides, number, progress) for number in range(turns)])


def _turn(sides: _Sides, number: int, progress: Progress) -> Mapping[str, Reading]:
    names = (BARE, BRIDGE, BULK)
    found = {}
    for name in names if number % 2 == 0 else names[::-1]:
        found[name] = sides.run(name)
        progress(f"turn {number + 1}: {name} {found[name].rate:,.0f} mails/s")
    return found


@contextmanager
def _dovecot(folder: Path) -> Iterator[int]:
    mail, port = folder / "mail", free_port()
    mail.mkdir()
    run(as_root(["chown", MAIL_USER, str(mail)]))
    with running_dovecot(folder, mail, port):
        yield port


class _Sides:
    """Starts the processes."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._config = folder / "config"
        self._store = folder / "bridge.db"
        self._prepared = folder / "prepared.db"
        self._mails = 0
        self._configure()

    def fill(self, mails: int) -> tuple[Mapping[str, int], int]:
        """Engage desks and put their answers into the mailbox; how many of each kind, and their octets."""
        told = self._side("prepare", "--engagements", str(-(-mails // _MAILS_EACH)))
        shutil.copy(self._store, self._prepared)
        kinds, size = Counter[str](), 0
        inbox = self._folder / "filling"
        for name in ("new", "cur", "tmp"):
            (inbox / name).mkdir(parents=True)
        at = datetime.now(UTC).replace(microsecond=0)
        for number, made in enumerate(mixed([Asked(**one) for one in told], mails, at)):
            kinds[made.kind] += 1
            size += len(made.content)
            # Maildir names are read in their order.
            (inbox / "new" / f"{int(at.timestamp())}.M{number:07}.benchmark").write_bytes(made.content)
        box = self._folder / "mail" / ADDRESS
        run(as_root(["chown", "-R", MAIL_USER, str(inbox)]), seconds=300)
        run(as_root(["mv", str(inbox), str(box)]))
        self._mails = mails
        return kinds, size

    def run(self, name: str) -> Reading:
        """One side, from a new process's start to its end; RuntimeError if it did not read everything."""
        reading = self._bridge() if name == BRIDGE else self._script(name)
        if reading.mails != self._mails:
            raise RuntimeError(f"{name} read {reading.mails} of {self._mails} mails")
        return reading

    def _bridge(self) -> Reading:
        for ending in ("", "-wal", "-shm"):
            self._store.with_name(self._store.name + ending).unlink(missing_ok=True)
        shutil.copy(self._prepared, self._store)
        self._nothing_is_seen()
        return Reading(**self._side("read"))

    def _nothing_is_seen(self) -> None:
        with MailBoxUnencrypted("127.0.0.1", self._port).login(ADDRESS, PASSWORD) as mailbox:
            seen = mailbox.uids("SEEN")
            if seen:
                mailbox.flag(seen, MailMessageFlags.SEEN, value=False)

    def _script(self, name: str) -> Reading:
        bulk = ["--bulk", "100"] if name == BULK else []
        return Reading(**_done([str(_HERE / "bare_mail_side.py"), str(self._port), ADDRESS, PASSWORD, *bulk]))

    def _side(self, what: str, *options: str) -> Any:  # noqa: ANN401 - JSON
        return _done([str(_HERE / "mail_side.py"), what, str(self._config), *options])

    def _configure(self) -> None:
        """The demo's configuration; nobody answers at its ServiceNow, which reading mails does not need."""
        write_configuration(
            self._config,
            servicenow={"url": "http://127.0.0.1:9", "oauth": {"client_id": "none", "client_secret": "none"}},
            smtp_port=9,
            imap_port=self._port,
            store=f"sqlite:///{self._store}",
            go_live=datetime.now(UTC) - timedelta(days=1),
            pace=_PACE,
        )
        (self._config / "secrets" / "mail").write_text(PASSWORD)


def _done(command: Sequence[str]) -> Any:  # noqa: ANN401 - JSON
    ended = subprocess.run([sys.executable, *command], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(ended.stdout)
