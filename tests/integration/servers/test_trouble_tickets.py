"""The fake of a TM Forum Trouble Ticket interface keeps to the contract."""

import base64

import pytest
import requests

from tests.servers.trouble_tickets import CLIENT, SECRET, TICKETS, TOKEN_LASTS, TroubleTickets

OPENING = {
    "name": "CS0001234",
    "description": "Reads are missing.",
    "severity": "Major",
    "ticketType": "incident",
    "externalId": "4ZJ6T0Q2WX",
}


@pytest.fixture
def system():
    with TroubleTickets() as portal:
        yield portal


@pytest.fixture
def call(system):
    """A request with a token that is good at first."""
    token = log_in(system).json()["access_token"]

    def made(method, path="", *, kind="application/json", **options):
        headers = {"Authorization": f"Bearer {token}"} | ({"Content-Type": kind} if "json" in options else {})
        return requests.request(method, f"{system.url}{TICKETS}{path}", headers=headers, timeout=30, **options)

    return made


def log_in(system, secret=SECRET, grant="client_credentials"):
    form = {"grant_type": grant, "client_id": CLIENT, "client_secret": secret}
    return requests.post(f"{system.url}/oauth/token", data=form, timeout=30)


def open_one(call, **changes):
    answer = call("POST", json=OPENING | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def patch(call, number, **changes):
    return call("PATCH", f"/{number}", json=changes, kind="application/merge-patch+json")


def test_a_ticket_is_opened_discussed_and_resolved(system, call):
    number = open_one(call)
    assert call("GET", f"/{number}").json()["status"] == "acknowledged"
    system.says(number, "We look into it.")
    system.moves(number, "resolved", "The job was restarted.")
    shown = call("GET", f"/{number}").json()
    assert [(note["author"], note["text"]) for note in shown["note"]] == [("Jo Watt", "We look into it.")]
    assert (shown["status"], shown["statusChangeReason"]) == ("resolved", "The job was restarted.")
    assert [change["status"] for change in shown["statusChange"]] == ["acknowledged", "resolved"]
    assert call("GET", "/999").status_code == 404


def test_a_patch_replaces_whole_lists_and_takes_away_what_is_null(system, call):
    number = open_one(call, priority="2")
    system.says(number, "We look into it.")
    kept = call("GET", f"/{number}").json()["note"]
    added = patch(call, number, note=[*kept, {"author": "Elexon", "text": "Any news?"}], priority=None).json()
    assert [note["text"] for note in added["note"]] == ["We look into it.", "Any news?"]
    assert "priority" not in added
    assert [note["text"] for note in patch(call, number, note=[{"text": "alone"}]).json()["note"]] == ["alone"]


def test_an_attachment_comes_as_base64_and_is_kept_under_an_address(call):
    content = base64.b64encode(b"mpan\n").decode()
    number = open_one(call, attachment=[{"name": "reads.csv", "mimeType": "text/csv", "content": content}])
    (file,) = call("GET", f"/{number}").json()["attachment"]
    assert (file["name"], file["size"]["amount"], "content" in file) == ("reads.csv", 5, False)
    token = call("GET").request.headers["Authorization"]
    assert requests.get(file["url"], headers={"Authorization": token}, timeout=30).content == b"mpan\n"


def test_lists_are_filtered_sorted_and_cut_into_pages(system, call):
    numbers = [open_one(call, externalId=f"R{number}", description=f"{number}") for number in range(3)]
    first = call("GET", params={"limit": 2, "sort": "description"})
    assert (first.status_code, first.headers["X-Total-Count"], first.headers["X-Result-Count"]) == (206, "3", "2")
    rest = call("GET", params={"limit": 2, "offset": 2, "sort": "description", "fields": "externalId"})
    assert [one["id"] for one in first.json()] == numbers[:2]
    assert rest.json() == [{"id": numbers[2], "href": f"{system.url}{TICKETS}/{numbers[2]}", "externalId": "R2"}]
    assert [one["id"] for one in call("GET", params={"externalId": "R1"}).json()] == [numbers[1]]
    system.later(minutes=1)
    begin = system.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    system.says(numbers[0], "We look into it.")
    changed = call("GET", params={"lastUpdate.gt": begin, "note.author": "Jo Watt"})
    assert ([one["id"] for one in changed.json()], changed.status_code) == ([numbers[0]], 200)
    assert call("GET", params={"unheard": "of"}).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": ""},
        {"status": "solved"},
        {"descripton": "x"},
        {"id": "7"},
        {"note": [{"author": "x"}]},
        {"note": "x"},
        {"attachment": [{"name": "x", "content": "no base64!"}]},
    ],
)
def test_what_is_incomplete_or_unknown_is_refused(system, call, changes):
    answer = call("POST", json=OPENING | changes)
    assert (answer.status_code, answer.json()["code"], answer.json()["@type"]) == (400, "400", "Error")
    assert system.tickets == {}


def test_who_is_not_logged_in_or_no_longer_is_refused(system, call):
    assert (log_in(system, "wrong").status_code, log_in(system, grant="password").status_code) == (401, 400)
    assert requests.get(f"{system.url}{TICKETS}", timeout=30).status_code == 401
    assert call("GET").status_code == 200
    system.later(seconds=TOKEN_LASTS.total_seconds() + 1)
    assert call("GET").json()["reason"] == "Unauthorized"
    system.later(seconds=-TOKEN_LASTS.total_seconds())
    assert call("GET").status_code == 200
    system.end_sessions()
    assert call("GET").status_code == 401


def test_another_kind_of_body_is_refused(call):
    number = open_one(call)
    assert call("POST", json=OPENING, kind="text/plain").status_code == 415
    assert call("PATCH", f"/{number}", json=[1], kind="application/merge-patch+json").status_code == 400
    assert patch(call, number, description=None).status_code == 400
