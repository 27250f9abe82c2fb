"""What is asked for a page, which rows are believed, and how they become cases."""

import itertools
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from bridge.connectors.servicenow import Connection
from bridge.connectors.snow import query
from bridge.domain.errors import ConfigurationError, UntrustedAnswer, UsageError
from bridge.ports import AttachmentEntry, Stream, Window
from tests.pulling.connecting import connected
from tests.unit.connectors.servicenow.conftest import URL

CASE = "sn_customerservice_case"
LO = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
WINDOW = Window(LO, LO + timedelta(hours=1))
STREAM = Stream("cases", CASE, "active=true^ORpriority=1", ("category",))
IDS = [f"{number:032x}" for number in range(10)]


def row(number, time="2026-06-01 08:30:00", **fields):
    values = {"sys_id": IDS[number], "sys_updated_on": time, "sys_mod_count": "3", **fields}
    return {
        name: value if isinstance(value, dict) else {"display_value": value, "value": value}
        for name, value in values.items()
    }


def asked(edge, place=-1):
    return {name: values[0] for name, values in parse_qs(urlsplit(edge.requests[place].url).query).items()}


def rows(edge, *found, total=None, **headers):
    edge.answers(body={"result": list(found)}, X_Total_Count=str(len(found) if total is None else total), **headers)


def test_a_page_is_asked_by_filter_bounds_and_order(edge, servicenow):
    rows(edge, row(1))
    page = servicenow.page(STREAM, WINDOW, 100)
    question = asked(edge)
    assert question["sysparm_query"] == (
        "active=true^ORpriority=1^sys_updated_on>=2026-06-01 08:00:00^sys_updated_on<2026-06-01 09:00:00"
        "^ORDERBYsys_updated_on^ORDERBYsys_id"
    )
    assert question["sysparm_limit"] == "100"
    assert question["sysparm_display_value"] == "all"
    assert question["sysparm_exclude_reference_link"] == "true"
    assert {"sys_id", "sys_mod_count", "state", "parent", "category"} <= set(question["sysparm_fields"].split(","))
    assert "sysparm_offset" not in question
    assert (page.total, page.server_time, page.rows[0].sys_id) == (1, edge.quiet.now(), IDS[1])


def test_one_second_is_bounded_by_sys_ids(edge, servicenow):
    rows(edge)
    window = Window(LO, LO + timedelta(seconds=1), IDS[2], IDS[5])
    servicenow.page(Stream("cases", CASE), window, 100)
    assert asked(edge)["sysparm_query"].startswith(
        "sys_updated_on>=2026-06-01 08:00:00^sys_updated_on<2026-06-01 08:00:01"
        f"^sys_id>={IDS[2]}^sys_id<{IDS[5]}^ORDERBY"
    )


def test_a_text_that_was_cut_in_the_middle_of_a_character_costs_no_page(edge, servicenow):
    """The platform counts UTF-16 units when it cuts; the half that is left is no UTF-8, but JSON can say it."""
    rows(edge, row(1, short_description="No reads \ud83d"), row(2))
    page = servicenow.page(STREAM, WINDOW, 100)
    assert [case.values.get("short_description") for case in page.rows] == ["No reads \ud83d", None]


def test_values_are_raw_and_displays_only_where_they_differ(edge, servicenow):
    rows(
        edge,
        row(
            1,
            state={"display_value": "Open", "value": "10"},
            short_description="Same",
            hold_reason={"display_value": None, "value": ""},
            sla_due={"display_value": "UNKNOWN", "value": ""},
            comments={"display_value": "2026-06-01 08:00:00 - A (Additional comments)\ntext\n\n", "value": ""},
            closed_at={"display_value": None, "value": None},
            **{"account.name": {"display_value": "Brightwell", "value": "Brightwell"}},
        ),
    )
    (case,) = servicenow.page(STREAM, WINDOW, 100).rows
    assert case.displays == {"state": "Open"}
    assert case.values["state"] == "10"
    assert case.values["account.name"] == "Brightwell"
    assert [case.values[name] for name in ("hold_reason", "sla_due", "comments", "closed_at")] == [""] * 4
    assert (case.shown("state"), case.shown("short_description"), case.mod_count) == ("Open", "Same", 3)


STRANGE = {
    "before the window": ([row(1, "2026-06-01 07:59:59")], 1),
    "after the window": ([row(1, "2026-06-01 09:00:00")], 1),
    "without a time": ([row(1, "")], 1),
    "out of order": ([row(1, "2026-06-01 08:30:01"), row(2, "2026-06-01 08:30:00")], 2),
    "more rows than match": ([row(1), row(2)], 1),
    "a count that is no number": ([row(1)], "many"),
    "a row that is no object": (["row"], 1),
    "a row without displays": ([{"sys_id": IDS[1], "sys_updated_on": "2026-06-01 08:30:00"}], 1),
    "a row without its identity": ([{"state": {"display_value": "", "value": ""}}], 1),
}


