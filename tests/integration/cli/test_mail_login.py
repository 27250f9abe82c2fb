"""`mail login`, and what `check` says about tokens for mail."""

import stat

import pytest

from tests.integration.cli.conftest import BRIDGE, DCC
from tests.servers.certificates import make_certificates
from tests.servers.tokens import Provider, running_token_server

SECRET = "mail-secret-that-nobody-may-see"


@pytest.fixture
def tokens(bench, tmp_path, monkeypatch):
    """A token server, and a bridge that logs in by its tokens; the mail server takes none."""
    monkeypatch.setenv("MAIL_SECRET", SECRET)
    certificates = make_certificates(tmp_path)
    provider = Provider({}, secrets={"bridge": SECRET}, mailboxes={"bridge": BRIDGE}, person=BRIDGE)
    with running_token_server(provider, certificates) as authority:
        del bench.bridge["mail"]["password"]
        bench.bridge["mail"]["ca_file"] = str(certificates.authority)
        bench.bridge["mail"]["auth"] = {
            "kind": "client_credentials",
            "authority": authority,
            "client_id": "bridge",
            "client_secret": "${MAIL_SECRET}",
        }
        bench.write()
        yield provider


@pytest.fixture
def delegated(bench, tokens, tmp_path):
    auth = bench.bridge["mail"]["auth"]
    del auth["client_secret"]
    auth |= {"kind": "delegated", "token_file": str(tmp_path / "tokens.json")}
    bench.write()
    return tmp_path / "tokens.json"


def told(bench, name):
    return next(one for one in bench.json("check", exits=1)["checks"] if one["name"] == name)


def test_check_tells_a_token_that_is_there_from_a_server_that_takes_none(bench, tokens):
    assert told(bench, "mail token")["status"] == "ok"
    for name in (f"smtp {DCC}", "imap INBOX"):
        line = told(bench, name)
        assert (line["status"], "XOAUTH2" in line["detail"]) == ("failed", True)
        assert line["remedy"]


def test_check_names_a_wrong_secret_and_shows_neither(bench, tokens, monkeypatch):
    wrong = "another-mail-secret-nobody-may-see"
    monkeypatch.setenv("MAIL_SECRET", wrong)
    result = bench.run("check", exits=1)
    assert "the token server gives no token: invalid_client" in result.stdout
    assert "client_secret" in result.stdout
    for secret in (wrong, SECRET):
        assert secret not in result.stdout + result.stderr
    assert len(tokens.asked) == 1


def test_who_logs_in_once_lets_the_bridge_in(bench, tokens, delegated):
    assert told(bench, "mail token")["remedy"] == "run cpsd-bridge mail login"
    result = bench.run("mail", "login")
    assert "ABCD-EFGH" in result.stderr
    assert BRIDGE in result.stdout
    assert stat.S_IMODE(delegated.stat().st_mode) == 0o600
    assert told(bench, "mail token")["status"] == "ok"
    assert not any(token in result.stdout + result.stderr for token in (*tokens.given, *tokens.refresh))


def test_nobody_logs_in_where_that_is_of_no_use(bench, tokens):
    assert "kind: delegated" in bench.run("mail", "login", exits=2).stderr
    assert tokens.asked == []


def test_a_token_server_that_is_away_ends_with_3(bench, tokens, delegated):
    bench.bridge["mail"]["auth"]["authority"] = "https://127.0.0.1:9/a-tenant"
    bench.write()
    assert "cannot be asked" in bench.run("mail", "login", exits=3).stderr
    assert not delegated.exists()
