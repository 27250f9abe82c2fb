"""`mail read` takes a small multiple of a mail's size in memory, and of one above the limit next to nothing."""

import base64
import json
import subprocess
import sys

import pytest

from tests.integration.cli.conftest import DCC, MAILBOX

#: runs the rest of its arguments, and tells on standard error the most memory that this took, in MB
MEASURED = """
import resource, subprocess, sys
ended = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000, file=sys.stderr)
sys.exit(ended.returncode)
"""
MEGABYTE = base64.encodebytes(bytes(range(256)) * 2_889).replace(b"\n", b"\r\n")
FILE = (
    b"MIME-Version: 1.0\r\nContent-Type: application/zip\r\nContent-Disposition: attachment; filename=traces.zip\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n"
)


@pytest.fixture
def read(bench, tmp_path):
    """Reads a mail of about so many MB in a process of its own: what is told of it, and the memory."""

    def read(megabytes):
        file = tmp_path / "large.eml"
        with file.open("wb") as opened:
            opened.write(
                f"From: {MAILBOX[DCC]}\r\nMessage-ID: <large@dcc.example>\r\nSubject: traces\r\n".encode() + FILE
            )
            for _ in range(min(megabytes, 34)):
                opened.write(MEGABYTE)
            # What lies behind that is never looked at.
            opened.truncate(max(opened.tell(), megabytes * 1_000_000))
        command = [sys.executable, "-m", "bridge.cli", "--config", bench.config, "mail", "read", file, "--desk", DCC]
        ended = subprocess.run(
            [sys.executable, "-c", MEASURED, *command], capture_output=True, text=True, timeout=100, check=False
        )
        assert ended.returncode == 0, ended.stderr[-2000:]
        return json.loads(ended.stdout), float(ended.stderr.splitlines()[-1])

    return read


def test_a_mail_above_the_limit_is_read_by_its_first_bytes_whatever_its_size(read):
    _, little = read(0)
    told, memory = read(200)
    assert (told["verdict"], told["reasons"]) == ("quarantine", ["too_large"])
    assert told["sender"]["from"] == MAILBOX[DCC]
    assert memory - little < 30


def test_a_mail_just_below_the_limit_is_read_whole(read):
    _, little = read(0)
    told, memory = read(34)
    (file,) = told["attachments"]
    assert (file["name"], file["size"]) == ("traces.zip", 34 * 256 * 2_889)
    assert "too_large" not in told["reasons"]
    assert memory - little < 8 * 34.9
