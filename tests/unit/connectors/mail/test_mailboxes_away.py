"""A mailbox with an interval of its own that is lost stays lost in the passes in which its time has not come."""

from datetime import timedelta

import pytest

from bridge.connectors.mail.mailboxes import Mailboxes, Visited
from bridge.domain.errors import TryLater


class Box:
    def __init__(self, name, *, is_lost):
        self.name = name
        self.is_lost = is_lost
        self.passes = 0

    def collect(self, keep):
        self.passes += 1
        if self.is_lost:
            raise TryLater(f"{self.name} is lost")
        return 0


def test_a_pass_without_it_is_no_good_news_of_it():
    now = [0.0]
    rare = Box("mail:b", is_lost=True)
    visited = [Visited(Box("mail:a", is_lost=False)), Visited(rare, every=timedelta(minutes=5))]
    boxes = Mailboxes("mail:INBOX", visited, tick=timedelta(seconds=30), monotonic=lambda: now[0])
    for _ in range(3):
        with pytest.raises(TryLater, match="mail:b is lost"):
            boxes.collect(lambda item: True)
        now[0] += 30
    assert rare.passes == 1
    rare.is_lost = False
    now[0] += 600
    assert boxes.collect(lambda item: True) == 0
    assert rare.passes == 2
