"""Logging in at SMTP and IMAP servers by an access token: XOAUTH2, and what a refused token is followed by.

XOAUTH2 is no RFC's. Microsoft ("Authenticate an IMAP, POP or SMTP connection using OAuth") and Google ("OAuth 2.0
Mechanism") describe it alike: user and token in one message; a server that refuses them sends a challenge, base64 of
JSON, waits for an empty response, and says only then that the login failed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Protocol, TypeVar

from bridge.domain.errors import TryLater
from bridge.ports import CheckResult

MECHANISM = "XOAUTH2"
REFUSED_REMEDY = (
    "check that the application or person of mail.auth was let into the mailbox (at Microsoft 365 IMAP.AccessAsApp and "
    "SMTP.SendAsApp, or IMAP.AccessAsUser.All and SMTP.Send, with consent; SMTP AUTH on for the mailbox); mails wait"
)
_LONGEST_PAUSE = timedelta(minutes=15)
_MOST_DOUBLINGS = 20
_Entered = TypeVar("_Entered")
_STATUS = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class LoginRefused(TryLater):
    """A mail server knows its mind about our user name and password or token: no. Another token may be taken."""

    code = "login_refused"


class Tokens(Protocol):
    """Access tokens for one login, shared by everybody who needs it."""

    def current(self) -> str:
        """One that is good for some minutes at least. Raises `TryLater`."""
        ...

    def instead_of(self, refused: str) -> str | None:
        """Another one for one that a mail server refused; None if there shall be none now. Raises `TryLater`."""
        ...

    def check(self, name: str) -> Iterator[CheckResult]:
        """Whether there is one to be had."""
        ...


class Patience:
    """How long a server that refuses our login is left alone: longer each time, so that no account is locked for it.

    Args:
        first: after the first refusal; twice as long after each further one.
    """

    def __init__(self, first: timedelta) -> None:
        self._first = first
        self._refusals = 0

    def after(self, error: BaseException | None) -> timedelta:
        """How long to wait after an attempt; nothing if it was not refused, which ends the series."""
        if not isinstance(error, LoginRefused):
            self._refusals = 0
            return timedelta(0)
        doubled: int = 2 ** min(self._refusals, _MOST_DOUBLINGS)
        self._refusals += 1
        return min(self._first * doubled, max(_LONGEST_PAUSE, self._first))


def entered(tokens: Tokens | None, enter: Callable[[str], _Entered]) -> _Entered:
    """What `enter` makes of a token, and once more of another one if it raises `LoginRefused`.

    `enter` gets an empty text where there are no tokens.
    """
    if tokens is None:
        return enter("")
    token = tokens.current()
    try:
        return enter(token)
    except LoginRefused:
        another = tokens.instead_of(token)
        if another is None:
            raise
    return enter(another)


class Exchange:
    """One exchange by XOAUTH2, from the client's side."""

    def __init__(self, user: str, token: str) -> None:
        self._message = f"user={user}\1auth=Bearer {token}\1\1"
        self._said = False
        #: the status in the server's challenge, such as 401; empty if there was none
        self.status = ""

    def __call__(self, challenge: bytes | None = None) -> str:
        """The next response: the message, then nothing, whatever the server says."""
        if not self._said:
            self._said = True
            return self._message
        self.status = _status(challenge or b"")
        return ""


def _status(challenge: bytes) -> str:
    try:
        told = json.loads(challenge)
    except ValueError:
        return ""
    status = str(told.get("status", "")) if isinstance(told, dict) else ""
    return status if _STATUS.fullmatch(status) else ""
