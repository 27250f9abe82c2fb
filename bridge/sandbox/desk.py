"""A desk that answers by mail after a script: it reads its mailbox by IMAP, answers by SMTP, and remembers everything.

`python -m bridge.sandbox.desk` runs one as a process of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import imaplib
import json
import re
import signal
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.utils import parseaddr
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from imap_tools import AND, MailBoxUnencrypted, MailMessageFlags
from imap_tools.errors import ImapToolsError

from bridge.sandbox.replies import Reply, Writer, write

Script = Mapping[str, Sequence[Sequence[Reply]]]
"""For each kind of message (`open`, `text` …): the answers to the first of a conversation, to the second, and so on."""

RECEIVED = Reply("Thank you. Your request is registered with us under {reference}.", automatic=True)
#: what changes between two copies of one mail, and what a repeat alone may differ in
_TRACE = re.compile(
    rb"^(Received|Return-Path|Delivered-To|X-Original-To|X-CPSD-Attempt):[^\n]*\n(?:[ \t][^\n]*\n)*",
    re.IGNORECASE | re.MULTILINE,
)
_TROUBLE = (OSError, smtplib.SMTPException, imaplib.IMAP4.error, ImapToolsError)


def resolving(pace: float = 0.0) -> Script:
    """Acknowledges with its own number, asks a question, reports resolved once it is answered; `pace` in seconds."""
    return {
        "open": (
            (
                RECEIVED,
                Reply("#acknowledge {reference}\nWe are looking into this.", after=pace),
                Reply("#question: Since when have the reads been missing?", after=2 * pace, layout="outlook"),
            ),
        ),
        "text": ((Reply("#resolved: The job was restarted and the missing reads have been sent.", after=pace),),),
        "reject": ((Reply("#resolved: Done again, this time for every meter point.", after=pace),),),
    }


def declining(direction: str, pace: float = 0.0) -> Script:
    """Declines with a direction to another desk."""
    text = f"#decline: The registration service is not run by us. to @{direction}"
    return {"open": ((RECEIVED, Reply(text, after=pace, layout="outlook")),)}


def acknowledging(pace: float = 0.0) -> Script:
    """Acknowledges and then says nothing more."""
    return {"open": ((Reply("#acknowledge {reference}", after=pace),),)}


SILENT: Script = {}


@dataclass(frozen=True, slots=True)
class Received:
    """A mail as it arrived at the desk."""

    message_id: str
    delivery: str
    reference: str
    kind: str
    subject: str
    #: what the attempt header said; 1 where there was none
    attempt: int
    #: sha256 of everything but the trace fields and the attempt header
    digest: str
    #: whether this Message-ID had come before
    repeat: bool
    at: str


@dataclass(frozen=True, slots=True)
class Account:
    """Where the desk's mailbox is. Loopback only: nothing is encrypted."""

    address: str
    smtp_port: int
    imap_port: int
    password: str = "demo"  # noqa: S105 - the demo's own
    host: str = "127.0.0.1"
    name: str = "Service Desk"
    #: whether the SMTP server asks for a login
    smtp_login: bool = True
    timeout: float = 10.0


@dataclass(order=True, slots=True)
class _Due:
    at: float
    order: int
    mail: EmailMessage = field(compare=False)


