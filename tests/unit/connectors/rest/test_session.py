"""Where requests to a portal may go. Nothing is listening: what is refused is refused before."""

import pytest

from bridge.connectors.rest.description import HeaderAuth
from bridge.connectors.rest.login import signer
from bridge.connectors.rest.plan import Request
from bridge.connectors.rest.session import LoginRefused, Session, is_login_refused
from bridge.domain.errors import FarSideError, NotFound, NotPermitted, TryLater, UntrustedAnswer
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


@pytest.mark.parametrize(
    "error,refused",
    [
        (LoginRefused("no token", status=400), True),
        (NotPermitted("portal answered 401", status=401), True),
        (NotPermitted("no right to do this", status=403), False),
        (NotFound("not there", status=404), False),
        (TryLater("no access token now"), False),
    ],
)
def test_a_login_that_is_refused_is_told_from_a_request_that_is(error, refused):
    assert is_login_refused(error) is refused
