"""`servicenow.auth`: every way to log in, and what is refused."""

import pytest

from bridge.app import servicenow
from bridge.configuration import load
from bridge.domain.errors import ConfigurationError
from bridge.settings import ApiKeyAuth, BasicAuth, ClientCredentials, JwtGrant, PasswordGrant, RefreshGrant
from tests.unit.settings.folders import ENVIRON, problems_of, shipped_copy, spoil

WRITTEN = "auth: {kind: client_credentials, client_id: ${SN_CLIENT_ID}, client_secret: ${SN_CLIENT_SECRET}}"
CLIENT = "client_id: ${SN_CLIENT_ID}, client_secret: ${SN_CLIENT_SECRET}"
LOGINS = {
    "basic": ("username: u, password: ${PASSWORD}", BasicAuth),
    "client_credentials": (CLIENT, ClientCredentials),
    "password": (f"{CLIENT}, username: u, password: ${{PASSWORD}}", PasswordGrant),
    "refresh_token": (f"{CLIENT}, refresh_token: ${{PASSWORD}}", RefreshGrant),
    "jwt_bearer": (f"{CLIENT}, private_key: ${{PASSWORD}}, key_id: k1, subject: a@example.org", JwtGrant),
    "api_key": ("key: ${PASSWORD}", ApiKeyAuth),
}
SECRET = "Vb6-a-secret-77"
HERE = {**ENVIRON, "PASSWORD": SECRET}


@pytest.fixture
def folder(tmp_path):
    return shipped_copy(tmp_path)


@pytest.mark.parametrize("kind", LOGINS)
def test_every_way_to_log_in_can_be_configured_and_is_not_shown(folder, kind):
    keys, kept_as = LOGINS[kind]
    spoil(folder / "bridge.yaml", WRITTEN, f"auth: {{kind: {kind}, {keys}}}")
    configuration = load(folder, HERE)
    assert isinstance(configuration.servicenow.auth, kept_as)
    assert configuration.servicenow.user == "cpsd.bridge"
    for secret in (SECRET, ENVIRON["SN_CLIENT_SECRET"]):
        assert secret not in repr(configuration)


@pytest.mark.parametrize("kind", sorted(LOGINS.keys() - {"jwt_bearer"}))
def test_every_way_to_log_in_makes_a_connector(folder, kind):
    spoil(folder / "bridge.yaml", WRITTEN, f"auth: {{kind: {kind}, {LOGINS[kind][0]}}}")
    source = servicenow(load(folder, HERE))
    assert SECRET not in repr(source._session.login)
    source.close()


def test_a_private_key_that_is_none_says_so_and_is_not_shown(folder):
    spoil(folder / "bridge.yaml", WRITTEN, f"auth: {{kind: jwt_bearer, {LOGINS['jwt_bearer'][0]}}}")
    with pytest.raises(ConfigurationError, match="private_key") as raised:
        servicenow(load(folder, HERE))
    assert SECRET not in str(raised.value)


def test_the_audience_is_the_client_unless_another_is_expected(folder):
    line = f"auth: {{kind: jwt_bearer, {LOGINS['jwt_bearer'][0]}"
    spoil(folder / "bridge.yaml", WRITTEN, f"{line}}}")
    assert load(folder, HERE).servicenow.auth.audience == ENVIRON["SN_CLIENT_ID"]
    spoil(folder / "bridge.yaml", line, f"{line}, audience: https://x.example/oauth_token.do")
    assert load(folder, HERE).servicenow.auth.audience == "https://x.example/oauth_token.do"


@pytest.mark.parametrize("kind", LOGINS)
def test_the_user_must_be_named_unless_the_login_does(folder, kind):
    spoil(folder / "bridge.yaml", WRITTEN, f"auth: {{kind: {kind}, {LOGINS[kind][0]}}}")
    spoil(folder / "bridge.yaml", "  user: cpsd.bridge\n", "")
    found = problems_of(folder, HERE)
    assert [problem.what for problem in found] == (
        [] if kind in {"basic", "password"} else [f"user is missing: with {kind} nothing else says who the bridge is"]
    )


@pytest.mark.parametrize(
    "kind, plain",
    [
        ("password", "password: ${PASSWORD}"),
        ("refresh_token", "refresh_token: ${PASSWORD}"),
        ("jwt_bearer", "private_key: ${PASSWORD}"),
        ("api_key", "key: ${PASSWORD}"),
    ],
)
def test_no_secret_may_stand_in_the_file(folder, kind, plain):
    keys = LOGINS[kind][0].replace(plain, plain.replace("${PASSWORD}", SECRET))
    spoil(folder / "bridge.yaml", WRITTEN, f"auth: {{kind: {kind}, {keys}}}")
    (problem,) = problems_of(folder, HERE)
    assert "plain text" in problem.what
    assert SECRET not in str(problem)
