"""Where requests to a portal may go. Nothing is listening: what is refused is refused before."""

import pytest

from bridge.connectors.rest.description import HeaderAuth
from bridge.connectors.rest.login import signer
from bridge.connectors.rest.plan import Request
from bridge.connectors.rest.session import Session
from bridge.domain.errors import FarSideError, UntrustedAnswer
from tests.unit.connectors.rest.describing import described
from tests.unit.connectors.rest.test_collecting import Portal


@pytest.fixture
def session():
    made = Session(
        "portal",
        described(),
        signer(HeaderAuth("X-Key", "a secret")),
        clock=Portal(),
        monotonic=lambda: 0.0,
        sleep=lambda _: None,
    )
    yield made
    made.close()


@pytest.mark.parametrize(
    "address,what",
    [
        ("https://[a/list", "that is none"),
        ("https://[::1/x", "that is none"),
        ("//[/x", "that is none"),
        ("https://elsewhere.example.org/x", "another host"),
        ("//elsewhere.example.org/x", "another host"),
    ],
)
def test_an_address_of_an_answer_that_is_none_or_anothers_is_not_asked(session, address, what):
    with pytest.raises(UntrustedAnswer, match=what):
        session.read(Request("GET", address, {}, {}))
    with pytest.raises(FarSideError, match=what):
        session.download(Request("GET", address, {}, {}), limit=10)
