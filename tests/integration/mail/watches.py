"""A watch at work, in a thread of its own."""

import queue
import threading
from contextlib import contextmanager
from datetime import timedelta

from bridge.connectors.mail.watching import MailboxWatch

NEVER, SOON = timedelta(hours=1), timedelta(milliseconds=50)
PATIENCE = 60


@contextmanager
def watching(settings, **changes):
    """A watch in a thread of its own; yields what it tells, and ends it."""
    told: queue.Queue[str] = queue.Queue()
    stopping = threading.Event()
    watch = MailboxWatch(settings, **({"retry": NEVER} | changes))
    thread = threading.Thread(target=watch.watch, args=(lambda: told.put("arrived"), stopping))
    thread.start()
    try:
        yield told
    finally:
        stopping.set()
        thread.join(PATIENCE)
    assert not thread.is_alive()
