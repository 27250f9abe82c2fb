from collections import Counter
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes

import pytest

from bridge.connectors.mail.reading import MailReader
from bridge.domain.agreement import EmailMethod, StatusRule
from bridge.domain.errors import StoreUnavailable
from bridge.domain.facts import ReportKind
from bridge.sandbox import replies
from bridge.sandbox.replies import Reply
from bridge.sync.recalling import Recalled
from tests.unit.connectors.mail.messages import NOW, outbound
from tests.unit.connectors.mail.reading_fixtures import (
    ASKED,
    CORPUS,
    ENGAGEMENTS,
    OTHER,
    RECEIVED,
    SETTINGS,
    Memory,
    Writer,
    filled,
    message_id,
    read,
    reader,
)

SAID = {
    "#acknowledge INC000000000001\nWe are looking into this.": ReportKind.ACKNOWLEDGED,
    "#question: Since when have the reads been missing?": ReportKind.QUESTION,
    "#resolved: The job was restarted and the missing reads have been sent.": ReportKind.RESOLVED,
    "#decline: Not run by us. to @ldso-help-desk": ReportKind.DECLINED,
    "Thank you, we will look at it.": ReportKind.COMMENT,
}


def answered(text, layout, *, automatic=False):
    """A mail of ours, answered as the named mail program would do it."""
    message = outbound(id="e5802c97-8988-59f4-8ef8-7c0cbf9ea701", reference=ASKED.reference)
    ours = Writer(SETTINGS).write(message, EmailMethod(("servicedesk@dcc.example",)), NOW)
    writer = replies.Writer("Jo Watt", "jo@dcc.example", "INC000000000001")
    reply = Reply(text, layout=layout, automatic=automatic)
    return replies.write(reply, message_from_bytes(ours.content), writer, RECEIVED).as_bytes()


@pytest.mark.parametrize("layout", ["gmail", "outlook", "plain"])
@pytest.mark.parametrize("text", SAID)
def test_a_reply_is_read_right_in_every_layout(layout, text):
    reading = reader().receive(answered(text, layout), RECEIVED, Memory())
    assert (reading.report, reading.engagement, reading.verdict) == (SAID[text], ASKED.id, "apply")
    assert "Please write your answer" not in reading.text
    assert "Jo Watt" not in reading.text


@pytest.mark.parametrize("layout", ["gmail", "outlook", "plain"])
def test_our_own_examples_quoted_back_are_no_commands(layout):
    reading = reader().receive(answered("We will see.", layout), RECEIVED, Memory())
    assert (reading.report, reading.suggests) == (ReportKind.COMMENT, None)


def test_an_automatic_acknowledgement_teaches_the_desks_number_and_nothing_more():
    reading = reader().receive(answered("Registered under {reference}.", "gmail", automatic=True), RECEIVED, Memory())
    assert (reading.kind, reading.report, reading.desk_reference) == ("automatic", "received", "INC000000000001")


def test_a_reply_whose_html_alone_survives_is_read_right():
    mail = message_from_bytes(answered("#progress: on it", "outlook"))
    html = next(part for part in mail.walk() if part.get_content_type() == "text/html")
    mail.set_payload(html.get_payload(decode=True))
    for field in ("Content-Type", "Content-Transfer-Encoding"):
        del mail[field]
    mail["Content-Type"] = "text/html; charset=utf-8"
    reading = reader().receive(mail.as_bytes(), RECEIVED, Memory())
    assert (reading.report, reading.text) == ("progress", "on it")


def test_a_number_of_the_desks_shape_that_is_our_case_is_not_learned():
    reading = read("06-number-like-ours", pattern=r"CS\d{7}")
    assert (reading.report, reading.desk_reference) == ("acknowledged", "")


def test_a_known_number_of_the_desk_is_not_replaced_by_another_one_mentioned():
    known = Memory((replace(ASKED, desk_reference="INC000000000001"), *ENGAGEMENTS[1:]))
    raw = filled((CORPUS / "plain-answer-of-a-person.eml").read_bytes()).replace(b"Thanks", b"INC000000000999 is alike")
    assert reader().receive(raw, RECEIVED, known).desk_reference == ""


def test_without_an_agreed_pattern_a_machine_resolves_nothing():
    reading = read("20-notification-of-a-ticketing-system", statuses=())
    assert (reading.kind, reading.report) == ("automatic", "received")


def test_an_agreed_pattern_sees_what_the_desk_put_before_our_subject_only():
    anything = (StatusRule("subject =~ '.*missing.*'", ReportKind.RESOLVED),)
    assert read("plain-answer-of-a-person", statuses=anything).report == ReportKind.COMMENT


def test_the_pattern_of_the_version_that_a_round_is_pinned_to_counts():
    known = Memory((*ENGAGEMENTS[:1], replace(ENGAGEMENTS[1], agreement_version=2), *ENGAGEMENTS[2:]))
    assert read("20-notification-of-a-ticketing-system", known=known).report == "resolved"


def test_the_earlier_of_date_and_receive_time_is_when_the_desk_said_it():
    assert read("01-plain-reply").at == RECEIVED - timedelta(minutes=5)
    early = RECEIVED - timedelta(minutes=30)
    assert read("01-plain-reply", received_at=early).at == early


