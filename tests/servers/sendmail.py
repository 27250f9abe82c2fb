"""What a program on a server uses instead of sendmail: hands the mail on its input to an SMTP server on loopback.

Run as `sendmail.py SMTP_PORT [DOMAIN=SMTP_PORT …] -- OPTIONS`; of sendmail's options `-f ADDRESS`, `-t` and `-i` count.
Mails from one of the domains go to its port.
"""

import smtplib
import sys
from collections.abc import Sequence
from email import message_from_bytes
from email.utils import getaddresses, parseaddr

from tests.servers.processes import LOOPBACK

TIMEOUT = 60


def main(arguments: Sequence[str]) -> None:
    """Sends what stands on standard input; raises `smtplib.SMTPException` if the server refuses it."""
    separator = arguments.index("--")
    port, *routes = arguments[:separator]
    options = arguments[separator + 1 :]
    mail = message_from_bytes(sys.stdin.buffer.read())
    sender = options[options.index("-f") + 1] if "-f" in options else parseaddr(mail["From"])[1]
    fields = [value for name in ("To", "Cc", "Bcc") for value in mail.get_all(name, [])]
    ports = dict(route.split("=") for route in routes)
    with smtplib.SMTP(LOOPBACK, int(ports.get(sender.rpartition("@")[2], port)), timeout=TIMEOUT) as client:
        client.send_message(mail, sender, [address for _, address in getaddresses(fields) if address])


if __name__ == "__main__":
    main(sys.argv[1:])