@pytest.mark.parametrize("found, total", STRANGE.values(), ids=STRANGE)
def test_a_page_that_cannot_be_the_answer_is_not_trusted(edge, servicenow, found, total):
    rows(edge, *found, total=total)
    with pytest.raises(UntrustedAnswer):
        servicenow.page(STREAM, WINDOW, 100)
    assert len(edge.requests) == 4


def test_more_rows_than_were_asked_for_are_not_trusted(edge, servicenow):
    rows(edge, row(1), row(2), row(3))
    with pytest.raises(UntrustedAnswer):
        servicenow.page(STREAM, WINDOW, 2)


def test_a_sys_id_outside_of_its_range_is_not_trusted(edge, servicenow):
    rows(edge, row(7, "2026-06-01 08:00:00"))
    with pytest.raises(UntrustedAnswer, match="sys_ids"):
        servicenow.page(STREAM, Window(LO, LO + timedelta(seconds=1), IDS[2], IDS[5]), 100)


def test_a_single_object_where_rows_were_asked_for_is_not_trusted(edge, servicenow):
    edge.answers(body={"result": row(1)}, X_Total_Count="1")
    with pytest.raises(UntrustedAnswer):
        servicenow.page(STREAM, WINDOW, 100)


def test_a_discarded_page_is_asked_for_again(edge, servicenow):
    edge.answers(body={"result": [row(1)], "error": {"message": "Transaction cancelled"}}, X_Total_Count="2")
    rows(edge, row(1), row(2))
    assert len(servicenow.page(STREAM, WINDOW, 100).rows) == 2


def test_a_missing_count_is_refused_unless_the_configuration_asserts_that_nothing_is_hidden(edge, quiet, servicenow):
    edge.answers(body={"result": [row(1)]})
    with pytest.raises(UntrustedAnswer, match="X-Total-Count"):
        servicenow.page(STREAM, WINDOW, 100)
    asserting = connected(Connection(URL, sees_every_row=True), quiet)
    assert asserting.page(STREAM, WINDOW, 100).total is None


def test_many_records_are_read_in_calls_of_at_most_200(edge, servicenow):
    rows(edge)
    ids = [f"{number:032x}" for number in range(450)]
    assert servicenow.at_low_priority().read_many(CASE, ids) == ()
    lengths = [len(asked(edge, place)["sysparm_query"].split("IN")[1].split("^")[0].split(",")) for place in range(3)]
    assert lengths == [200, 200, 50]
    assert all(len(request.url) < 16_000 for request in edge.requests)


def test_no_identifiers_ask_nothing(edge, servicenow):
    assert servicenow.read_many(CASE, []) == ()
    assert servicenow.journals([], LO) == ()
    assert edge.requests == []


def test_a_set_larger_than_a_page_is_read_to_its_end_although_rows_are_hidden(edge, servicenow):
    half = "8" + "0" * 31
    rows(edge, row(1), row(2), total=1500)
    rows(edge, total=1200)
    rows(edge, row(3), total=700)
    rows(edge, row(4), total=500)
    found = servicenow.children(CASE, IDS[0])
    assert [case.sys_id for case in found] == [IDS[1], IDS[2], IDS[3], IDS[4]]
    bounds = [asked(edge, place)["sysparm_query"] for place in range(4)]
    assert bounds[1].endswith(f"^sys_id>={IDS[2]}^ORDERBYsys_id")
    assert f"^sys_id>={IDS[2]}^sys_id<{half[0]}"[:-1] in bounds[2]
    assert "^sys_id<" not in bounds[3]


@pytest.mark.parametrize(
    "text",
    ["a=1^NQb=2", "active=true^ORDERBYnumber", "ORDERBYDESCnumber", "a=1^EQ", "a=1^", "^a=1", "a=1^OR", "ORa=1",
     "a=1\n^b=2", "a=1^GROUPBYb", "a=1^RLQUERYx.y,>=1^ENDRLQUERY"],
)  # fmt: skip
def test_a_filter_that_escapes_its_bounds_is_refused(text):
    with pytest.raises(ConfigurationError) as raised:
        query.own_filter(text)
    assert raised.value.remedy


def test_a_page_is_never_asked_with_a_filter_that_escapes_its_bounds(edge, servicenow):
    with pytest.raises(ConfigurationError):
        servicenow.page(Stream("cases", CASE, "active=true^NQpriority=1"), WINDOW, 100)
    assert edge.requests == []