def test_a_truncated_mail_is_for_a_person_to_look_at():
    raw = b"X-CPSD-Oversize: 99999999\r\n" + filled((CORPUS / "01-plain-reply.eml").read_bytes())
    reading = reader().receive(raw, RECEIVED, Memory())
    assert (reading.verdict, reading.reasons, reading.sender) == ("quarantine", ("too_large",), "jo.watt@dcc.example")


def test_trouble_of_the_store_is_not_taken_for_trouble_of_the_mail():
    class Down(Memory):
        def by_message_id(self, wanted):
            raise StoreUnavailable("restarting")

    raw = filled((CORPUS / "01-plain-reply.eml").read_bytes())
    with pytest.raises(StoreUnavailable):
        reader().receive(raw, RECEIVED, Down())


def test_any_desks_connector_reads_the_mail_of_all():
    assert isinstance(reader(), MailReader)
    assert read("11-same-desk-reference-at-another-desk").desk == "ldso-help-desk"


def test_an_attached_mail_that_cannot_be_written_again_is_still_a_file():
    raw = filled((CORPUS / "14-reference-in-an-attached-mail-only.eml").read_bytes())
    header, inner = b"From: a@dcc.example\n", b"Content-Type: multipart/mixed; boundary*=utf-8''%C3%BC\n"
    broken = raw.replace(header, header + inner).replace(b"#resolved: done", "--ü\n\ntext\n--ü--".encode())
    with pytest.raises(UnicodeEncodeError):
        message_from_bytes(broken).get_payload()[1].as_bytes()
    assert reader().receive(broken, RECEIVED, Memory()).attachments[0].name == "message.eml"


#: the Date of the plain replies that are written here
SENT = RECEIVED - timedelta(minutes=5)


def said_after(text, last, *, received_at=RECEIVED):
    """How an answer is read whose Date is `SENT`, when the last report was at another instant."""
    raw = filled((CORPUS / "01-plain-reply.eml").read_bytes())
    head, _, _ = raw.partition(b"\n\n")
    known = Memory((replace(ASKED, last_report_at=last), *ENGAGEMENTS[1:]))
    return reader().receive(head + b"\n\n" + text.encode() + b"\n", received_at, known)


@pytest.mark.parametrize("behind", [timedelta(seconds=1), timedelta(minutes=5), timedelta(minutes=14, seconds=59)])
def test_a_date_a_little_behind_the_last_report_orders_nothing(behind):
    last = SENT + behind
    reading = said_after("#progress: We look into it.", last, received_at=last + timedelta(minutes=1))
    assert (reading.report, reading.verdict, reading.ordered) == (ReportKind.PROGRESS, "apply", False)
    assert reading.at == last + timedelta(minutes=1)


@pytest.mark.parametrize("text", ["#resolved: Done.", "#decline: Not ours.", "#workaround: Use the other one."])
def test_what_ends_the_work_is_not_taken_from_a_mail_that_may_be_older(text):
    reading = said_after(text, SENT + timedelta(minutes=1))
    assert (reading.verdict, reading.reasons[0]) == ("quarantine", "perhaps_older_than_the_last_report")


def test_a_mail_of_the_same_moment_as_the_last_report_is_not_older():
    reading = said_after("#progress: We look into it.", RECEIVED + timedelta(microseconds=999_999))
    assert (reading.verdict, reading.ordered) == ("apply", False)


def test_a_date_far_behind_the_last_report_makes_it_older():
    last = SENT + timedelta(minutes=15)
    reading = said_after("#resolved: Done.", last, received_at=last + timedelta(minutes=1))
    assert (reading.verdict, reading.ordered, reading.at) == ("apply", True, SENT)


def test_a_mail_that_came_before_the_last_report_is_older_whatever_the_clocks_say():
    reading = said_after("#resolved: Done.", RECEIVED + timedelta(seconds=61))
    assert (reading.verdict, reading.ordered, reading.at) == ("apply", True, SENT)


@pytest.mark.parametrize("last", [None, SENT, SENT - timedelta(seconds=1)])
def test_a_newer_date_orders_as_ever(last):
    reading = said_after("#resolved: Done.", last)
    assert (reading.verdict, reading.ordered, reading.at) == ("apply", True, SENT)


class Counting(Memory):
    """Counts what it is asked."""

    def __init__(self):
        super().__init__()
        self.asked = Counter()

    def by_message_id(self, wanted):
        self.asked["message", wanted] += 1
        return super().by_message_id(wanted)

    def by_reference(self, wanted):
        self.asked["reference", wanted] += 1
        return super().by_reference(wanted)

    def engagement(self, wanted):
        self.asked["engagement", wanted] += 1
        return super().engagement(wanted)


def test_the_store_is_asked_everything_once_for_each_mail():
    counting = Counting()
    known = Recalled(counting)
    reading = read("command-decline-with-direction", known=known)
    # Who decides asks once more; the reference in the subject is that of the engagement which the header named.
    assert known.engagement(reading.engagement).id == reading.engagement
    assert {kind for kind, _ in counting.asked} == {"message", "engagement"}
    assert set(counting.asked.values()) == {1}


def test_a_reference_that_names_another_engagement_than_the_header_is_asked_for():
    known = Recalled(Memory())
    assert known.by_message_id(message_id(ASKED)) == ASKED.id
    assert known.by_reference(OTHER.reference) == OTHER.id
    assert known.by_reference(ASKED.reference) == ASKED.id
