"""Bounces in the forms that servers really write, and ordinary mails that resemble them."""

import logging
import time

import pytest
from flufl.bounce._detectors import dsn as dsn_detector

from bridge.connectors.mail.bounce import bounce
from bridge.connectors.mail.parsing import parsed
from tests.unit.connectors.mail.reading_fixtures import ASKED, message_id

FAILED = message_id(ASKED)
WHO = "servicedesk@dcc.example"
RETURNED = f"Message-ID: {FAILED}\nFrom: cpsd@bridge.example\nTo: {WHO}\nSubject: New request\n\nPlease look.\n"


def raw(
    text,
    *,
    subject="Undelivered Mail Returned to Sender",
    sender="MAILER-DAEMON@mx.dcc.example",
    path="<>",
    more="",
):
    return (
        f"Return-Path: {path}\nFrom: Mail System <{sender}>\nTo: cpsd@bridge.example\nSubject: {subject}\n{more}"
        f"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}\n"
    ).encode()


def dsn(action, status, *, kind="multipart/report; report-type=delivery-status"):
    return (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@mx.dcc.example\nSubject: x\nMIME-Version: 1.0\n"
        f'Content-Type: {kind}; boundary="b"\n\n--b\nContent-Type: text/plain\n\nSee below.\n'
        f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.dcc.example\n\n"
        f"Final-Recipient: rfc822; {WHO}\nAction: {action}\nStatus: {status}\n\n"
        f"--b\nContent-Type: message/rfc822\n\n{RETURNED}\n--b--\n"
    ).encode()


def read(content):
    mail = parsed(content)
    sender = mail.senders[0] if mail.senders else ""
    return bounce(mail, content, sender, ("cpsd@bridge.example",))


def form(subject, *lines, permanent=True, **changed):
    """A bounce in a server's own words, with the returned mail below."""
    return "\n".join((*lines, "", RETURNED)), permanent, {"subject": subject, **changed}