@pytest.mark.parametrize("text", ["", "active=true", "a=1^ORb=2^c!=3", "group.nameSTARTSWITHCPSD^order>2"])
def test_a_filter_of_plain_conditions_is_taken_as_it_is(text):
    assert query.own_filter(text) == text


def test_the_fields_of_a_filter_are_found():
    text = "assignment_group.nameSTARTSWITHCPSD^ORpriority=1^stateIN1,2^short_descriptionLIKEORDER"
    assert query.filter_fields(text) == ("assignment_group.name", "priority", "state", "short_description")


@pytest.mark.parametrize("value", ["a^ORactive=true", "a\nb", "javascript:gs.getUserID()", " JavaScript:x"])
def test_a_value_that_would_become_a_clause_is_refused(servicenow, value):
    with pytest.raises(UsageError):
        servicenow.members(value)


@pytest.mark.parametrize("table, sys_id", [("incident/x", IDS[1]), ("incident", "../x"), ("incident", "a^b"), ("", "")])
def test_what_is_no_name_and_no_sys_id_never_reaches_a_path(servicenow, table, sys_id):
    for act in (servicenow.read, lambda *which: servicenow.write(*which, {"work_notes": "x"})):
        with pytest.raises(UsageError):
            act(table, sys_id)


def attachment(**changes):
    about = {
        "sys_id": IDS[3],
        "case": IDS[1],
        "table": CASE,
        "file_name": "a.pdf",
        "content_type": "application/pdf",
        "size": 5,
        "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "author": "tom.hughes",
        "created_on": LO,
    }
    return AttachmentEntry(**about | changes)


def test_a_file_is_taken_when_length_and_hash_are_right(edge, servicenow):
    edge.answers(body=b"hello", Content_Type="application/pdf")
    assert servicenow.download(attachment(), 5) == b"hello"
    assert edge.requests[0].url == f"{URL}/api/now/attachment/{IDS[3]}/file"


@pytest.mark.parametrize(
    "body, kind, about",
    [
        (b"hell", "application/pdf", {}),
        (b"hello, world", "application/pdf", {}),
        (b"jello", "application/pdf", {}),
        (b"<html", "text/html;charset=UTF-8", {"sha256": ""}),
        (b"", "application/pdf", {}),
    ],
)
def test_what_is_not_the_file_is_never_taken_for_it(edge, servicenow, body, kind, about):
    edge.answers(body=body, Content_Type=kind)
    with pytest.raises(UntrustedAnswer):
        servicenow.download(attachment(**about), 100)


def test_a_file_over_the_limit_is_not_fetched(edge, servicenow):
    with pytest.raises(UsageError):
        servicenow.download(attachment(size=11), 10)
    assert edge.requests == []


def test_a_file_is_stored_as_it_is(edge, servicenow):
    edge.answers("POST", status=201, body={"result": {"sys_id": IDS[4], "size_bytes": "5"}})
    receipt = servicenow.attach(CASE, IDS[1], "Zähler & Co.pdf", "application/pdf", b"hello")
    assert receipt.far_id == IDS[4]
    assert receipt.detail == {"sha256": attachment().sha256}
    (request,) = edge.requests
    assert (request.body, request.headers["Content-Type"]) == (b"hello", "application/pdf")
    assert request.params == {"table_name": CASE, "table_sys_id": IDS[1], "file_name": "Zähler & Co.pdf"}


def test_journal_rows_without_their_columns_are_not_trusted(edge, servicenow):
    bare = {"sys_id": IDS[1], "sys_created_on": "2026-06-01 08:30:00"}
    edge.answers(body={"result": [bare]}, X_Total_Count="1")
    with pytest.raises(UntrustedAnswer, match="element_id"):
        servicenow.journals([IDS[1]], LO)


def test_journal_entries_come_oldest_first(edge, servicenow):
    def entry(number, time):
        return {
            "sys_id": IDS[number],
            "sys_created_on": time,
            "sys_created_by": "tom.hughes",
            "name": CASE,
            "element_id": IDS[1],
            "element": "work_notes",
            "value": "a\r\nb",
        }

    times = ["2026-06-01 08:30:02", "2026-06-01 08:30:01", "2026-06-01 08:30:01"]
    edge.answers(
        body={"result": [entry(number, time) for number, time in zip(itertools.count(2), times, strict=False)]},
        X_Total_Count="3",
    )
    entries = servicenow.journals([IDS[1]], LO)
    assert [found.sys_id for found in entries] == [IDS[3], IDS[4], IDS[2]]
    assert entries[0].text == "a\nb"
    question = asked(edge)
    assert question["sysparm_display_value"] == "false"
    assert question["sysparm_query"] == (
        f"element_idIN{IDS[1]}^elementINcomments,work_notes^sys_created_on>=2026-06-01 08:00:00^ORDERBYsys_id"
    )
