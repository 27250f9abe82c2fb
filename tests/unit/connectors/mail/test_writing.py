import base64
import email
import json
import re
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest

from bridge.connectors.mail.schema import CaseMessage
from bridge.connectors.mail.sending import stamped
from bridge.connectors.mail.wording import EXAMPLES, REPLY_LINE
from bridge.domain.facts import MessageKind
from bridge.ports import File
from tests.unit.connectors.mail.messages import DESK, NOW, outbound


def parsed(frozen):
    return email.message_from_bytes(frozen.content, policy=email.policy.default)


def part(frozen, content_type):
    return next(one for one in parsed(frozen).walk() if one.get_content_type() == content_type)


def plain(frozen):
    return part(frozen, "text/plain").get_content().replace("\r\n", "\n")


def test_the_same_message_at_the_same_instant_gives_the_same_bytes(writer, method):
    assert writer.write(outbound(), method, NOW) == writer.write(outbound(), method, NOW)


def test_the_subject_keeps_reference_case_number_priority_and_summary(writer, method, settings):
    message = outbound()
    subject = parsed(writer.write(message, method, NOW))["Subject"]
    signed = settings.keys.sign_reference(message.reference)
    assert subject == f"[CPSD {signed}] CS0001234 P2 Half-hourly reads missing since Monday"


def test_the_desks_own_reference_stands_in_the_subject_once_it_is_known(writer, method):
    subject = parsed(writer.write(outbound(desk_reference="INC000000000042"), method, NOW))["Subject"]
    assert subject.endswith("[INC000000000042]")


def test_a_summary_cannot_forge_a_header(writer, method):
    mail = parsed(writer.write(outbound(summary="Reads\r\nBcc: thief@evil.example"), method, NOW))
    assert "Bcc" not in mail
    assert "Bcc: thief" in mail["Subject"]


def test_the_message_id_names_the_delivery_and_stands_on_its_fields_line(writer, method, settings):
    message = outbound()
    frozen = writer.write(message, method, NOW)
    assert settings.keys.verify_message_id(frozen.message_id) == message.id
    assert f"Message-ID: {frozen.message_id}\r\n".encode() in frozen.content


def test_message_ids_longer_than_a_line_are_written_whole(writer, method):
    thread = tuple(f"<cpsd.{'0' * 60}.{number}@a-rather-long-domain.bridge.example>" for number in range(3))
    content = writer.write(outbound(thread=thread), method, NOW).content
    assert f"In-Reply-To: {thread[-1]}\r\n".encode() in content
    assert email.message_from_bytes(content)["References"].split() == list(thread)


def test_a_later_message_stands_in_the_same_thread(writer, method):
    first, second = "<cpsd.1@bridge.example>", "<cpsd.2@bridge.example>"
    mail = parsed(writer.write(outbound(thread=(first, second)), method, NOW))
    assert mail["In-Reply-To"] == second
    assert mail["References"] == f"{first} {second}"
    assert mail["Subject"].startswith("Re: ")


def test_a_long_thread_keeps_its_first_and_its_newest_messages(writer, method):
    thread = tuple(f"<cpsd.{number}@bridge.example>" for number in range(100))
    references = parsed(writer.write(outbound(thread=thread), method, NOW))["References"].split()
    assert references[0] == thread[0]
    assert references[-1] == thread[-1]
    assert len(references) == 21


def test_the_mail_says_that_a_machine_wrote_it_and_wants_no_automatic_answer(writer, method):
    mail = parsed(writer.write(outbound(), method, NOW))
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert "Precedence" not in mail


def test_a_desk_whose_system_acknowledges_no_automatic_mail_gets_none_that_says_so(writer, method):
    mail = parsed(writer.write(outbound(), replace(method, automatic=False), NOW))
    assert "Auto-Submitted" not in mail
    assert mail["X-Auto-Response-Suppress"] == "DR, RN, NRN, OOF"


def test_answers_come_to_our_address_and_the_date_is_the_instant_given(writer, method):
    mail = parsed(writer.write(outbound(), method, NOW))
    assert mail["Reply-To"].addresses[0].addr_spec == "cpsd@bridge.example"
    assert parsedate_to_datetime(mail["Date"]) == NOW
    assert [one.addr_spec for one in mail["To"].addresses] == ["servicedesk@dcc.example"]
    assert [one.addr_spec for one in mail["Cc"].addresses] == ["duty@dcc.example"]


def test_all_recipients_of_the_agreement_are_frozen_with_the_mail(writer, method):
    assert writer.write(outbound(), method, NOW).recipients == ("servicedesk@dcc.example", "duty@dcc.example")


def test_what_is_asked_and_by_when_stand_before_everything_else(writer, method):
    text = plain(writer.write(outbound(), method, NOW))
    asked, due, contents = text.index("Please find out why"), text.index("12:00"), text.index("Reads for two")
    assert text.index(REPLY_LINE) < asked < due < contents < text.index("HOW TO ANSWER")


