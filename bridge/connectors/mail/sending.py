"""Handing a mail to the SMTP server (RFC 5321), and knowing afterwards what is certain about it.

A mail is the server's from the moment it answers the dot that ends DATA. Up to the dot nothing was done; between the
dot and the answer nobody can tell.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from bridge.connectors.mail.logins import MECHANISM, REFUSED_REMEDY, Exchange, LoginRefused, entered
from bridge.connectors.mail.settings import Endpoint, MailSettings, Security
from bridge.domain.delivery import Receipt
from bridge.domain.errors import FarSideError, OutcomeUnknown, TryLater
from bridge.ports import Frozen

Reply = tuple[int, str]
_LEADING_DOT = re.compile(rb"(?m)^\.")
_LONE_LINE_END = re.compile(rb"\r\n|\r|\n")
_ENHANCED = re.compile(r"^[245]\.\d{1,3}\.\d{1,3}\b")


class Submission:
    """Sends mails through one server, each over a connection of its own."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings

    def send(self, frozen: Frozen, attempt: int, *, desk: str = "") -> Receipt:
        """Hand a mail over.

        Raises `NotAllowed` before any connection, `TryLater` if nothing was done (no connection, no login, 4xx),
        `FarSideError` if it was refused for good (5xx, every recipient refused), and `OutcomeUnknown` if the answer
        to the end of the mail was lost. Recipients refused while others were taken are named in the receipt.
        """
        self._settings.refuse_strangers(frozen.recipients, desk)
        with self.connection(desk) as server:
            return _Transfer(server, self._settings.sender(frozen.message_id), desk).run(
                frozen, stamped(frozen.content, attempt)
            )

    @contextmanager
    def connection(self, desk: str = "") -> Iterator[smtplib.SMTP]:
        """A connection that is protected as configured and logged in; raises `TryLater`."""
        server = entered(self._settings.tokens, lambda token: self._entered(token, desk))
        try:
            yield server
        finally:
            _leave(server)

    def _entered(self, token: str, desk: str) -> smtplib.SMTP:
        try:
            server = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            raise _later("no connection to the SMTP server", error, desk) from error
        try:
            self._greet(server, token, desk)
        except BaseException:
            _leave(server)
            raise
        return server

    def _connect(self) -> smtplib.SMTP:
        settings, endpoint = self._settings, self._settings.smtp
        name = settings.domain
        if endpoint.security is Security.TLS:
            return smtplib.SMTP_SSL(
                endpoint.host, endpoint.port, name, timeout=settings.timeout, context=settings.tls()
            )
        return smtplib.SMTP(endpoint.host, endpoint.port, name, timeout=settings.timeout)

    def _greet(self, server: smtplib.SMTP, token: str, desk: str) -> None:
        settings = self._settings
        try:
            server.ehlo_or_helo_if_needed()
            if settings.smtp.security is Security.STARTTLS:
                # Raises if the server does not offer it: there is no way on without.
                server.starttls(context=settings.tls())
                server.ehlo()
            if token:
                _show(server, Exchange(settings.user, token), desk)
            elif settings.username:
                server.login(settings.username, settings.password)
        except smtplib.SMTPAuthenticationError as error:
            # From None: what was refused is of no use to whoever reads the log.
            raise _no_entry(error.smtp_code, desk, by_token=bool(token)) from None
        except (OSError, smtplib.SMTPException) as error:
            raise _later("the SMTP server did not let us in", error, desk) from error


def _show(server: smtplib.SMTP, exchange: Exchange, desk: str) -> None:
    """Log in by a token (RFC 4954)."""
    if MECHANISM not in server.esmtp_features.get("auth", "").upper().split():
        raise TryLater(
            f"the SMTP server takes no token: it does not offer {MECHANISM}",
            desk=desk,
            remedy="check mail.smtp, and that SMTP AUTH is on there; mails wait until then",
        )
    server.auth(MECHANISM, exchange)


def _no_entry(code: int, desk: str, *, by_token: bool) -> TryLater:
    """What a refused login means: only 535 is about the token, any other code would be said to the next one too."""
    what = f"the SMTP server refuses our login ({code})"
    if not by_token:
        return TryLater(what, desk=desk, remedy="check mail.username and mail.password; mails wait until then")
    kind = LoginRefused if code == 535 else TryLater
    return kind(what, desk=desk, remedy=REFUSED_REMEDY)


