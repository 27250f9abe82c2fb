"""`mail.auth`: every way to log in at mail servers, and what is refused."""

import pytest

from bridge.configuration import load
from bridge.configuration.process_models import MailModel
from bridge.settings import MailClient, MailDelegated
from tests.unit.settings.folders import ENVIRON, problems_of, shipped_copy, spoil

WRITTEN = "password: ${MAIL_PASSWORD}"
SECRET = ENVIRON["MAIL_PASSWORD"]
CLIENT = "kind: client_credentials, client_id: an-id"
PROVEN = f"{CLIENT}, client_secret: ${{MAIL_PASSWORD}}"


@pytest.fixture
def folder(tmp_path):
    return shipped_copy(tmp_path)


def write(folder, auth, beside=""):
    spoil(folder / "bridge.yaml", WRITTEN, f"auth: {{{auth}}}{beside}")


def mail(folder):
    configuration = load(folder, ENVIRON)
    assert SECRET not in repr(configuration)
    return configuration.mail


def test_a_password_may_be_written_both_ways(folder):
    before = mail(folder)
    write(folder, f"kind: password, {WRITTEN}")
    assert mail(folder) == before
    assert before.password.get_secret_value() == SECRET
    assert before.tokens is None


def test_an_application_at_microsoft_365_needs_its_tenant_only(folder):
    write(folder, f"{PROVEN}, tenant: example.org")
    found = mail(folder)
    assert isinstance(found.tokens, MailClient)
    assert found.tokens.authority == "https://login.microsoftonline.com/example.org"
    assert found.tokens.scope == ("https://outlook.office365.com/.default",)
    assert found.tokens.client_secret.get_secret_value() == SECRET
    assert (found.username, found.password) == ("cpsd@example.org", None)


def test_an_application_may_prove_itself_by_a_certificate(folder):
    write(folder, f"{CLIENT}, certificate: ${{MAIL_PASSWORD}}, authority: https://id.example.org/realms/a/")
    tokens = mail(folder).tokens
    assert tokens.authority == "https://id.example.org/realms/a"
    assert tokens.certificate.get_secret_value() == SECRET
    assert tokens.client_secret is None


def test_a_person_may_have_let_the_bridge_in(folder):
    write(folder, "kind: delegated, tenant: example.org, client_id: an-id, token_file: /var/tokens.json")
    tokens = mail(folder).tokens
    assert isinstance(tokens, MailDelegated)
    assert str(tokens.token_file) == "/var/tokens.json"
    assert {scope.rpartition("/")[2] for scope in tokens.scope} == {"IMAP.AccessAsUser.All", "SMTP.Send"}


@pytest.mark.parametrize(
    "auth,beside,says",
    [
        (PROVEN, "", "names one token server"),
        (f"{PROVEN}, tenant: example.org, authority: https://id.example.org/x", "", "names one token server"),
        (f"{PROVEN}, tenant: common", "", "belongs to one tenant"),
        (f"{PROVEN}, tenant: ../x", "", "no tenant"),
        (f"{PROVEN}, authority: http://id.example.org/x", "", "no address of a token server"),
        (f"{PROVEN}, authority: https://id.example.org", "", "no address of a token server"),
        (f"{CLIENT}, tenant: example.org", "", "proves in one way"),
        (f"{PROVEN}, tenant: example.org, certificate: file:/x", "", "proves in one way"),
        (f"{PROVEN}, tenant: example.org", f"\n  {WRITTEN}", "both say how to log in"),
        (f"{PROVEN}, tenant: example.org", '\n  username: "jürgen@example.org"', "cannot be said by XOAUTH2"),
        (f"{PROVEN}, tenant: example.org", '\n  username: "a\\x01b"', "cannot be said by XOAUTH2"),
        (f"{CLIENT}, tenant: example.org, client_secret: in-plain-text", "", "plain text"),
        ("kind: delegated, tenant: example.org, client_id: an-id", "", "token_file"),
        ("kind: basic", "", "auth"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(folder, auth, beside, says):
    write(folder, auth, beside)
    problems = problems_of(folder)
    assert len(problems) == 1
    assert says in problems[0].what
    assert problems[0].line > 0
    assert problems[0].remedy
    assert "in-plain-text" not in str(problems[0])


def test_the_models_say_what_each_key_means():
    assert all(field.description for field in MailModel.model_fields.values())
