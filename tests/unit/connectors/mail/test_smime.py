import email
import time

import pytest

from bridge.connectors.mail.smime import NotSigned, signed_content
from tests.unit.connectors.mail.reading_fixtures import CORPUS


def data(name):
    return email.message_from_bytes((CORPUS / f"{name}.eml").read_bytes()).get_payload(decode=True)


@pytest.mark.parametrize("name", ["60-opaque-signed", "60-opaque-signed-in-pieces"])
def test_the_signed_entity_is_found(name):
    assert signed_content(data(name)).startswith(b"Content-Type: text/plain")


def test_data_that_was_cut_off_is_no_signed_data():
    whole = data("60-opaque-signed")
    for end in range(len(whole)):
        with pytest.raises(NotSigned):
            signed_content(whole[:end])


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x30\x80" * 100_000,
        b"\x30\xff" + b"\xff" * 300,
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x82\xff\xff" + b"\x24\x80" * 30_000,
        b"",
    ],
)
def test_data_built_to_cost_time_is_refused_at_once(hostile):
    started = time.thread_time()
    with pytest.raises(NotSigned):
        signed_content(hostile)
    assert time.thread_time() - started < 1
