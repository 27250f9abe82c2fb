"""What a script would do: imap-tools fetches every mail of a mailbox, the standard library parses it, nothing is kept.

A process of its own, so that memory and processor time are its own. Prints what it took as JSON.
"""

from __future__ import annotations

import argparse
import json
import time

from imap_tools import MailBoxUnencrypted
from process import peak_memory


def main() -> None:
    """Read the whole mailbox once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("user")
    parser.add_argument("password")
    parser.add_argument("--bulk", type=int, default=0, help="mails by one command, as `MailBox.fetch` takes it")
    options = parser.parse_args()
    started, busy, mails = time.perf_counter(), time.process_time(), 0
    with MailBoxUnencrypted("127.0.0.1", options.port).login(options.user, options.password) as mailbox:
        # imap-tools parses each mail by `email.message_from_bytes` when it makes its message.
        for mail in mailbox.fetch(mark_seen=False, bulk=options.bulk or False):
            mails += mail.obj is not None
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    print(json.dumps({"mails": mails, "seconds": seconds, "cpu": cpu, "memory": peak_memory()}))


if __name__ == "__main__":
    main()
