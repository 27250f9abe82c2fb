"""Mails built to cost time or memory cost little of either, and end with a person where nobody honest wrote them."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bridge.connectors.mail.authenticity import SenderVerifier
from bridge.ports import Desks
from tests.stores.fixtures import HandClock
from tests.unit.connectors.mail.bombs import READ, REFUSED
from tests.unit.connectors.mail.messages import DESK
from tests.unit.connectors.mail.reading_fixtures import RECEIVED, SETTINGS, Memory, desk, reader

#: seconds of the processor; each takes one at most, and took up to a minute, or no end, when it was found
MOST = 12
#: MB beside the mail itself, whose size is up to 34 MB
MOST_MEMORY = 300
ROOT = Path(__file__).parents[4]
#: what took the most, up to 70 times the size of the mail
GREEDY = [
    *("15,000,000 lines", "10,000,000 soft line ends", "a header of 1,250,000 fields", "a boundary of 10 MB"),
    *("a file of 25 MB", "34 MB of text", "one line of 30 MB"),
]
#: reads these mails and prints by how much the most memory that the process ever had has grown
MEASURED = """
import json, re, sys
from pathlib import Path
from tests.unit.connectors.mail.bombs import READ, REFUSED
from tests.unit.connectors.mail.reading_fixtures import RECEIVED, Memory, reader

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1000

reading, grown = reader(), {}
for name in sys.argv[1:]:
    raw = {**REFUSED, **READ}[name]()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far: proc_pid_clear_refs(5)
    before = peak()
    reading.receive(raw, RECEIVED, Memory())
    grown[name] = peak() - before
print(json.dumps(grown))
"""


def read(raw):
    started = time.thread_time()
    reading = reader().receive(raw, RECEIVED, Memory())
    assert time.thread_time() - started < MOST
    return reading


@pytest.mark.parametrize("name", REFUSED)
def test_what_nobody_honest_writes_goes_to_a_person_at_once(name):
    reading = read(REFUSED[name]())
    assert (reading.verdict, reading.reasons[0]) == ("quarantine", "unreadable")


@pytest.mark.parametrize("name", READ)
def test_what_is_only_large_is_read(name):
    assert "unreadable" not in read(READ[name]()).reasons


def test_the_memory_that_a_mail_takes_is_a_small_multiple_of_its_size():
    command = [sys.executable, "-c", MEASURED, *GREEDY]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    grown = json.loads(ended.stdout.splitlines()[-1])
    assert list(grown) == GREEDY
    assert {name: taken for name, taken in grown.items() if taken > MOST_MEMORY} == {}


@pytest.mark.parametrize("name", READ)
def test_nobody_is_found_out_about_at_great_cost(name):
    class Names:
        def texts(self, _name):
            return ()

    desks = Desks({DESK: desk(DESK, "dcc.example")})
    started = time.thread_time()
    found = SenderVerifier(SETTINGS, desks, Names(), HandClock()).verify(READ[name](), RECEIVED)
    assert found is None or not found.passed
    assert time.thread_time() - started < MOST
