import pytest

from bridge.connectors.mail.settings import MailSettings
from bridge.connectors.mail.signing import Keys
from bridge.connectors.mail.writing import Writer
from bridge.domain.agreement import EmailMethod


@pytest.fixture
def settings():
    return MailSettings(
        "smtps://mail.example.org",
        "imaps://mail.example.org",
        "cpsd@bridge.example",
        Keys((b"a key of sixteen bytes",)),
    )


@pytest.fixture
def writer(settings):
    return Writer(settings)


@pytest.fixture
def method():
    return EmailMethod(to=("servicedesk@dcc.example",), cc=("duty@dcc.example",), from_domains=("dcc.example",))
