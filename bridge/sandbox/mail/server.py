"""The server itself: one thread with an event loop that speaks SMTP and IMAP on two free ports of 127.0.0.1."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from aiosmtpd.smtp import SMTP
from proxyprotocol.reader import ProxyProtocolReader
from pymap.imap import IMAPServer

from bridge.sandbox.mail.mailboxes import Mailboxes
from bridge.sandbox.mail.submission import Accepted, Faults, FaultySMTP, Handler, one_password

_HOST = "127.0.0.1"
_START_WITHIN = 30.0


class MailServer:
    """A mail server in this process.

    Every address has a mailbox, made when it is first used; every login uses the one `password`. With `folder`,
    mails are also files there (`address/*.eml`) and survive a restart. With `tls`, SMTP offers STARTTLS and requires
    it, and `smtps_port` and `imaps_port` speak TLS from the first byte.
    """

    def __init__(
        self,
        password: str = "demo",  # noqa: S107 - the demo's own, on loopback
        *,
        folder: Path | None = None,
        tls: ssl.SSLContext | None = None,
        smtp_port: int = 0,
        imap_port: int = 0,
    ) -> None:
        self.host = _HOST
        self.password = password
        self.smtp_port = smtp_port
        self.imap_port = imap_port
        self.smtps_port = 0
        self.imaps_port = 0
        #: what goes wrong from now on
        self.faults = Faults()
        #: every mail taken, oldest first
        self.accepted: list[Accepted] = []
        self._folder = folder
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._mailboxes: Mailboxes | None = None
        self._thread = threading.Thread(target=self._run, name="sandbox-mail", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; returns when both ports are open."""
        self._thread.start()
        if not self._started.wait(_START_WITHIN):
            raise TimeoutError("the mail server did not start")
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Close both ports and every connection."""
        stop = self._stop
        if stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(stop.set)
        self._thread.join(_START_WITHIN)

    def deliver(self, address: str, content: bytes, when: datetime | None = None) -> None:
        """Put a mail into a mailbox without SMTP, as it is."""
        mailboxes = self._mailboxes
        if mailboxes is None:
            raise RuntimeError("the mail server is not running")
        work = mailboxes.deliver(address, content, when or datetime.now(UTC))
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_WITHIN)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as failure:  # noqa: BLE001 - raised again by the thread that called start
            self._failure = failure
        finally:
            self._started.set()
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._mailboxes = mailboxes = Mailboxes(self.password, self._folder)
        mailboxes.config.apply_context()
        await mailboxes.restore()
        with ExitStack() as stack:
            self.smtp_port = await self._listen_smtp(stack, mailboxes, self.smtp_port, starttls=self._tls)
            self.imap_port = await self._listen_imap(stack, mailboxes, self.imap_port)
            if self._tls is not None:
                self.smtps_port = await self._listen_smtp(stack, mailboxes, 0, tls=self._tls)
                self.imaps_port = await self._listen_imap(stack, mailboxes, 0, tls=self._tls)
            self._started.set()
            await self._stop.wait()
        await _cancel_the_rest()

    async def _listen_smtp(
        self,
        stack: ExitStack,
        mailboxes: Mailboxes,
        port: int,
        *,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> int:
        handler = Handler(mailboxes.deliver, self.faults, self.accepted)
        factory: Callable[[], SMTP] = lambda: FaultySMTP(  # noqa: E731 - one per connection
            handler,
            self.faults,
            hostname="sandbox.invalid",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=one_password(self.password),
            auth_require_tls=starttls is not None,
            loop=self._loop,
        )
        server = await self._loop.create_server(factory, self.host, port, ssl=tls)
        stack.callback(server.close)
        return int(server.sockets[0].getsockname()[1])

    async def _listen_imap(
        self, stack: ExitStack, mailboxes: Mailboxes, port: int, *, tls: ssl.SSLContext | None = None
    ) -> int:
        imap = IMAPServer(mailboxes.login, mailboxes.config)
        answer = ProxyProtocolReader(mailboxes.config.proxy_protocol).get_callback(imap)
        server = await asyncio.start_server(answer, self.host, port, ssl=tls)
        stack.callback(server.close)
        return int(server.sockets[0].getsockname()[1])


async def _cancel_the_rest() -> None:
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
