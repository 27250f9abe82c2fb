"""A mail server for a laptop: SMTP in, IMAP out, on loopback, every mailbox made on first use."""

from bridge.sandbox.mail.server import MailServer
from bridge.sandbox.mail.submission import Faults

__all__ = ["Faults", "MailServer"]