#: how servers word it
FORMS = {
    "exim": form(
        "Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.",
        "",
        "A message that you sent could not be delivered to one or more of its",
        "recipients. This is a permanent error. The following address(es) failed:",
        "",
        f"  {WHO}",
        "    host mx.dcc.example [192.0.2.1]: 550 5.1.1 User unknown",
        "",
        "------ This is a copy of the message, including all the headers. ------",
    ),
    "qmail": form(
        "failure notice",
        "Hi. This is the qmail-send program at mx.dcc.example.",
        "I'm afraid I wasn't able to deliver your message to the following addresses.",
        "This is a permanent error; I've given up. Sorry it didn't work out.",
        "",
        f"<{WHO}>:",
        "192.0.2.1 does not like recipient.",
        "Remote host said: 550 no such user",
        "Giving up on 192.0.2.1.",
        "",
        "--- Below this line is a copy of the message.",
    ),
    "domino": form(
        "DELIVERY FAILURE: User not listed in Domino Directory",
        "Your message",
        "",
        "  Subject: New request",
        "",
        "was not delivered to:",
        "",
        f"  {WHO}",
        "",
        "because:",
        "",
        f"  User jo ({WHO}) not listed in Domino Directory",
    ),
    "exchange in French": form(
        "Non remis : New request",
        "Échec de la remise pour ces destinataires ou groupes :",
        "",
        f"{WHO}",
        "L'adresse de courrier que vous avez entrée est introuvable. Vérifiez l'adresse et renvoyez le message.",
        sender="postmaster@dcc.example",
    ),
    "exchange in German": form(
        "Unzustellbar: New request",
        "Fehler bei der Zustellung an folgende Empfänger oder Gruppen:",
        "",
        f"{WHO}",
        "Die eingegebene E-Mail-Adresse wurde nicht gefunden.",
    ),
    "in Polish": form(
        "Nie można dostarczyć: New request",
        "Nie można dostarczyć wiadomości do odbiorcy:",
        f"{WHO}",
        "Użytkownik nie istnieje.",
    ),
    "in Spanish": form(
        "No se puede entregar: New request", f"No se pudo entregar el mensaje a {WHO}: el buzón no existe."
    ),
    "in Italian": form(
        "Mancata consegna: New request", f"Impossibile recapitare il messaggio a {WHO}: utente sconosciuto."
    ),
    "in Dutch": form(
        "Niet-bestelbaar: New request", f"Uw bericht kon niet worden bezorgd aan {WHO}: onbekende gebruiker."
    ),
    "a gateway": form(
        "Undeliverable: New request",
        f"The message to {WHO} was rejected by the content policy of the recipient's domain:",
        "554 Denied by policy",
    ),
    "a mailbox that is full": form(
        "Undelivered Mail Returned to Sender",
        "Your mail could not be delivered.",
        "",
        f"Recipient: {WHO}",
        "Reason: mailbox is full",
    ),
    "a field that names them": form(
        "Undelivered Mail Returned to Sender", "Delivery failed.", more=f"X-Failed-Recipients: {WHO}\n"
    ),
    "a gateway under its own name": form(
        "Delivery failure notification",
        f"The mail could not be delivered to the following recipient: {WHO}",
        "550 unknown user",
        path="<Scanner_AntiVirus_5@gw.dcc.example>",
        sender="Scanner_AntiVirus_5@gw.dcc.example",
    ),
    "a system administrator who is a program": form(
        "Delivery Failure",
        f"Failed recipient: {WHO}",
        "Reason: the remote host said 550 no such user",
        path='<"System Administrator"@gw.dcc.example>',
        sender='"System Administrator"@gw.dcc.example',
    ),
    "a service with dots in its name": form(
        "Delivery status notification",
        "Delivery to these recipients has failed permanently:",
        f"   * {WHO}",
        path="<Mail.Delivery.Service@gw.dcc.example>",
        sender="Mail.Delivery.Service@gw.dcc.example",
    ),
    "sendmail's name for the empty sender": form(
        "Mail could not be delivered",
        f"We were unable to deliver the message to <{WHO}>.",
        path="<MAILER-DAEMON@mx.dcc.example>",
        sender="imss@gw.dcc.example",
    ),
    "nobody in From": form(
        "Mail Error",
        "Your mail cannot be delivered; the mailbox is full:",
        f" {WHO}",
        path="<list-admin@dcc.example>",
        sender="",
    ),
    "a From that is no address": form(
        "Mail Delivery Warning",
        f'Delivery of your mail to "{WHO}" is delayed: its mailbox is full.',
        "We will continue to try for some days.",
        permanent=False,
        path="<list-admin@dcc.example>",
        sender="Postmaster\\@gw.example@dcc.example",
    ),
    "a delay": form(
        "Delayed Mail (still being retried)",
        f"Your message to {WHO} has not been delivered yet.",
        "The server will keep trying for 3 days; you do not need to resend it.",
        permanent=False,
    ),
    "a delay in German": form(
        "Zustellung verzögert",
        f"Die Zustellung Ihrer Nachricht an {WHO} verzögert sich. Sie wird erneut versucht.",
        permanent=False,
        sender="postmaster@dcc.example",
    ),
    "a greylisting": form(
        "Warning: could not send message for past 4 hours",
        f"<{WHO}>: host mx.dcc.example said: 451 4.7.1 try again later",
        "We will keep trying.",
        permanent=False,
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_bounce_is_recognised_with_its_address(form):
    text, permanent, changed = FORMS[form]
    found = read(raw(text, **changed))
    assert found is not None
    assert (found.recipients, found.permanent, found.message_id) == ((WHO,), permanent, FAILED)


@pytest.mark.parametrize(
    "action,status,permanent",
    [
        ("failed", "5.1.1", True),
        ("failed", "4.4.7", True),
        ("delayed", "4.4.1", False),
        ("", "4.2.2", False),
        ("", "5.2.2", True),
    ],
)
def test_the_action_decides_and_the_status_where_there_is_none(action, status, permanent):
    found = read(dsn(action, status))
    assert (found.recipients, found.permanent, found.message_id) == ((WHO,), permanent, FAILED)


def test_the_standards_fields_are_read_in_a_mail_that_forgets_to_be_a_report():
    assert read(dsn("failed", "5.1.1", kind="multipart/mixed")).recipients == (WHO,)


def test_a_success_is_no_failure():
    assert read(dsn("delivered", "2.0.0")) is None


ORDINARY = {
    "a person asks about a bounce": ("jo@dcc.example", "Undeliverable: why?", f"We got 550 user unknown for {WHO}."),
    "a person is out": ("jo@dcc.example", "Out of office", f"Please write to {WHO}; I do not exist until Monday."),
    "a postmaster writes": ("postmaster@dcc.example", "Maintenance on Monday", "Mail pauses from 10:00 to 11:00."),
    "a gateway writes of something else": (
        "smtp-antivirus@dcc.example",
        "Delivery report of June",
        "All updates were installed.",
    ),
    "an administrator writes about data": (
        "admin@dcc.example",
        "Delivery failure of the D0010 flows",
        f"Flows could not be delivered to {WHO} since Monday.",
    ),
    "a ticketing system writes": ("noreply@dcc.example", "INC000000000001 opened", "Delivery of part 550 has failed."),
}


@pytest.mark.parametrize("field", ["In-Reply-To", "References"])
def test_an_answer_of_a_gateway_is_no_bounce(field):
    more = f"{field}: {FAILED}\n"
    sender = "antivirus@dcc.example"
    content = raw(f"Could not deliver to {WHO}: 550 unknown user", path=f"<{sender}>", sender=sender, more=more)
    assert read(content) is None
    assert read(content.replace(more.encode(), b"")) is not None


def refused_by_a_rule(disposition="automatic-action/MDN-sent-automatically; deleted", comment="(rejected)"):
    return (
        f"Return-Path: <>\nFrom: Mail Delivery Subsystem <admin@dcc.example>\nSubject: Automatically rejected mail\n"
        f"Auto-Submitted: auto-replied {comment}\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain\n\nYour message to <{WHO}> was automatically rejected: quota exceeded\n"
        f"--b\nContent-Type: message/disposition-notification\n\nReporting-UA: mail; a delivery agent\n"
        f"Final-Recipient: rfc822; {WHO}\nOriginal-Message-ID: {FAILED}\nDisposition: {disposition}\n\n"
        f"--b\nContent-Type: message/rfc822\n\n{RETURNED}\n--b--\n"
    ).encode()


def test_a_mail_that_a_rule_refused_on_arrival_has_failed():
    found = read(refused_by_a_rule())
    assert (found.recipients, found.permanent, found.message_id) == ((WHO,), True, FAILED)


@pytest.mark.parametrize(
    "changed",
    [
        {"disposition": "manual-action/MDN-sent-manually; displayed"},
        {"disposition": "manual-action/MDN-sent-manually; deleted", "comment": ""},
    ],
)
def test_a_receipt_is_no_bounce_also_of_a_mail_that_somebody_deleted(changed):
    assert read(refused_by_a_rule(**changed)) is None


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_mail_is_no_bounce(name):
    sender, subject, text = ORDINARY[name]
    null = "noreply" in sender
    path = "<>" if null else f"<{sender}>"
    content = f"Return-Path: {path}\nFrom: {sender}\nSubject: {subject}\n\n{text}\n".encode()
    assert read(content) is None


def test_a_bounce_that_a_person_sends_on_is_no_bounce():
    content = b"From: jo@dcc.example\nSubject: Fwd: failure notice\nMIME-Version: 1.0\n" + (
        b'Content-Type: multipart/mixed; boundary="o"\n\n--o\nContent-Type: text/plain\n\nWe got this.\n'
        b"--o\nContent-Type: message/rfc822\n\n" + dsn("failed", "5.1.1") + b"\n--o--\n"
    )
    assert read(content) is None


def test_our_own_address_is_never_the_one_that_was_refused():
    found = read(raw(f"550 no such user\ncpsd@bridge.example wrote to {WHO}\n\n{RETURNED}"))
    assert found.recipients == (WHO,)


def test_a_detector_that_stumbles_leaves_no_traceback_and_the_words_are_read(monkeypatch, capfd):
    def stumbles(self, mail):
        raise AssertionError

    logging.getLogger("flufl.bounce").disabled = False
    monkeypatch.setattr(dsn_detector.DSN, "process", stumbles)
    assert read(raw(f"<{WHO}>: 550 no such user", subject="failure notice")).recipients == (WHO,)
    assert capfd.readouterr().err == ""


def test_a_bounce_built_to_cost_time_costs_less_than_a_second():
    for text in ("could " * 40_000, "address " * 30_000, "a@" * 100_000, ("user x@y " * 100 + "\n") * 300):
        started = time.thread_time()
        read(raw(text, subject="failure notice"))
        assert time.thread_time() - started < 1
