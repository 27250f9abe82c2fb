"""Two desks that acknowledge everything, on a way that strips whatever says that a mail is automatic or an answer."""

import pytest

from tests.acceptance.corresponding import bridge_to
from tests.servers.processes import wait_until
from tests.servers.request_tracker import EAGER, NAME, STRIPPED_DOMAIN, THANKS

STRIPPED = (
    "Auto-Submitted",
    "Precedence",
    "In-Reply-To",
    "References",
    "X-RT-Ticket",
    "X-RT-Loop-Prevention",
    "Sender",
)
#: what the raiser's machine writes into the case whenever the desk says something to the customer
OUR_THANKS = "Thank you. Your message has reached us."
#: many more than it may take, many fewer than an endless one would
MOST_ROUNDS = 15


@pytest.fixture
def talking(request_tracker, tmp_path, sqlite_template):
    """An engaged case, with a desk that acknowledges everything it gets and is shown to the customer."""
    queue = request_tracker.new_queue(EAGER, domain=STRIPPED_DOMAIN)
    shown = {"comment": {"comment": True}}
    with bridge_to(queue, tmp_path, sqlite_template, stripping=True, push=shown) as bridge:
        bridge.raise_case()
        bridge.once()
        queue.wait_for_tickets()
        yield bridge, queue


def acknowledge_what_the_desk_says(bridge):
    """The raiser's machine: one comment for each that the case has got from the desk."""
    comments = bridge.journal("comments")
    told = sum(THANKS in comment for comment in comments)
    for _ in range(told - comments.count(OUR_THANKS)):
        bridge.write(comments=OUR_THANKS)


def play_until_quiet(bridge):
    """Go on until both sides have said what they had to say: three rounds in a row without a mail either way."""
    quiet, before = 0, None
    for _ in range(MOST_ROUNDS):
        bridge.once()
        acknowledge_what_the_desk_says(bridge)
        sent = len(bridge.story("message_delivered"))
        # The desk acknowledges everything, so nothing is under way once there are as many mails here as there.
        wait_until(lambda sent=sent: len(bridge.received()) >= sent, "the desk acknowledges", seconds=60)
        now = (sent, len(bridge.received()))
        quiet, before = (quiet + 1 if now == before else 0), now
        if quiet == 3:
            return now
    raise AssertionError(f"still talking after {MOST_ROUNDS} rounds: {now}")


def test_it_ends_after_one_answer_and_an_alarm(talking):
    bridge, queue = talking
    (ticket,) = queue.tickets()
    assert play_until_quiet(bridge) == (1, 1)

    bridge.write(comments="When will this be done?")
    # The opening, the question, one answer to the desk's thanks; each acknowledged.
    assert play_until_quiet(bridge) == (3, 3)
    assert [event["facts"]["message"] for event in bridge.story("message_delivered")] == ["open", "text", "text"]
    assert bridge.reports() == ["received", "comment", "received"]
    assert [event["facts"]["code"] for event in bridge.story("alert")] == ["mail_loop"]
    assert bridge.command("quarantine", "list") == []

    # All of it about one case and one ticket, although no header said so.
    assert queue.tickets() == [ticket]
    assert len(queue.entries(ticket)) == 3
    assert not [name for mail in bridge.received() for name in STRIPPED if name in mail]
    assert bridge.engagement().desk_reference == f"{NAME} #{ticket}"
    matched = {event["facts"]["matched_by"] for event in bridge.story("item_received")}
    assert matched == {"subject_tag"}