class ScriptedDesk:
    """A desk in a thread of this process; `received` and `sent` are its memory, `ledger` the same as JSON lines."""

    def __init__(
        self, account: Account, script: Script, *, poll: float = 0.2, first: int = 1, ledger: Path | None = None
    ) -> None:
        self.account = account
        self.received: list[Received] = []
        self.raw: list[bytes] = []
        self.sent: list[EmailMessage] = []
        #: the last trouble with the mail server, which is tried again at the next poll
        self.trouble = ""
        self._script = script
        self._poll = poll
        self._next_number = first
        self._ledger = ledger
        self._numbers: dict[str, str] = {}
        self._seen_kinds: Counter[tuple[str, str]] = Counter()
        self._due: list[_Due] = []
        self._order = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"desk-{account.address}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to read and to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer nothing more."""
        self._stopped.set()
        self._thread.join(self.account.timeout)

    def say(self, text: str, *, kind: str = "open", automatic: bool = False) -> None:
        """Answer the newest message of a kind now, beside the script."""
        for known, raw in zip(reversed(self.received), reversed(self.raw), strict=True):
            if known.kind == kind:
                self._schedule(Reply(text, automatic=automatic), message_from_bytes(raw), known.reference)
                return
        raise LookupError(f"no message of kind {kind!r} has come")

    def poll_once(self) -> None:
        """Read what is new and send what is due."""
        self._read()
        self._send()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.poll_once()
                self.trouble = ""
            except _TROUBLE as error:
                self.trouble = str(error)
            self._stopped.wait(self._poll)

    def _read(self) -> None:
        account = self.account
        mailbox = MailBoxUnencrypted(account.host, account.imap_port, timeout=account.timeout)
        try:
            mailbox.login(account.address, account.password)
            for uid in mailbox.uids(AND(seen=False)):
                answer = mailbox.client.uid("fetch", uid, "(BODY.PEEK[])")
                raw = next((part[1] for part in answer[1] if isinstance(part, tuple)), b"")
                self._take(raw)
                mailbox.flag(uid, MailMessageFlags.SEEN, value=True)
            mailbox.logout()
        finally:
            with contextlib.suppress(OSError):  # after a goodbye it is closed already
                mailbox.client.shutdown()

    def _take(self, raw: bytes) -> None:
        mail = message_from_bytes(raw)
        entry = self._remember(mail, raw)
        if entry.repeat or not entry.reference:
            return
        count = self._seen_kinds[entry.reference, entry.kind]
        self._seen_kinds[entry.reference, entry.kind] += 1
        answers = self._script.get(entry.kind, ())
        for reply in answers[count] if count < len(answers) else ():
            self._schedule(reply, mail, entry.reference)

    def _remember(self, mail: Message, raw: bytes) -> Received:
        identity = str(mail.get("Message-ID", "")).strip()
        entry = Received(
            message_id=identity,
            delivery=str(mail.get("X-CPSD-Delivery", "")),
            reference=str(mail.get("X-CPSD-Reference", "")),
            kind=str(mail.get("X-CPSD-Kind", "")),
            subject=str(mail.get("Subject", "")),
            attempt=int(str(mail.get("X-CPSD-Attempt", "1")).split(";")[0]),
            digest=content_digest(raw),
            repeat=any(known.message_id == identity for known in self.received),
            at=datetime.now(UTC).isoformat(),
        )
        self.received.append(entry)
        self.raw.append(raw)
        if self._ledger is not None:
            with self._ledger.open("a") as file:
                file.write(json.dumps(asdict(entry)) + "\n")
        return entry

    def _schedule(self, reply: Reply, original: Message, reference: str) -> None:
        account = self.account
        if reference not in self._numbers:
            self._numbers[reference] = f"INC{self._next_number:012d}"
            self._next_number += 1
        writer = Writer(account.name, account.address, self._numbers[reference])
        self._order += 1
        mail = write(reply, original, writer, datetime.now(UTC))
        heapq.heappush(self._due, _Due(time.monotonic() + reply.after, self._order, mail))

    def _send(self) -> None:
        if not self._due or self._due[0].at > time.monotonic():
            return
        account = self.account
        with smtplib.SMTP(
            account.host, account.smtp_port, local_hostname="desk.invalid", timeout=account.timeout
        ) as server:
            if account.smtp_login:
                server.login(account.address, account.password)
            while self._due and self._due[0].at <= time.monotonic():
                mail = self._due[0].mail
                server.send_message(mail, account.address, [parseaddr(str(mail["To"]))[1]])
                self.sent.append(heapq.heappop(self._due).mail)


def content_digest(raw: bytes) -> str:
    """What two copies of one mail have in common, as a sha256: all but the trace fields and the attempt header."""
    header, separator, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    return sha256(_TRACE.sub(b"", header + b"\n") + separator + body).hexdigest()


def main() -> None:
    """Answer until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m bridge.sandbox.desk", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--imap-port", type=int, required=True)
    parser.add_argument("--password", default="demo")
    parser.add_argument("--script", choices=("resolve", "decline", "acknowledge", "silent"), default="resolve")
    parser.add_argument("--direction", default="", help="decline: the desk that is named instead")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between answers (default: %(default)s)")
    parser.add_argument("--ledger", type=Path, help="append every mail that arrives here, as JSON lines")
    options = parser.parse_args()
    scripts = {
        "resolve": resolving(options.pace),
        "decline": declining(options.direction, options.pace),
        "acknowledge": acknowledging(options.pace),
        "silent": SILENT,
    }
    account = Account(options.address, options.smtp_port, options.imap_port, options.password)
    # Blocked before the desk's thread starts, so that it inherits it and only the wait below takes the signal.
    stops = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    with ScriptedDesk(account, scripts[options.script], ledger=options.ledger):
        signal.sigwait(stops)


if __name__ == "__main__":
    main()
