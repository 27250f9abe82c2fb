"""A mail far above the limit is collected in little memory: its first bytes only, however large it is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.connectors.mail.keeping import OVERSIZE_BYTES, OVERSIZE_FIELD
from tests.servers.dovecot import MAIL_USER
from tests.servers.processes import as_root, run

ROOT = Path(__file__).parents[3]
#: MB above what the process needed before
MOST = 40
#: collects a mailbox into a store, and prints what is there then and by how much the most memory it ever had has grown
COLLECTED = """
import json, re, sys
from pathlib import Path
from bridge.connectors.mail.collecting import MailboxCollector
from bridge.connectors.mail.settings import MailSettings
from bridge.connectors.mail.signing import Keys
from bridge.store import migrate, open_store

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1000

url, port, address, password = sys.argv[1:]
migrate(url)
store = open_store(url)
settings = MailSettings(
    "smtp+plain://127.0.0.1:9", f"imap+plain://127.0.0.1:{port}", address, Keys((b"a key of sixteen bytes",)),
    username=address, password=password, allow_plaintext=True, timeout=60.0,
)

def keep(item):
    with store.transaction() as tx:
        return tx.receive(item) is not None

before = peak()
kept = MailboxCollector(settings, store).collect(keep)
with store.reading() as tx:
    (item,) = tx.unapplied(10)
print(json.dumps({"kept": kept, "length": len(item.raw), "begins": item.raw[:80].decode(), "grown": peak() - before}))
"""


@pytest.fixture
def collected(mail_servers, tmp_path):
    """Puts a mail of so many MB into a mailbox and lets a process of its own collect it."""

    def collect(megabytes):
        address = mail_servers.new_address("large")
        file = tmp_path / "large.eml"
        with file.open("wb") as opened:
            opened.write(b"From: jo@dcc.example\r\nMessage-ID: <large@dcc.example>\r\nSubject: large\r\n\r\n")
            for _ in range(megabytes):
                opened.write(b"The quick brown fox jumps over the lazy dog, they say\r\n" * 18_182)
        for name in ("new", "cur", "tmp"):
            run(as_root(["install", "-d", "-o", MAIL_USER, str(mail_servers.mail / address / name)]))
        owned = ["install", "-o", MAIL_USER, str(file), str(mail_servers.mail / address / "new" / "1.large.test")]
        run(as_root(["chown", MAIL_USER, str(mail_servers.mail / address)]))
        run(as_root(owned))
        size = file.stat().st_size
        store = f"sqlite:///{tmp_path / f'{megabytes}.db'}"
        command = [sys.executable, "-c", COLLECTED, store, str(mail_servers.imap_port), address, mail_servers.password]
        ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=100, check=False)
        assert ended.returncode == 0, ended.stderr[-2000:]
        return size, json.loads(ended.stdout.splitlines()[-1])

    return collect


@pytest.mark.parametrize("megabytes", [40, 200])
def test_a_mail_above_the_limit_takes_the_same_little_memory_whatever_its_size(collected, megabytes):
    size, told = collected(megabytes)
    marked = f"{OVERSIZE_FIELD}: {size}\r\n"
    assert told["kept"] == 1
    assert told["length"] == OVERSIZE_BYTES + len(marked)
    assert told["begins"].startswith(f"{marked}From: jo@dcc.example\r\n")
    assert told["grown"] < MOST
