import logging
import traceback
from pathlib import Path

import pytest

from bridge.configuration import InvalidConfigurationError, load
from tests.unit.settings.folders import ENVIRON, SECRETS, SHIPPED, problems_of, shipped_copy, spoil

PLAIN = "hunter2-plain-Text-77"

PLACES = {
    "mail password": ("password: ${MAIL_PASSWORD}", f"password: {PLAIN}"),
    "mail password in quotes": ("password: ${MAIL_PASSWORD}", f'password: "{PLAIN}"'),
    "mail password of digits": ("password: ${MAIL_PASSWORD}", "password: 1234567890"),
    "mail password in part": ("password: ${MAIL_PASSWORD}", f"password: {PLAIN}${{MAIL_PASSWORD}}"),
    "client secret": ("client_secret: ${SN_CLIENT_SECRET}", f"client_secret: {PLAIN}"),
    "basic password": (
        "auth: {kind: client_credentials, client_id: ${SN_CLIENT_ID}, client_secret: ${SN_CLIENT_SECRET}}",
        f"auth: {{kind: basic, username: u, password: {PLAIN}}}",
    ),
    "signing key": ("- ${BRIDGE_SIGNING_KEY}", f"- {PLAIN}-{PLAIN}-{PLAIN}"),
    "store password": ("store: sqlite:///var/bridge.db ", f"store: postgresql+psycopg://u:{PLAIN}@db/bridge "),
    "store password in part": (
        "store: sqlite:///var/bridge.db ",
        f"store: postgresql+psycopg://u:{PLAIN}${{MAIL_PASSWORD}}@db/bridge ",
    ),
    "store password as a parameter": (
        "store: sqlite:///var/bridge.db ",
        f"store: postgresql+psycopg://db/bridge?user=u&password={PLAIN} ",
    ),
    "login in a mail server's address": ("smtps://mail.example.org", f"smtps://u:{PLAIN}@mail.example.org"),
    "login in the instance's address": ("url: ${SN_URL}", f"url: https://u:{PLAIN}@example.service-now.com"),
    "webhook": ("mail: [oncall@example.org]", f"webhook: https://hooks.example.org/{PLAIN}"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_in_plain_text_is_refused_and_not_repeated(place, tmp_path: Path):
    folder = shipped_copy(tmp_path)
    line = spoil(folder / "bridge.yaml", *PLACES[place])
    found = problems_of(folder)
    assert [problem.line for problem in found] == [line]
    assert "plain text" in found[0].what or "a login is part of" in found[0].what
    assert PLAIN[:6] not in str(found[0])
    assert "1234567890"[:6] not in str(found[0])


def test_no_secret_is_shown_by_what_was_loaded(caplog):
    configuration = load(SHIPPED, ENVIRON)
    logging.getLogger("test").warning("%r %s", configuration, configuration)
    for secret in SECRETS:
        assert secret[:6] not in repr(configuration)
        assert secret[:6] not in str(configuration)
        assert secret[:6] not in caplog.text


def test_secrets_are_there_for_those_who_ask():
    configuration = load(SHIPPED, ENVIRON)
    assert configuration.servicenow.auth.client_secret.get_secret_value() == ENVIRON["SN_CLIENT_SECRET"]
    assert configuration.mail.password.get_secret_value() == ENVIRON["MAIL_PASSWORD"]
    assert configuration.signing_keys[0].get_secret_value() == ENVIRON["BRIDGE_SIGNING_KEY"]


def test_no_error_shows_a_value_from_the_environment(tmp_path: Path):
    """Variables in the wrong places: each is refused by its name."""
    folder = shipped_copy(tmp_path)
    bridge, routes = folder / "bridge.yaml", folder / "routes.yaml"
    desk = folder / "desks" / "dcc-service-desk.yaml"
    for path, old, new in (
        (bridge, "cpsd@example.org", "${MAIL_PASSWORD}"),
        (bridge, "per_cycle: 20", "per_cycle: ${MAIL_PASSWORD}"),
        (bridge, "console: 127.0.0.1:8600", "console: ${BRIDGE_SIGNING_KEY}"),
        (bridge, "sqlite:///var/bridge.db", "${SN_CLIENT_SECRET}"),
        (desk, "mode: observe", "mode: ${MAIL_PASSWORD}"),
        (desk, "P1: 30m", "P1: ${MAIL_PASSWORD}"),
        (desk, "Mon-Fri 08:00-18:00", "${MAIL_PASSWORD}"),
        (desk, "max: 10MB", "max: ${MAIL_PASSWORD}"),
        (desk, "confirmation: elexon", "confirmation: ${MAIL_PASSWORD}"),
        (desk, "automatic and subject", "${MAIL_PASSWORD} and subject"),
        (routes, "assignment_group == 'CPSD DCC'", "${MAIL_PASSWORD}"),
        (routes, "propose: rec-service-desk", "propose: ${MAIL_PASSWORD}"),
        (routes, "propose: ees-service-desk", "auto: ${MAIL_PASSWORD}"),
    ):
        spoil(path, old, new)
    with pytest.raises(InvalidConfigurationError) as caught:
        load(folder, ENVIRON)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.problems)
    assert len(caught.value.problems) == 13
    assert "${MAIL_PASSWORD}" in told
    for secret in SECRETS:
        assert secret[:4] not in told


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    (tmp_path / "password").write_text("from-a-file-8842\n")
    spoil(folder / "bridge.yaml", "password: ${MAIL_PASSWORD}", f"password: file:{tmp_path}/password")
    configuration = load(folder, ENVIRON)
    assert configuration.mail.password.get_secret_value() == "from-a-file-8842"
    spoil(folder / "bridge.yaml", f"password: file:{tmp_path}/password", "password: file:${SECRETS_FOLDER}/password")
    configuration = load(folder, {**ENVIRON, "SECRETS_FOLDER": str(tmp_path)})
    assert configuration.mail.password.get_secret_value() == "from-a-file-8842"
    assert "from-a-file" not in repr(configuration)


def test_a_secret_file_that_cannot_be_read_is_told(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    line = spoil(folder / "bridge.yaml", "client_secret: ${SN_CLIENT_SECRET}", f"client_secret: file:{tmp_path}/none")
    (problem,) = problems_of(folder)
    assert "cannot be read" in problem.what
    assert problem.line <= line


@pytest.mark.parametrize("name", ["MAIL_PASSWORD", "SN_CLIENT_SECRET"])
def test_an_empty_secret_is_told(name):
    assert [f"{name}}} is empty" in p.what for p in problems_of(SHIPPED, {**ENVIRON, name: ""})] == [True]


def test_the_store_may_be_a_variable_a_file_or_hold_a_variable(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    url = "postgresql+psycopg://bridge:pg-secret-41@db.example.org/bridge"
    (tmp_path / "store").write_text(url)
    store = "sqlite:///var/bridge.db"
    for written in ("${STORE}", f"file:{tmp_path}/store", "postgresql+psycopg://bridge:${PG}@db.example.org/bridge"):
        spoil(folder / "bridge.yaml", f"store: {store} ", f"store: {written} ")
        store = written
        configuration = load(folder, {**ENVIRON, "STORE": url, "PG": "pg-secret-41"})
        assert configuration.store.get_secret_value() == url
        assert "pg-secret" not in repr(configuration)


def test_a_file_without_the_address_of_a_store_is_told_without_its_contents(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    (tmp_path / "store").write_text("pg-secret-41")
    spoil(folder / "bridge.yaml", "store: sqlite:///var/bridge.db ", f"store: file:{tmp_path}/store ")
    (problem,) = problems_of(folder)
    assert "holds no address of a store" in problem.what
    assert "pg-secret" not in str(problem)


def test_a_short_signing_key_is_refused_without_being_shown(tmp_path: Path):
    (problem,) = problems_of(SHIPPED, {**ENVIRON, "BRIDGE_SIGNING_KEY": "too-short-key"})
    assert problem.what == "the signing key is too short"
    assert "too-short-key" not in str(problem)