def _leave(server: smtplib.SMTP) -> None:
    # What was agreed stands; a server that does not say goodbye changes nothing.
    with contextlib.suppress(OSError, smtplib.SMTPException):
        server.quit()
    server.close()


class _Transfer:
    """One mail over one connection, step by step, because smtplib's own `sendmail` hides where it failed."""

    def __init__(self, server: smtplib.SMTP, sender: str, desk: str) -> None:
        self._server = server
        self._sender = sender
        self._desk = desk

    def run(self, frozen: Frozen, content: bytes) -> Receipt:
        try:
            self._demand(self._server.mail(self._sender, self._options(content)), "the sender")
            refused = self._name_recipients(frozen.recipients)
            self._demand(self._server.docmd("DATA"), "the mail", wanted=3)
            self._server.send(_dotted(content))
        except (OSError, smtplib.SMTPException) as error:
            raise _later("the connection broke before the mail was complete", error, self._desk) from error
        text = self._end()
        detail: dict[str, object] = {"answer": text}
        if refused:
            detail["refused"] = {address: f"{code} {why}" for address, (code, why) in refused.items()}
        return Receipt(frozen.message_id, detail)

    def _options(self, content: bytes) -> Sequence[str]:
        return [f"SIZE={len(content)}"] if self._server.has_extn("size") else []

    def _name_recipients(self, recipients: Sequence[str]) -> Mapping[str, Reply]:
        replies = {address: _readable(self._server.rcpt(address)) for address in recipients}
        refused = {address: reply for address, reply in replies.items() if reply[0] // 100 != 2}
        if len(refused) == len(replies):
            address, reply = next(
                ((address, reply) for address, reply in refused.items() if reply[0] // 100 == 4),
                next(iter(refused.items())),
            )
            self._refuse(reply, address)
        return refused

    def _end(self) -> str:
        """Send the dot and wait for the answer: from here on a silence means that nobody knows."""
        try:
            self._server.send(b".\r\n")
            code, text = _readable(self._server.getreply())
        except (OSError, smtplib.SMTPException) as error:
            raise OutcomeUnknown(
                "the SMTP server had the whole mail and its answer was lost", desk=self._desk
            ) from error
        if code // 100 not in {2, 4, 5}:
            raise OutcomeUnknown(f"the SMTP server answered the mail with {code} {text}", desk=self._desk)
        if code // 100 != 2:
            self._refuse((code, text), "the mail")
        return f"{code} {text}"

    def _demand(self, answer: tuple[int, bytes], subject: str, wanted: int = 2) -> None:
        reply = _readable(answer)
        if reply[0] // 100 != wanted:
            self._refuse(reply, subject)

    def _refuse(self, reply: Reply, subject: str) -> None:
        code, text = reply
        if code // 100 == 5:
            raise FarSideError(
                f"the SMTP server refuses {subject}: {code} {text}",
                status=code,
                detail=_enhanced(text),
                desk=self._desk,
                remedy="correct the address or the mail's contents, then retry it from the outbox",
            )
        raise TryLater(f"the SMTP server does not take {subject} now: {code} {text}", desk=self._desk)


def stamped(content: bytes, attempt: int) -> bytes:
    """The frozen bytes; a repeat says in one more field, the first, that it may be one."""
    return content if attempt <= 1 else f"X-CPSD-Attempt: {attempt}; possible repeat\r\n".encode() + content


def endpoint_name(endpoint: Endpoint) -> str:
    """An endpoint for people."""
    return f"{endpoint.host}:{endpoint.port} ({endpoint.security})"


def _dotted(content: bytes) -> bytes:
    """A mail as DATA wants it: CRLF, leading dots doubled, without the dot that ends it (RFC 5321, 4.5.2)."""
    lines = _LEADING_DOT.sub(b"..", _LONE_LINE_END.sub(b"\r\n", content))
    return lines if lines.endswith(b"\r\n") else lines + b"\r\n"


def _readable(answer: tuple[int, bytes]) -> Reply:
    code, text = answer
    return code, text.decode("ascii", "replace")


def _enhanced(text: str) -> str:
    """The enhanced status code of an answer (RFC 2034), if it has one."""
    match = _ENHANCED.match(text)
    return match[0] if match else ""


def _later(what: str, error: Exception, desk: str) -> TryLater:
    return TryLater(f"{what}: {error}", desk=desk, remedy="check mail.smtp; the mail stays in the outbox")
