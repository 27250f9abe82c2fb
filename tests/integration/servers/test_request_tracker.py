import smtplib
from email import message_from_bytes

import pytest
import requests
from imap_tools import MailBoxUnencrypted

from tests.servers.processes import wait_until
from tests.servers.request_tracker import EAGER, NAME, STRIPPED_DOMAIN, THANKS

#: what tells a program that it should not answer, or what it would be answering
TELLING = ("Auto-Submitted", "Precedence", "In-Reply-To", "References", "X-RT-Loop-Prevention", "X-RT-Ticket")


def send(tracker, sender, queue, subject="IF-021 is late", *, port=None, **headers):
    fields = {"From": sender, "To": queue.address, "Subject": subject} | headers
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    with smtplib.SMTP(tracker.mail.host, port or tracker.mail.smtp_port, timeout=30) as client:
        client.sendmail(sender, [queue.address], "\r\n".join([*lines, "", "The file of Monday is missing.", ""]))


def mails(tracker, address, wanted):
    """The mails of a mailbox, once there are as many as wanted."""
    with MailBoxUnencrypted(tracker.mail.host, tracker.mail.imap_port).login(address, tracker.mail.password) as box:
        wait_until(lambda: len(box.uids()) >= wanted, f"{wanted} mails for {address}", seconds=60)
        found = [box.client.uid("fetch", uid, "(BODY.PEEK[])")[1][0][1] for uid in sorted(box.uids(), key=int)]
    return [message_from_bytes(raw) for raw in found]


def test_a_mail_makes_a_ticket_which_is_acknowledged_with_its_number(request_tracker):
    queue, sender = request_tracker.new_queue(), request_tracker.mail.new_address("sender")
    send(request_tracker, sender, queue, Message_ID="<first@example.org>")
    (number,) = queue.wait_for_tickets()
    (acknowledged,) = mails(request_tracker, sender, 1)
    assert acknowledged["Subject"] == f"[{NAME} #{number}] AutoReply: IF-021 is late"
    assert acknowledged["Auto-Submitted"] == "auto-replied"
    assert acknowledged["In-Reply-To"] == "<first@example.org>"
    (entry,) = queue.entries(number)
    assert (entry.kind, entry.creator, entry.message_id) == ("Create", sender, "first@example.org")
    assert entry.text.strip() == "The file of Monday is missing."


def test_what_the_staff_writes_goes_out_and_an_answer_lands_in_the_same_ticket(request_tracker):
    queue, sender = request_tracker.new_queue(), request_tracker.mail.new_address("sender")
    send(request_tracker, sender, queue)
    (number,) = queue.wait_for_tickets()
    queue.correspond(number, "Which file?")
    _, asked = mails(request_tracker, sender, 2)
    send(request_tracker, sender, queue, f"Re: {asked['Subject']}")
    told = queue.wait_for_entries(number, 3)
    assert [(entry.kind, entry.creator) for entry in told] == [
        ("Create", sender),
        ("Correspond", "root"),
        ("Correspond", sender),
    ]
    queue.change(number, Status="resolved")
    assert queue.ticket(number)["Status"] == "resolved"
    assert queue.tickets() == [number]


def test_on_the_stripping_way_a_mail_loses_what_says_that_it_is_automatic_or_an_answer(request_tracker):
    queue, sender = request_tracker.new_queue(domain=STRIPPED_DOMAIN), request_tracker.mail.new_address("sender")
    port = request_tracker.mail.stripping_smtp_port
    send(request_tracker, sender, queue, port=port, Message_ID="<first@example.org>", Auto_Submitted="auto-generated")
    (number,) = queue.wait_for_tickets()
    (acknowledged,) = mails(request_tracker, sender, 1)
    assert not set(acknowledged) & set(TELLING)
    assert acknowledged["Subject"].startswith(f"[{NAME} #{number}]")
    assert acknowledged["Message-ID"]
    assert acknowledged["Return-Path"] in {None, f"<{queue.address}>"}
    assert queue.entries(number)[0].message_id not in {"", "first@example.org"}


def test_an_eager_queue_acknowledges_every_mail(request_tracker):
    queue, sender = request_tracker.new_queue(EAGER), request_tracker.mail.new_address("sender")
    send(request_tracker, sender, queue)
    (number,) = queue.wait_for_tickets()
    for count in (2, 3):
        send(request_tracker, sender, queue, f"Re: [{NAME} #{number}] IF-021 is late")
        acknowledged = mails(request_tracker, sender, count)[-1]
        assert acknowledged["Subject"] == f"[{NAME} #{number}] IF-021 is late"
        assert THANKS in acknowledged.as_string()
    assert queue.tickets() == [number]


def test_it_asks_for_the_password(request_tracker):
    with pytest.raises(requests.HTTPError, match="401"):
        type(request_tracker)(request_tracker.url, request_tracker.mail, request_tracker.folder, password="x").call(
            "GET", "queues/all"
        )
