"""Logins, tokens, and rows or operators that a user may not have."""

import base64
import time

import pytest

CASE = "sn_customerservice_case"


def token(client, sandbox, *, basic=False, **form):
    known = sandbox.instance.accounts.client
    headers = {}
    if basic:
        pair = f"{known.client_id}:{known.client_secret}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    else:
        form = {"client_id": known.client_id, "client_secret": known.client_secret} | form
        client.session.auth = None
    return client.session.post(f"{client.url}/oauth_token.do", data=form, headers=headers, timeout=5)


def with_token(client, access):
    client.session.auth = None
    return client.session.get(
        f"{client.url}/api/now/table/{CASE}", headers={"Authorization": f"Bearer {access}"}, timeout=5
    )


def test_client_credentials_act_as_the_integration_user(bridge, sandbox):
    answer = token(bridge, sandbox, grant_type="client_credentials").json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 1799)
    assert with_token(bridge, answer["access_token"]).status_code == 200
    assert sandbox.instance.ledger.entries()[-1]["user"] == "cpsd.bridge"


def test_a_client_may_prove_itself_in_a_basic_header(bridge, sandbox):
    bridge.session.auth = None
    assert token(bridge, sandbox, basic=True, grant_type="client_credentials").status_code == 200


def test_password_and_refresh_grants_follow_the_user(bridge, sandbox):
    password = sandbox.instance.accounts.passwords["priya.shah"]
    first = token(bridge, sandbox, grant_type="password", username="priya.shah", password=password).json()
    assert set(first) == {"access_token", "refresh_token", "scope", "token_type", "expires_in"}
    second = token(bridge, sandbox, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    assert with_token(bridge, second["access_token"]).status_code == 200
    assert sandbox.instance.ledger.entries()[-1]["user"] == "priya.shah"


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "password", "username": "priya.shah", "password": "wrong"},
        {"grant_type": "refresh_token", "refresh_token": "wrong"},
        {"grant_type": "client_credentials", "client_secret": "wrong"},
        {"grant_type": "nothing"},
        {},
    ],
)
def test_a_refused_grant_is_the_platforms_server_error(bridge, sandbox, form):
    answer = token(bridge, sandbox, **form)
    assert answer.status_code == 401
    assert answer.json() == {"error_description": "access_denied", "error": "server_error"}


def test_a_token_ends_with_its_lifetime_or_when_it_is_revoked(bridge, admin, sandbox):
    admin.admin("POST", "settings", json={"token_lifetime": 0.2})
    access = token(bridge, sandbox, grant_type="client_credentials").json()["access_token"]
    assert with_token(bridge, access).status_code == 200
    time.sleep(0.25)
    assert with_token(bridge, access).status_code == 401
    admin.admin("POST", "settings", json={"token_lifetime": 100})
    access = token(bridge, sandbox, grant_type="client_credentials").json()["access_token"]
    admin.admin("POST", "tokens/revoke")
    assert with_token(bridge, access).status_code == 401


def test_hidden_rows_shorten_the_page_but_not_the_count(bridge, admin):
    ids = sorted(bridge.create()["sys_id"] for _ in range(4))
    admin.admin("POST", "acl", json={"kind": "hide", "table": CASE, "user": "cpsd.bridge", "sys_ids": ids[:2]})
    answer = bridge.get(CASE, sysparm_query="ORDERBYsys_id", sysparm_limit=3)
    assert [row["sys_id"] for row in answer.json()["result"]] == ids[2:3]
    assert answer.headers["X-Total-Count"] == "4"
    assert 'rel="next"' in answer.headers["Link"]
    assert bridge.get(CASE, ids[0]).status_code == 404
    assert bridge.patch(ids[0], priority="1").status_code == 404
    assert len(admin.rows(CASE)) == 4
    admin.admin("DELETE", "acl")
    assert len(bridge.rows(CASE)) == 4


def test_rows_can_be_hidden_by_the_value_of_a_field(bridge, admin):
    admin.admin("POST", "acl", json={"kind": "hide", "table": CASE, "query": "priority=1"})
    secret, plain = bridge.create(priority="2"), bridge.create(priority="3")
    assert len(bridge.rows(CASE)) == 2
    admin.patch(secret["sys_id"], priority="1")
    assert [row["sys_id"] for row in bridge.rows(CASE)] == [plain["sys_id"]]


def test_an_insert_that_the_writer_may_not_see_is_403_and_stands(bridge, admin):
    admin.admin("POST", "acl", json={"kind": "hide", "table": CASE, "query": "priority=1"})
    answer = bridge.call("POST", f"/api/now/table/{CASE}", json={"priority": "1"})
    assert answer.status_code == 403
    assert len(admin.rows(CASE)) == 1


def test_a_query_acl_forbids_its_class_of_operators_to_its_user(bridge, admin, resolver):
    admin.admin("POST", "acl", json={"kind": "query_range", "table": CASE, "user": "cpsd.bridge"})
    for query in ("sys_updated_on>=2000-01-01", "short_descriptionSTARTSWITHa", "priorityBETWEEN1@2"):
        answer = bridge.get(CASE, sysparm_query=query)
        assert (answer.status_code, answer.json()["error"]["message"]) == (403, "Insufficient rights to query records")
        assert resolver.get(CASE, sysparm_query=query).status_code == 200
    assert bridge.get(CASE, sysparm_query="priority=1^ORDERBYsys_updated_on").status_code == 200
    admin.admin("DELETE", "acl")
    admin.admin("POST", "acl", json={"kind": "query_match", "table": CASE, "fields": ["number"]})
    assert bridge.get(CASE, sysparm_query="number=x").status_code == 403
    assert bridge.get(CASE, sysparm_query="priority=1^number>x").status_code == 200


def test_a_table_can_be_closed_for_reading_or_writing(bridge, admin):
    record = bridge.create()
    admin.admin("POST", "acl", json={"kind": "deny_read", "table": "sys_journal_field", "user": "cpsd.bridge"})
    admin.admin("POST", "acl", json={"kind": "deny_write", "table": CASE, "user": "cpsd.bridge"})
    assert bridge.get("sys_journal_field").status_code == 403
    answer = bridge.patch(record["sys_id"], priority="1")
    detail = "ACL Exception Update Failed due to security constraints"
    assert (answer.status_code, answer.json()["error"]["detail"]) == (403, detail)
