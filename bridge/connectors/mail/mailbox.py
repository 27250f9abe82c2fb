"""An IMAP mailbox (RFC 9051 and 3501) as far as the bridge needs one: what is new, its bytes, its flags.

imap-tools connects and logs in; bytes are fetched as they are, because its own reading of a mail may fail on a mail.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import select
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from imap_tools import BaseMailBox, MailBox, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxLoginError

from bridge.connectors.mail.logins import MECHANISM, REFUSED_REMEDY, Exchange, LoginRefused, entered
from bridge.connectors.mail.settings import MailSettings, Security
from bridge.domain.errors import TryLater

LOST = (OSError, imaplib.IMAP4.error, ImapToolsError)
_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: a refusal's code (RFC 5530), and those that tell of who wants to log in
_CODE = re.compile(r"\[([A-Z]+)[\] ]")
_ABOUT_US = frozenset({"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED"})
#: how imaplib says that the command itself was not understood
_NOT_ABOUT_US = re.compile(r"AUTHENTICATE command error")
_INTERNALDATE = re.compile(rb'\bINTERNALDATE "([^"]{1,64})"')


@dataclass(frozen=True, slots=True)
class Listed:
    """What the server says about a mail before it is fetched: size in bytes, and when it came."""

    uid: int
    size: int
    received_at: datetime | None


class Mailbox:
    """An open mailbox. Every call may raise one of `LOST`."""

    def __init__(self, connection: BaseMailBox, name: str) -> None:
        self._connection = connection
        self._client = connection.client
        connection.folder.set(name)
        answer = self._client.response("UIDVALIDITY")[1]
        #: RFC 9051 wants it in every answer to SELECT; a server without it is read anew each time
        self.uid_validity = int(answer[0]) if answer and answer[0] else 0

    def uids(self, criterion: str) -> list[int]:
        """The UIDs that meet a search, in ascending order."""
        return sorted(int(uid) for data in self._uid("SEARCH", criterion) for uid in _words(data))

    def since(self, at: datetime) -> list[int]:
        """The UIDs of mails that came on the day of an instant or later; a day more, for the server's own time zone."""
        day = at.astimezone(UTC) - timedelta(days=1)
        return self.uids(f"SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}")

    def message_ids(self, uids: Sequence[int]) -> dict[int, str]:
        """UID -> Message-ID with its angle brackets, empty where a mail has none; those that are gone are left out."""
        answer = self._uid("FETCH", _set(uids), "(UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        named = ((uid, _MESSAGE_ID.search(fields)) for uid, fields in _literals(answer))
        return {uid: name[1].decode("ascii", "replace") if name else "" for uid, name in named}

    def listed(self, uids: Sequence[int]) -> list[Listed]:
        """What the server says about mails; those that are gone are left out."""
        answer = self._uid("FETCH", _set(uids), "(UID RFC822.SIZE INTERNALDATE)")
        return sorted(filter(None, (_entry(data) for data in answer)), key=lambda entry: entry.uid)

    def fetch(self, uid: int, *, first: int | None = None) -> bytes | None:
        """A mail's bytes, or its `first` ones, without a change of its flags; None if the server gives none."""
        part = "BODY.PEEK[]" if first is None else f"BODY.PEEK[]<0.{first}>"
        return dict(_literals(self._uid("FETCH", str(uid), f"(UID {part})"))).get(uid)

    def fetch_together(self, uids: Sequence[int]) -> dict[int, bytes]:
        """UID -> the bytes of several mails, asked for at once; those that the server left out are left out."""
        return dict(_literals(self._uid("FETCH", _set(uids), "(UID BODY.PEEK[])")))

    def mark_seen(self, uids: Iterable[int]) -> None:
        """Flag mails as seen."""
        wanted = sorted(uids)
        if wanted:
            self._uid("STORE", _set(wanted), "+FLAGS.SILENT", r"(\Seen)")

    def can_idle(self) -> bool:
        """Whether the server offers IDLE (RFC 2177) to who has logged in."""
        _, data = self._client.capability()
        return any(b"IDLE" in _words(line.upper()) for line in data if isinstance(line, bytes))

    @contextmanager
    def idling(self) -> Iterator[None]:
        """For the length of the block the server tells by itself what happens here; no other call may be made."""
        self._connection.idle.start()  # type: ignore[no-untyped-call]  # imap-tools publishes none for it
        try:
            yield
        finally:
            self._client.send(b"DONE\r\n")

    def heard(self, seconds: float) -> bool:
        """Whether the server says anything within some time; what it says is not looked at."""
        if not select.select([self._client.sock], [], [], seconds)[0]:
            return False
        if not self._client.readline():
            raise imaplib.IMAP4.abort("the server closed the connection")
        return True

    def _uid(self, command: str, *arguments: str) -> list[object]:
        # imaplib keeps what came before a refusal, and would give it out as the answer to the next command.
        self._client.response("FETCH")
        self._client.response("SEARCH")
        kind, data = self._client.uid(command, *arguments)
        if kind != "OK":
            raise imaplib.IMAP4.error(f"UID {command}: {kind}")
        return list(data)


@contextmanager
def opened(settings: MailSettings) -> Iterator[Mailbox]:
    """The configured mailbox, connected as configured and logged in; raises `TryLater` if that cannot be done."""
    connection = entered(settings.tokens, lambda token: _entered(settings, token))
    try:
        yield _opened(connection, settings)
    finally:
        _leave(connection)


def _entered(settings: MailSettings, token: str) -> BaseMailBox:
    try:
        connection = _connect(settings)
    except LOST as error:
        raise _later("no connection to the IMAP server", error) from error
    try:
        _login(connection, settings, token)
    except BaseException:
        _leave(connection)
        raise
    return connection


def _connect(settings: MailSettings) -> BaseMailBox:
    endpoint, timeout = settings.imap, settings.timeout
    if endpoint.security is Security.TLS:
        return MailBox(endpoint.host, endpoint.port, timeout=timeout, ssl_context=settings.tls())
    return MailBoxUnencrypted(endpoint.host, endpoint.port, timeout=timeout)


def _login(connection: BaseMailBox, settings: MailSettings, token: str) -> None:
    try:
        if settings.imap.security is Security.STARTTLS:
            # Raises if the server does not offer it: there is no way on without.
            connection.client.starttls(settings.tls())
        if token:
            _show(connection, Exchange(settings.user, token))
        else:
            connection.login(settings.user, settings.password, initial_folder=None)
    except MailboxLoginError as error:
        raise LoginRefused(
            "the IMAP server refuses our login", remedy="check mail.username and mail.password; mails wait until then"
        ) from error
    except LOST as error:
        raise _later("the IMAP server did not let us in", error) from error


def _show(connection: BaseMailBox, exchange: Exchange) -> None:
    """Log in by a token (RFC 9051, 6.2.2)."""
    client = connection.client
    if f"AUTH={MECHANISM}" not in client.capabilities:
        raise TryLater(
            f"the IMAP server takes no token: it does not offer {MECHANISM}",
            remedy="check mail.imap, and that IMAP is on for the mailbox; mails wait until then",
        )
    try:
        client.authenticate(MECHANISM, lambda challenge: exchange(challenge).encode())
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        code = _CODE.match(str(error))
        if _NOT_ABOUT_US.match(str(error)) or (code and code[1] not in _ABOUT_US):
            raise
        told = f" ({exchange.status})" if exchange.status else ""
        raise LoginRefused(f"the IMAP server refuses our login{told}", remedy=REFUSED_REMEDY) from None


def _opened(connection: BaseMailBox, settings: MailSettings) -> Mailbox:
    try:
        return Mailbox(connection, settings.mailbox)
    except LOST as error:
        raise _later(f"mailbox {settings.mailbox} cannot be opened", error) from error


def _leave(connection: BaseMailBox) -> None:
    # What was read is committed and flagged; how the server takes the goodbye changes nothing.
    with contextlib.suppress(*LOST):
        connection.logout()
    with contextlib.suppress(OSError):
        connection.client.shutdown()


def _later(what: str, error: Exception) -> TryLater:
    return TryLater(f"{what}: {error}", remedy="check mail.imap; nothing is lost, mails wait in the mailbox")


def _entry(data: object) -> Listed | None:
    text = b"".join(part for part in data if isinstance(part, bytes)) if isinstance(data, tuple) else data
    if not isinstance(text, bytes):
        return None
    uid, size, date = _UID.search(text), _SIZE.search(text), _INTERNALDATE.search(text)
    if uid is None or size is None:
        return None
    return Listed(int(uid[1]), int(size[1]), _instant(date[1].decode("ascii", "replace")) if date else None)


def _literals(answer: Sequence[object]) -> Iterator[tuple[int, bytes]]:
    """UID and bytes of each part of an answer; a server may tell the UID before the literal or behind it."""
    for place, data in enumerate(answer):
        if isinstance(data, tuple):
            behind = answer[place + 1] if place + 1 < len(answer) else b""
            uid = _UID.search(data[0]) or (_UID.search(behind) if isinstance(behind, bytes) else None)
            if uid:
                yield int(uid[1]), data[1]


def _instant(date: str) -> datetime | None:
    """An INTERNALDATE, such as `17-Jul-1996 02:44:25 -0700`, in UTC."""
    try:
        return parsedate_to_datetime(date.strip().replace("-", " ", 2)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _set(uids: Sequence[int]) -> str:
    return ",".join(str(uid) for uid in uids)


def _words(data: object) -> list[bytes]:
    return data.split() if isinstance(data, bytes) else []
