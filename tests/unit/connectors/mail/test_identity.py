import pytest

from bridge.connectors.mail.identity import identity

MAIL = b"From: a@dcc.example\r\nMessage-ID: <1@dcc.example>\r\nSubject: x\r\n\r\nbody\r\n"


@pytest.mark.parametrize(
    "trace",
    [
        b"Received: by mx1; today\r\n",
        b"Return-Path: <a@dcc.example>\r\nDelivered-To: one@bridge.example\r\n",
        b"Received: from a\r\n\tby b; today\r\n",
    ],
)
def test_a_second_copy_of_a_mail_is_the_same_mail(trace):
    assert identity(trace + MAIL) == identity(MAIL)


def test_the_same_message_id_on_other_contents_is_another_mail():
    assert identity(MAIL) != identity(MAIL.replace(b"body", b"other"))
    assert identity(MAIL) != identity(MAIL.replace(b"Subject: x", b"Subject: y"))


def test_what_a_trusted_server_found_out_is_part_of_a_mail():
    assert identity(b"Authentication-Results: mx; dmarc=fail\r\n" + MAIL) != identity(MAIL)


def test_a_trace_field_in_the_body_is_part_of_a_mail():
    assert identity(MAIL + b"Received: x\r\n") != identity(MAIL)


def test_without_a_message_id_every_byte_counts():
    bare = MAIL.replace(b"Message-ID: <1@dcc.example>\r\n", b"")
    assert identity(bare) == identity(bare)
    assert identity(bare) != identity(b"Received: x\r\n" + bare)
    assert identity(bare).startswith("sha256:")


@pytest.mark.parametrize("raw", [b"", b"\n", b"no header", b"Message-ID: <1@x>", b"\xff" * 100])
def test_anything_has_an_identity(raw):
    assert identity(raw)
