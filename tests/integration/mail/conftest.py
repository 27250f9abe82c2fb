import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from imap_tools import MailBoxUnencrypted, MailMessageFlags

from bridge.connectors.mail.settings import MailSettings
from bridge.connectors.mail.signing import Keys
from bridge.sandbox.mail import MailServer
from tests.integration.mail.market import Market
from tests.servers.office import running_office

KEYS = Keys((b"a key of sixteen bytes",))
_serial = count(1)


@dataclass(frozen=True)
class Provider:
    """Somebody's mail servers: the sandbox's, or Postfix and Dovecot. Frozen: all tests of a process share it."""

    smtp_port: int
    imap_port: int
    password: str
    sandbox: MailServer | None = None
    host: str = "127.0.0.1"
    #: what the server keeps instead of a NUL, which RFC 9051 does not allow in a mail
    nul: bytes = b"\0"

    def new_address(self, name="box"):
        return f"{name}-{next(_serial)}-{time.monotonic_ns()}@mail.example"

    def settings(self, address, **changes):
        values = {
            "smtp_url": f"smtp+plain://{self.host}:{self.smtp_port}",
            "imap_url": f"imap+plain://{self.host}:{self.imap_port}",
            "address": address,
            "keys": KEYS,
            "username": address,
            "password": self.password,
            "allow_plaintext": True,
            "timeout": 10.0,
        }
        return MailSettings(**{**values, **changes})

    @contextmanager
    def login(self, address):
        mailbox = MailBoxUnencrypted(self.host, self.imap_port, timeout=10)
        try:
            yield mailbox.login(address, self.password)
            mailbox.logout()
        finally:
            with suppress(OSError):  # after a goodbye it is closed already
                mailbox.client.shutdown()

    def mails(self, address, wanted=1):
        """The raw mails of a mailbox, once there are as many as wanted."""
        for _ in range(100):
            with self.login(address) as mailbox:
                fetched = [
                    mailbox.client.uid("fetch", uid, "(BODY.PEEK[])")[1][0][1]
                    for uid in sorted(mailbox.uids(), key=int)
                ]
            if len(fetched) >= wanted:
                return fetched
            time.sleep(0.05)
        raise AssertionError(f"{len(fetched)} mails came, {wanted} were wanted")

    def put(self, address, raw, *, seen=False):
        """A mail in a mailbox, as if it had been delivered."""
        with self.login(address) as mailbox:
            flags = [MailMessageFlags.SEEN] if seen else None
            mailbox.append(raw, "INBOX", flag_set=flags)

    def seen(self, address):
        """How many mails of a mailbox are flagged as seen."""
        with self.login(address) as mailbox:
            return len(mailbox.uids("SEEN"))


@pytest.fixture(scope="session")
def sandbox_server():
    with MailServer("loopback-only") as server:
        yield server


@pytest.fixture(scope="session")
def sandbox_provider(sandbox_server):
    return Provider(sandbox_server.smtp_port, sandbox_server.imap_port, sandbox_server.password, sandbox_server)


@pytest.fixture(scope="session")
def distribution_provider(mail_servers):
    """Postfix and Dovecot."""
    return Provider(mail_servers.smtp_port, mail_servers.imap_port, mail_servers.password, nul=b"\x80")


@pytest.fixture(scope="session")
def office():
    """Postfix and Dovecot that take access tokens; give each test a provider of tokens of its own."""
    with running_office() as running:
        yield running


@pytest.fixture
def sandbox(sandbox_provider):
    return sandbox_provider


@pytest.fixture
def provider_at():
    """A provider at other ports."""
    return Provider


@pytest.fixture(params=["sandbox_provider", "distribution_provider"])
def provider(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> Path:
    """A key and a certificate for 127.0.0.1 in one file, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both


@pytest.fixture
def market(sandbox, quick_store, hand_clock):
    return Market(sandbox, quick_store, hand_clock)


@pytest.fixture
def market_with(sandbox, quick_store, hand_clock):
    """A market whose settings differ."""
    return lambda **changes: Market(sandbox, quick_store, hand_clock, **changes)
