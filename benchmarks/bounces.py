"""In how many bounces an address is found, and in how many ordinary mails one is seen.

    .venv/bin/python benchmarks/bounces.py [BOUNCES [ORDINARY]]

Each is a folder of mails, one a file. Without arguments: those of Debian's python3-flufl.bounce, if it is installed,
and those that Python is tested with.
"""

from __future__ import annotations

import email
import logging
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from flufl.bounce import all_failures

from bridge.connectors.mail.bounce import bounce
from bridge.connectors.mail.parsing import parsed

_DEBIAN = Path("/usr/lib/python3/dist-packages/flufl/bounce/tests/data")
_PYTHON = Path(sysconfig.get_path("stdlib")) / "test/test_email/data"


def main(arguments: list[str]) -> int:
    """Print the figures; 2 if there is nothing to read."""
    folders = [Path(one) for one in arguments] or [_DEBIAN]
    bounces, ordinary = folders[0], folders[1] if len(folders) > 1 else _PYTHON
    if not bounces.is_dir():
        print(f"{bounces} is no folder: name one, or install python3-flufl.bounce", file=sys.stderr)
        return 2
    _tell(bounces, "without an address", wanted=True)
    if ordinary.is_dir():
        _tell(ordinary, "taken for a bounce", wanted=False)
    return 0


def _tell(folder: Path, odd: str, *, wanted: bool) -> None:
    mails = list(_mails(folder))
    ours = {name: found for name, content in mails if (found := _ours(content))}
    by_list = sum(bool(_by_list(content)) for _, content in mails)
    print(f"{folder}: {len(mails)} mails; an address in {len(ours)}, by flufl.bounce alone in {by_list}")
    for name, _ in mails:
        if (name in ours) != wanted:
            print(f"  {odd}: {name}")


def _mails(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.suffix in {".txt", ".eml", ""}:
            yield file.name, file.read_bytes()


def _ours(content: bytes) -> tuple[str, ...]:
    mail = parsed(content)
    found = bounce(mail, content, mail.senders[0] if mail.senders else "")
    return found.recipients if found else ()


def _by_list(content: bytes) -> set[bytes]:
    try:
        temporary, permanent = all_failures(email.message_from_bytes(content))
    except Exception:  # noqa: BLE001 - a detector that stumbles finds nothing
        return set()
    return {*temporary, *permanent}


if __name__ == "__main__":
    logging.getLogger("flufl.bounce").disabled = True
    raise SystemExit(main(sys.argv[1:]))
