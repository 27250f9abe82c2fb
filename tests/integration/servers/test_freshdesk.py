"""The fake of Freshdesk keeps to the contract."""

import pytest
import requests

from tests.servers.freshdesk import ADDRESS, BRIDGE, KEY, STAFF, Freshdesk
from tests.servers.portal import Trouble

OPENING = {
    "subject": "CS0001234",
    "description": "<p>Reads are missing.</p>",
    "email": ADDRESS,
    "status": 2,
    "priority": 2,
    "custom_fields": {"cf_case": "CS0001234"},
}


@pytest.fixture
def freshdesk():
    with Freshdesk() as portal:
        yield portal


def call(freshdesk, method, path, *, auth=(KEY, "X"), **options):
    return requests.request(method, f"{freshdesk.url}/api/v2/{path}", auth=auth, timeout=30, **options)


def open_one(freshdesk, **changes):
    answer = call(freshdesk, "POST", "tickets", json=OPENING | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_a_ticket_is_opened_discussed_and_resolved(freshdesk):
    number = open_one(freshdesk)
    assert call(freshdesk, "POST", f"tickets/{number}/notes", json={"body": "Any news?", "private": False}).ok
    freshdesk.says(number, "We look<br>into it.")
    told = call(freshdesk, "GET", f"tickets/{number}/conversations").json()
    assert [(one["user_id"], one["body_text"], one["private"]) for one in told] == [
        (BRIDGE, "Any news?", False),
        (STAFF, "We look\ninto it.", False),
    ]
    freshdesk.moves(number, 4)
    shown = call(freshdesk, "GET", f"tickets/{number}").json()
    assert (shown["status"], shown["description_text"]) == (4, "Reads are missing.")
    assert call(freshdesk, "PUT", f"tickets/{number}", json={"status": 2}).json()["status"] == 2
    assert call(freshdesk, "GET", "tickets/999").status_code == 404


def test_files_come_in_forms(freshdesk):
    number = open_one(freshdesk)
    form = {"body": "See the file.", "private": "false"}
    files = [("attachments[]", ("reads.csv", b"mpan\n", "text/csv"))]
    said = call(freshdesk, "POST", f"tickets/{number}/notes", data=form, files=files).json()
    assert said["private"] is False
    (file,) = said["attachments"]
    assert (file["name"], file["content_type"], file["size"]) == ("reads.csv", "text/csv", 5)
    assert requests.get(file["attachment_url"], timeout=30).content == b"mpan\n"
    whole = {"subject": "x", "description": "y", "email": ADDRESS, "status": "2", "priority": "1"}
    made = call(freshdesk, "POST", "tickets", data=whole | {"custom_fields[cf_case]": "CS1"}, files=files).json()
    assert (made["status"], made["custom_fields"]["cf_case"], len(made["attachments"])) == (2, "CS1", 1)


def test_what_changed_since_is_listed_by_pages_that_the_link_header_joins(freshdesk):
    numbers = [open_one(freshdesk) for _ in range(3)]
    freshdesk.later(minutes=5)
    begin = freshdesk.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    for number in numbers[1:]:
        freshdesk.says(number, "We look into it.")
    query = {"updated_since": begin, "order_by": "updated_at", "order_type": "asc", "per_page": 1}
    first = call(freshdesk, "GET", "tickets", params=query)
    second = requests.get(first.links["next"]["url"], auth=(KEY, "X"), timeout=30)
    assert [one["id"] for one in first.json() + second.json()] == numbers[1:]
    assert "next" not in second.links
    assert "description" not in first.json()[0]
    assert call(freshdesk, "GET", "tickets", params={"updated_since": "yesterday"}).status_code == 400


def test_it_finds_tickets_by_a_field_of_its_own(freshdesk):
    number = open_one(freshdesk)
    open_one(freshdesk, custom_fields={"cf_case": "another"})
    found = call(freshdesk, "GET", "search/tickets", params={"query": "\"cf_case:'CS0001234' AND status:2\""}).json()
    assert ([one["id"] for one in found["results"]], found["total"]) == ([number], 1)
    for wrong in ("cf_case:'CS0001234'", '"unheard:1"', '"nonsense"'):
        assert call(freshdesk, "GET", "search/tickets", params={"query": wrong}).status_code == 400


@pytest.mark.parametrize(
    "changes, field, code",
    [
        ({"subject": ""}, "subject", "missing_field"),
        ({"status": 7}, "status", "invalid_value"),
        ({"sujbect": "x"}, "sujbect", "invalid_field"),
        ({"custom_fields": {"cf_unheard": "x"}}, "cf_unheard", "invalid_field"),
        ({"email": ""}, "requester_id", "missing_field"),
        ({"description": 7}, "description", "datatype_mismatch"),
    ],
)
def test_what_is_incomplete_or_unknown_is_refused(freshdesk, changes, field, code):
    answer = call(freshdesk, "POST", "tickets", json=OPENING | changes)
    assert (answer.status_code, answer.json()["description"]) == (400, "Validation failed")
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]
    assert freshdesk.tickets == {}


def test_a_wrong_key_another_kind_of_body_and_too_many_calls_are_refused(freshdesk):
    wrong = call(freshdesk, "GET", "agents/me", auth=("wrong", "X"))
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
    assert call(freshdesk, "POST", "tickets", data="subject=x").status_code == 415
    assert call(freshdesk, "POST", "tickets", data="{", headers={"Content-Type": "application/json"}).status_code == 400
    freshdesk.fault(Trouble.REFUSED, status=429, headers={"Retry-After": "30"})
    assert call(freshdesk, "GET", "agents/me").headers["Retry-After"] == "30"
    assert call(freshdesk, "GET", "agents/me").json()["id"] == BRIDGE
