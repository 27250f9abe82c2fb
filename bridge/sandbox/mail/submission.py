"""What happens when a mail is handed over by SMTP, and what can be made to go wrong with it."""

from __future__ import annotations

import hmac
from asyncio import Transport
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Deliver = Callable[[str, bytes, datetime], Awaitable[None]]


@dataclass(slots=True)
class Faults:
    """What goes wrong from now on; counts run down to nought, replies stay until they are taken away."""

    #: take this many mails and cut the connection instead of saying so
    lose_answers: int = 0
    #: cut this many connections after DATA was asked for, before the mail is taken
    cut_data: int = 0
    #: answer this many mails after their end with the reply below, and do not take them
    refuse_data: int = 0
    data_reply: str = "451 4.3.0 try again later"
    #: reply to RCPT, by address
    recipients: dict[str, str] = field(default_factory=dict)

    def take(self, name: str) -> bool:
        """Whether this fault is due now; counts it down."""
        left: int = getattr(self, name)
        if left:
            setattr(self, name, left - 1)
        return bool(left)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A mail that the server took."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    at: datetime


class Handler:
    """aiosmtpd's hooks: takes every recipient, delivers every mail, unless a fault is due."""

    def __init__(self, deliver: Deliver, faults: Faults, accepted: list[Accepted]) -> None:
        self._deliver = deliver
        self._faults = faults
        self._accepted = accepted

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name and arguments
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a sender who has logged in (aiosmtpd's own check would warn at every connection without TLS)."""
        del server
        if not session.authenticated:
            return "530 5.7.0 log in first"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name and arguments
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient."""
        del server, session
        fault = self._faults.recipients.get(address)
        if fault is not None:
            return fault
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail: delivered to every recipient before the answer."""
        del session
        if self._faults.take("refuse_data"):
            return self._faults.data_reply
        mail = Accepted(
            envelope.mail_from or "",
            tuple(envelope.rcpt_tos),
            envelope.original_content or b"",
            datetime.now(UTC),
        )
        traced = _trace(mail) + mail.content
        self._accepted.append(mail)
        for recipient in mail.recipients:
            await self._deliver(recipient, traced, mail.at)
        if self._faults.take("lose_answers"):
            cut(server)
        return "250 2.0.0 taken"


class QuietSession(Session):
    """A session that sets aiosmtpd's deprecated attribute without the warning that aiosmtpd itself then logs."""

    login_data: object = None


class FaultySMTP(SMTP):
    """aiosmtpd's server, which can also drop the line when a mail begins."""

    def __init__(self, handler: Handler, faults: Faults, **options: Any) -> None:  # noqa: ANN401 - aiosmtpd's own
        super().__init__(handler, **options)
        self._faults = faults

    def _create_session(self) -> Session:
        return QuietSession(self.loop)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        """RFC 5321 section 4.1.1.4."""
        if self._faults.take("cut_data"):
            cut(self)
            return
        await super().smtp_DATA(arg)


def cut(server: SMTP) -> None:
    """Drop the line without a word."""
    if isinstance(server.transport, Transport):
        server.transport.abort()


def one_password(password: str) -> Callable[..., AuthResult]:
    """An authenticator that lets in everybody who knows the password."""

    def authenticate(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth_data: object
    ) -> AuthResult:
        del server, session, envelope, mechanism
        known = isinstance(auth_data, LoginPassword) and hmac.compare_digest(auth_data.password, password.encode())
        return AuthResult(success=known, handled=False)

    return authenticate


def _trace(mail: Accepted) -> bytes:
    """The trace fields that a final delivery adds (RFC 5321 section 4.4)."""
    stamp = mail.at.strftime("%a, %d %b %Y %H:%M:%S +0000")
    return f"Return-Path: <{mail.sender}>\r\nReceived: by sandbox.invalid with ESMTP; {stamp}\r\n".encode()
