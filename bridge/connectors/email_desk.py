"""A desk that is reached by mail (Cross Party Service Desk Approach 0.7, 7.2.1: an agreed mailbox will do)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from bridge.connectors.mail.sending import Submission, endpoint_name
from bridge.connectors.mail.settings import MailSettings, NotAllowed
from bridge.connectors.mail.writing import Writer
from bridge.domain.agreement import EmailMethod
from bridge.domain.delivery import Delivery, Receipt
from bridge.domain.errors import OutcomeUnknown, TryLater
from bridge.domain.ids import DeskName
from bridge.ports import (
    Capabilities,
    CheckResult,
    CheckStatus,
    Collector,
    Correspondence,
    Frozen,
    OutboundMessage,
    Reading,
)


class MailReading(Protocol):
    """Whatever reads the mails of the one mailbox: `bridge.connectors.mail.reading.MailReader`."""

    def receive(self, raw: bytes, received_at: datetime, known: Correspondence) -> Reading:
        """Read one mail; never raises on its contents."""
        ...


class EmailDesk:
    """One desk, reached at the addresses of its agreement that is in force now.

    All desks answer to one mailbox, so all of them share one reader, which finds out whose mail it is.
    """

    #: mail cannot be asked
    capabilities = Capabilities()

    def __init__(
        self, desk: DeskName, method: EmailMethod, settings: MailSettings, *, writer: Writer, reader: MailReading
    ) -> None:
        self._desk = desk
        self._method = method
        self._settings = settings
        self._writer = writer
        self._reader = reader
        self._submission = Submission(settings)

    def freeze(self, message: OutboundMessage, at: datetime) -> Frozen:
        """The mail as it will go out at every attempt; `at` becomes its Date."""
        return self._writer.write(message, self._method, at)

    def send(self, frozen: Frozen, attempt: int) -> Receipt:
        """Hand the mail to the SMTP server; see `Submission.send` for what it raises."""
        return self._submission.send(frozen, attempt, desk=self._desk)

    def find(self, delivery: Delivery) -> Receipt | None:
        """Raises `OutcomeUnknown`: nobody at the far side can be asked, and silence must not read as absence."""
        raise OutcomeUnknown(f"mail {delivery.message_id or delivery.id} cannot be asked for", desk=self._desk)

    def collector(self) -> Collector | None:
        return None

    def receive(self, raw: bytes, received_at: datetime, known: Correspondence) -> Reading:
        return self._reader.receive(raw, received_at, known)

    def check(self) -> Iterator[CheckResult]:
        """Connect and log in, and see whether the desk's addresses may be written to."""
        yield self._check_connection()
        yield self._check_recipients()

    def close(self) -> None:
        """Each mail has a connection of its own."""

    def _check_connection(self) -> CheckResult:
        where = endpoint_name(self._settings.smtp)
        try:
            with self._submission.connection(self._desk) as server:
                server.noop()
        except TryLater as error:
            return CheckResult(f"smtp {self._desk}", CheckStatus.FAILED, error.message, error.remedy)
        return CheckResult(f"smtp {self._desk}", CheckStatus.OK, where)

    def _check_recipients(self) -> CheckResult:
        name = f"recipients {self._desk}"
        recipients = (*self._method.to, *self._method.cc)
        if not self._method.to:
            return CheckResult(name, CheckStatus.FAILED, "the agreement names no address", "add method.email.to")
        try:
            self._settings.refuse_strangers(recipients, self._desk)
        except NotAllowed as error:
            return CheckResult(name, CheckStatus.FAILED, error.message, error.remedy)
        return CheckResult(name, CheckStatus.OK, ", ".join(recipients))