def test_the_due_time_is_told_in_the_desks_wall_clock(writer, method):
    text = plain(writer.write(outbound(due=datetime.fromisoformat("2026-07-21T11:00:00+00:00")), method, NOW))
    assert "Tuesday 21 July 2026, 12:00 BST" in text


def test_contents_reference_and_examples_are_in_both_texts(writer, method, settings):
    message = outbound()
    frozen = writer.write(message, method, NOW)
    html = part(frozen, "text/html").get_content()
    for text in (plain(frozen), html):
        assert "Settlement run R1 is delayed" in text
        assert f"CPSD reference: {settings.keys.sign_reference(message.reference)}" in text
        for example in EXAMPLES:
            assert example.command in text


def test_no_line_of_our_own_mail_begins_with_a_command(writer, method):
    assert not re.search(r"(?m)^\s*#", plain(writer.write(outbound(), method, NOW)))


@pytest.mark.parametrize("kind", [MessageKind.ACCEPT, MessageKind.WITHDRAW])
def test_a_message_that_ends_the_matter_asks_for_no_answer(writer, method, kind):
    assert "HOW TO ANSWER" not in plain(writer.write(outbound(kind=kind), method, NOW))


@pytest.mark.parametrize("kind", list(MessageKind))
def test_every_kind_of_message_can_be_written(writer, method, kind):
    mail = parsed(writer.write(outbound(kind=kind, due=None, text="", facts=()), method, NOW))
    assert mail["X-CPSD-Kind"] == kind


def test_markup_in_a_case_stays_text_in_the_html(writer, method):
    frozen = writer.write(outbound(text="<script>alert(1)</script>", summary="<b>bold</b>"), method, NOW)
    html = part(frozen, "text/html").get_content()
    assert "<script>" not in html
    assert "<b>bold" not in html


def test_a_template_in_a_case_stays_text(writer, method):
    assert "{{ 7*7 }}" in plain(writer.write(outbound(text="{{ 7*7 }}"), method, NOW))


def test_machines_find_the_same_facts_as_json(writer, method, settings):
    message = outbound(files=(File("evidence.csv", "text/csv", b"a,b\n"),), desk_reference="INC000000000042")
    raw = part(writer.write(message, method, NOW), "application/json")
    assert raw.get_filename() == "cpsd-case.json"
    told = CaseMessage.model_validate_json(raw.get_content())
    assert told.reference == settings.keys.sign_reference(message.reference)
    assert told.delivery == message.id
    assert [(one.id, one.owner) for one in told.external_identifier] == [
        ("CS0001234", "Elexon"),
        ("INC000000000042", DESK),
    ]
    assert told.requested_response_date == message.due
    assert told.characteristic[0].value == "Settlement run R1 is delayed"
    assert told.attachment[0].size == 4
    names = set(json.loads(raw.get_content()))
    assert {"externalIdentifier", "requestedResponseDate", "creationDate", "schema"} <= names


def test_files_keep_their_names_and_bytes(writer, method):
    files = (File("evidence ü.csv", "text/csv", b"a,b\r\n\x00"), File("../x\r\ny.pdf", "not a type", b"%PDF"))
    mail = parsed(writer.write(outbound(files=files), method, NOW))
    attached = [one for one in mail.iter_attachments() if one.get_content_type() != "application/json"]
    assert [one.get_filename() for one in attached] == ["evidence ü.csv", "../x y.pdf"]
    assert attached[0].get_payload(decode=True) == b"a,b\r\n\x00"
    assert attached[1].get_content_type() == "application/octet-stream"


def test_every_line_ends_with_crlf_and_is_short_enough_for_smtp(writer, method):
    long = "x" * 5000 + "\n" + "ü" * 5000
    content = writer.write(outbound(text=long, summary="ü" * 300), method, NOW).content
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", content)
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert content.isascii()


def test_a_boundary_in_the_text_does_not_break_the_mail(writer, method):
    frozen = writer.write(outbound(), method, NOW)
    boundary = parsed(frozen).get_boundary()
    again = writer.write(outbound(text=f"--{boundary}--\n--{boundary}\n"), method, NOW)
    assert f"--{boundary}--" in plain(again)
    assert len(list(parsed(again).walk())) == 5


def test_a_repeat_differs_from_the_first_attempt_by_one_field_only(writer, method):
    frozen = writer.write(outbound(), method, NOW)
    assert stamped(frozen.content, 1) == frozen.content
    assert stamped(frozen.content, 2) == b"X-CPSD-Attempt: 2; possible repeat\r\n" + frozen.content


def test_another_delivery_has_another_message_id(writer, method):
    first = writer.write(outbound(), method, NOW)
    second = writer.write(replace(outbound(), id="0d5802c9-8988-59f4-8ef8-7c0cbf9ea701"), method, NOW)
    assert first.message_id != second.message_id


def test_the_json_part_is_plain_utf8(writer, method):
    raw = part(writer.write(outbound(summary="für"), method, NOW), "application/json")
    assert "für" in base64.b64decode(raw.get_payload()).decode()
