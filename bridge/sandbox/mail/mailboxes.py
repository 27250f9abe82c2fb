"""The mailboxes: pymap's in-memory ones, opened by anybody who knows the one password, kept as files if wished."""

from __future__ import annotations

import hashlib
import secrets
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from pymap.backend.dict import Config, Identity, Login
from pymap.backend.dict.filter import FilterSet
from pymap.backend.dict.mailbox import MailboxData, MailboxSet
from pymap.exceptions import InvalidAuth
from pymap.parsing.message import AppendMessage
from pymap.user import UserMetadata
from pysasl.creds.server import ServerCredentials
from pysasl.identity import ClearIdentity


class OpenConfig(Config):
    """pymap's settings without its command line: no TLS, no demonstration data, no name look-up in the greeting."""

    def __init__(self) -> None:
        arguments = Namespace(passlib_cfg=None, proxy_protocol=None, inherited_sockets=None)
        super().__init__(
            arguments,
            demo_data=False,
            demo_user="",
            demo_password="",
            admin_key=secrets.token_bytes(),
            host="127.0.0.1",
            port=0,
            tls_enabled=False,
        )

    @property
    def greeting(self) -> bytes:
        return b"Server ready"


class OpenIdentity(Identity):
    """A user who exists because somebody asked for them."""

    async def get(self) -> UserMetadata:
        return UserMetadata(self.config, self.name)


class OpenLogin(Login):
    """Lets every user in who knows the server's one password."""

    def __init__(self, config: OpenConfig, password: str) -> None:
        super().__init__(config)
        self._password = password

    async def authenticate(self, credentials: ServerCredentials) -> Identity:
        if not credentials.verify(ClearIdentity(credentials.authcid, self._password)):
            raise InvalidAuth
        return OpenIdentity(mailbox_name(credentials.authcid), self, None, frozenset())

    async def authorize(self, authenticated: object, authzid: str) -> Identity:
        del authenticated
        return OpenIdentity(mailbox_name(authzid), self, None, frozenset())


def mailbox_name(address: str) -> str:
    """The mailbox of an address: without case and without a `+detail` (RFC 5233)."""
    local, at, domain = address.lower().rpartition("@")
    return f"{local.split('+')[0]}{at}{domain}"


class Mailboxes:
    """All mailboxes, by address; with a folder, every mail is also a file there and comes back after a restart."""

    def __init__(self, password: str, folder: Path | None = None) -> None:
        self.config = OpenConfig()
        self.login = OpenLogin(self.config, password)
        self._folder = folder

    async def restore(self) -> None:
        """Put the mails of the folder back, oldest first."""
        if self._folder is None:
            return
        for box in sorted(path for path in self._folder.iterdir() if path.is_dir()):
            for file in sorted(box.glob("*.eml")):
                when = datetime.fromtimestamp(file.stat().st_mtime, UTC)
                await self._append(box.name, file.read_bytes(), when)

    async def deliver(self, address: str, content: bytes, when: datetime) -> None:
        """Put a mail into an address's INBOX; `when` becomes its INTERNALDATE."""
        name = mailbox_name(address)
        if self._folder is not None:
            self._write(name, content, when)
        await self._append(name, content, when)

    async def _append(self, name: str, content: bytes, when: datetime) -> None:
        inbox = await self._inbox(name)
        await inbox.append(AppendMessage(content, when), recent=True)

    async def _inbox(self, name: str) -> MailboxData:
        kept = self.config.set_cache.setdefault(name, (MailboxSet(), FilterSet()))
        return await kept[0].get_mailbox("INBOX")

    def _write(self, name: str, content: bytes, when: datetime) -> None:
        assert self._folder is not None  # noqa: S101 - asked for by the only caller
        box = self._folder / quote(name, safe="@")
        box.mkdir(parents=True, exist_ok=True)
        stamp = when.strftime("%Y%m%dT%H%M%S.%f")
        (box / f"{stamp}-{hashlib.sha256(content).hexdigest()[:12]}.eml").write_bytes(content)
