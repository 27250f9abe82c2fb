"""The Aggregate API."""

import pytest

CASE = "sn_customerservice_case"


@pytest.fixture
def stats(bridge):
    for priority, count in (("1", "9"), ("1", "10"), ("2", "3"), ("3", "1"), ("3", "2"), ("3", "")):
        bridge.create(priority=priority, reassignment_count=count, state="10" if priority == "1" else "1")

    def ask(**parameters):
        named = {f"sysparm_{name}": value for name, value in parameters.items()}
        answer = bridge.call("GET", f"/api/now/v1/stats/{CASE}", params=named)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    return ask


def groups(result):
    return [row["groupby_fields"][0]["value"] for row in result]


def test_numbers_are_compared_as_numbers_and_empty_ones_do_not_count(stats):
    fields = dict.fromkeys(("min_fields", "max_fields", "sum_fields", "avg_fields"), "reassignment_count")
    figures = stats(query="priorityIN1,3", **fields)["stats"]
    assert {name: value["reassignment_count"] for name, value in figures.items()} == {
        "min": "1",
        "max": "10",
        "sum": "22",
        "avg": "5.5000",
    }


def test_having_filters_groups_by_an_aggregate(stats):
    assert groups(stats(group_by="priority", having="sum^reassignment_count^>^3")) == ["1"]
    assert groups(stats(group_by="priority", having="count^priority^>=^2")) == ["1", "3"]
    assert groups(stats(group_by="priority", having="count^priority^>=^2,avg^reassignment_count^<^5")) == ["3"]
    assert groups(stats(group_by="priority", having="count^no_such^>^3")) == ["1", "2", "3"]


@pytest.mark.parametrize(
    "order,expected",
    [
        ("priority^DESC", ["3", "2", "1"]),
        ("COUNT^DESC", ["3", "1", "2"]),
        ("AVG^reassignment_count", ["3", "2", "1"]),
        ("MAX^reassignment_count^DESC", ["1", "2", "3"]),
        ("nonsense", ["1", "2", "3"]),
    ],
)
def test_groups_come_in_the_order_asked_for(stats, order, expected):
    assert groups(stats(group_by="priority", order_by=order)) == expected


def test_groups_of_choices_and_references_can_be_shown(stats):
    (new, opened) = stats(group_by="state", count="true", display_value="all")
    assert new["groupby_fields"] == [{"field": "state", "value": "1", "display_value": "New"}]
    assert opened["stats"] == {"count": "2"}
    (people,) = stats(group_by="opened_by", display_value="true")
    assert people["groupby_fields"] == [{"field": "opened_by", "value": "CPSD Bridge"}]


def test_without_a_figure_there_is_none(stats):
    assert stats() == {"stats": {}}
