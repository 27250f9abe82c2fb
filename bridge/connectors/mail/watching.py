"""Waiting in IDLE (RFC 2177), so that a mail is read when it comes and not at the next look into the mailbox.

This only says that something has happened; what is new is found by collecting, which also goes on by its own schedule.
So whatever becomes of this connection, nothing is lost but time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import structlog

from bridge.connectors.mail.logins import Patience
from bridge.connectors.mail.mailbox import LOST, Mailbox, opened
from bridge.connectors.mail.settings import MailSettings
from bridge.domain.errors import TryLater

#: RFC 2177: issued again at least every 29 minutes; here with a new connection
_RENEWED_AFTER = timedelta(minutes=28)
_GLANCE = 0.5
_log = structlog.get_logger(__name__)


class MailboxWatch:
    """Watches the bridge's mailbox.

    Args:
        settings: where it is.
        retry: how long a lost server is left alone.
        renewed_after: how long one connection waits at most.
        noticed: told each time before whoever collects is.
    """

    def __init__(
        self,
        settings: MailSettings,
        *,
        retry: timedelta,
        renewed_after: timedelta = _RENEWED_AFTER,
        noticed: Callable[[], object] = bool,
    ) -> None:
        self._settings = settings
        self._noticed = noticed
        self._retry = retry
        self._renewed_after = renewed_after.total_seconds()

    def watch(self, arrived: Callable[[], object], stopping: threading.Event) -> None:
        """See `ports.Watch`. Ends at once where the server offers no IDLE."""
        patience = Patience(self._retry)
        while not stopping.is_set():
            try:
                with opened(self._settings) as mailbox:
                    if not mailbox.can_idle():
                        _log.info("mailbox_not_watched", mailbox=self._settings.mailbox, why="the server has no IDLE")
                        return
                    self._wait(mailbox, partial(self._tell, arrived), stopping)
            except (TryLater, *LOST) as error:
                _log.warning("watch_lost", mailbox=self._settings.mailbox, error=str(error))
                stopping.wait(max(self._retry, patience.after(error)).total_seconds())

    def _tell(self, arrived: Callable[[], object]) -> None:
        self._noticed()
        arrived()

    def _wait(self, mailbox: Mailbox, arrived: Callable[[], object], stopping: threading.Event) -> None:
        until = time.monotonic() + self._renewed_after
        with mailbox.idling():
            # What came before the server began to tell.
            arrived()
            while not stopping.is_set() and time.monotonic() < until:
                if mailbox.heard(_GLANCE):
                    arrived()
