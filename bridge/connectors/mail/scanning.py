"""Inbound files are looked through by a scanner before anything of their mail is used.

The whole mail goes to the scanner and so does every part of it, decoded, for scanners that know nothing of mail. What
the scanner cannot say anything about is not passed: where it can scan other bytes meanwhile, the mail is the reason and
a person decides upon it; where it cannot, the mail waits.
"""

from __future__ import annotations

import socket
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bridge.connectors.mail.structure import structure_of
from bridge.domain.errors import FarSideError, ScannerAway
from bridge.ports import CheckResult, CheckStatus

_CHUNK = 65_536
_LONGEST_ANSWER = 4_096
_HARMLESS = b"nothing to be found here\n"
#: The test file that every scanner knows (https://www.eicar.org), in two halves so that this file is not taken for it.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"


class ScanFailed(Exception):
    """The scanner said nothing about some bytes."""


class Engine(Protocol):
    """Something that knows harmful bytes."""

    def found_in(self, content: bytes) -> str:
        """The name of what is found; empty for nothing. Raises `ScanFailed`."""
        ...


@dataclass(frozen=True, slots=True)
class Clamd:
    """ClamAV's daemon, by its INSTREAM command (clamd(8)): chunks led by their length, an empty one at the end."""

    #: a socket's path, or host and port
    place: Path | tuple[str, int]
    timeout: float

    def found_in(self, content: bytes) -> str:
        """See `Engine`."""
        answer = self._asked(content).rstrip(b"\0\n").decode("utf-8", "replace")
        verdict = answer.partition(": ")[2] or answer
        if verdict == "OK":
            return ""
        if verdict.endswith(" FOUND"):
            return verdict.removesuffix(" FOUND")
        raise ScanFailed(f"clamd answered {answer[:200]!r}")

    def _asked(self, content: bytes) -> bytes:
        try:
            with self._connected() as connection:
                # A stream above its limit is answered and cut off while we write: the answer says why.
                with suppress(BrokenPipeError, ConnectionResetError):
                    connection.sendall(b"zINSTREAM\0")
                    for start in range(0, len(content), _CHUNK):
                        chunk = content[start : start + _CHUNK]
                        connection.sendall(struct.pack("!L", len(chunk)) + chunk)
                    connection.sendall(struct.pack("!L", 0))
                return _answer(connection)
        except OSError as error:
            raise ScanFailed(f"clamd was lost: {error}") from error

    def _connected(self) -> socket.socket:
        if not isinstance(self.place, Path):
            return socket.create_connection(self.place, self.timeout)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(self.timeout)
            connection.connect(str(self.place))
        except OSError:
            connection.close()
            raise
        return connection


def _answer(connection: socket.socket) -> bytes:
    """Up to its end, which is a zero byte; one that breaks off before says nothing."""
    answer = b""
    while not answer.endswith(b"\0"):
        more = connection.recv(_LONGEST_ANSWER)
        if not more or len(answer) > _LONGEST_ANSWER:
            raise ScanFailed("clamd's answer broke off")
        answer += more
    return answer


@dataclass(frozen=True, slots=True)
class Command:
    """A program that reads the bytes and exits with 0 for nothing and 1 for something, which it names (clamscan(1))."""

    words: Sequence[str]
    timeout: float

    def found_in(self, content: bytes) -> str:
        """See `Engine`."""
        try:
            ended = subprocess.run(  # noqa: S603 - the operator's own command, and no shell
                list(self.words), input=content, capture_output=True, timeout=self.timeout, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ScanFailed(f"{self.words[0]}: {type(error).__name__}") from error
        if ended.returncode == 0:
            return ""
        if ended.returncode == 1:
            lines = ended.stdout.decode("utf-8", "replace").split("\n")
            return lines[0].strip()[:200] or "something without a name"
        raise ScanFailed(f"{self.words[0]} exited with {ended.returncode}")


class MailScanner:
    """Looks through mails; implements `ports.Scanner`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def scan(self, raw: bytes) -> str:
        """See `ports.Scanner.scan`."""
        for content in _contents(raw):
            try:
                found = self._engine.found_in(content)
            except ScanFailed as error:
                raise self._whose_fault(error) from error
            if found:
                return found
        return ""

    def _whose_fault(self, error: ScanFailed) -> ScannerAway | FarSideError:
        try:
            self._engine.found_in(_HARMLESS)
        except ScanFailed as also:
            return ScannerAway(f"inbound mails cannot be scanned: {also}", remedy="start the scanner, or see mail.scan")
        return FarSideError(f"this mail cannot be scanned: {error}", remedy="let somebody look at it elsewhere")

    def check(self) -> Iterator[CheckResult]:
        """Have a harmless text and the scanners' test file scanned."""
        name = "scanner"
        try:
            harmless, known = self._engine.found_in(_HARMLESS), self._engine.found_in(EICAR)
        except ScanFailed as error:
            yield CheckResult(name, CheckStatus.FAILED, str(error), "start the scanner; mails wait until it runs")
            return
        if harmless:
            detail = f"finds {harmless!r} in a harmless text: every mail would go into quarantine"
            yield CheckResult(name, CheckStatus.FAILED, detail, "see mail.scan")
        elif not known:
            detail = "does not know the scanners' test file (EICAR)"
            yield CheckResult(name, CheckStatus.FAILED, detail, "see mail.scan; load the scanner's signatures")
        else:
            yield CheckResult(name, CheckStatus.OK, f"finds {known}")


def _contents(raw: bytes) -> Iterator[bytes]:
    """The mail, and each of its parts decoded."""
    yield raw
    for part in structure_of(raw).walk():
        if not part.is_multipart():
            content = part.get_payload(decode=True)
            if isinstance(content, bytes) and content:
                yield content
