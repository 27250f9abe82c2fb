"""Encoded queries: the grammar, each operator, and a plain evaluator that must agree with the SQL."""

import string
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.sandbox.servicenow.encoded_query import Invalid, Related, Term, parse
from bridge.sandbox.servicenow.instance import Instance
from bridge.sandbox.servicenow.query_dates import Asker, evaluate
from bridge.sandbox.servicenow.query_sql import Compiler

CASE = "sn_customerservice_case"


@pytest.fixture(scope="module")
def instance():
    made = Instance()
    yield made
    made.close()


def put(instance, table, **record):
    record.setdefault("sys_id", instance.new_id())
    instance.held.put(instance.schema.tables[table], record)
    return record["sys_id"]


def found(instance, query, table=CASE, zone="UTC"):
    asker = Asker(instance.clock.now(), ZoneInfo(zone), "me")
    declared = instance.schema.tables[table]
    compiled = Compiler(instance.schema, instance.database, asker).compile(declared, parse(query))
    sql = f"SELECT t.number FROM {declared.physical} t WHERE ({compiled.where.text}) {compiled.order}"
    return [row[0] for row in instance.database.rows(sql, compiled.where.values)]


@pytest.fixture(scope="module")
def cases(instance):
    dcc = instance.database.scalar("SELECT sys_id FROM sys_user_group WHERE name = 'CPSD DCC'")
    rows = {
        "a": {"priority": "1", "short_description": "No readings", "active": "true", "assignment_group": dcc},
        "b": {"priority": "2", "short_description": "Readings late", "active": "false"},
        "c": {"priority": "10", "short_description": "", "active": "", "opened_at": "2026-03-04 05:06:07"},
        "d": {"priority": "", "short_description": "100% of_x", "opened_at": "2026-03-05 00:00:00", "active": "true"},
    }
    stamps = {"sys_updated_on": "2026-01-01 00:00:00", "sys_class_name": CASE}
    for number, row in rows.items():
        put(instance, CASE, number=number, **{"opened_at": "", "description": "No readings"} | row | stamps)


@pytest.mark.parametrize(
    "query, numbers",
    [
        ("priority=1", "a"),
        ("priority=01", "a"),
        ("priority!=1", "bcd"),
        ("priority<3", "ab"),
        ("priority>=2", "bc"),
        ("priorityIN1,2", "ab"),
        ("priorityNOT IN1,2", "cd"),
        ("priorityBETWEEN1@2", "ab"),
        ("priority<abc", ""),
        ("short_descriptionLIKEREADINGS", "ab"),
        ("short_description*readings", "ab"),
        ("short_descriptionCONTAINSreadings", "ab"),
        ("short_descriptionNOT LIKEreadings", "cd"),
        ("short_description!*readings", "cd"),
        ("short_descriptionSTARTSWITHno", "a"),
        ("short_descriptionENDSWITHLATE", "b"),
        ("short_description%late", "b"),
        ("short_descriptionLIKE0%", "d"),
        ("short_descriptionLIKEf_x", "d"),
        ("short_descriptionISEMPTY", "c"),
        ("short_descriptionISNOTEMPTY", "abd"),
        ("short_descriptionEMPTYSTRING", "c"),
        ("short_descriptionANYTHING", "abcd"),
        ("short_description=no READINGS", "a"),
        ("active!=true", "bc"),
        ("active=1", "ad"),
        ("short_descriptionSAMEASdescription", "a"),
        ("short_descriptionNSAMEASdescription", "bcd"),
        ("opened_atGT_FIELDsys_updated_on", "cd"),
        ("opened_atLT_FIELDsys_updated_on", ""),
        ("opened_at>2026-03-04 05:06:07", "d"),
        ("opened_at<=2026-03-04", "c"),
        ("opened_at=2026-03-04", "c"),
        ("opened_at<2027-01-01", "cd"),
        (
            (
                "opened_atONday@javascript:gs.dateGenerate('2026-03-04','start')"
                "@javascript:gs.dateGenerate('2026-03-04','end')"
            ),
            "c",
        ),
        ("opened_atDATEPARTThursday@javascript:gs.datePart('dayofweek','thursday','EE')", "d"),
        ("opened_atMORETHANsys_updated_on@day@after@62", "cd"),
        ("opened_atRELATIVELT@year@ahead@50", "cd"),
        ("opened_atRELATIVELT@dayofweek@ago@3", "cd"),
        ("opened_atONever@javascript:gs.beginningOfLast100Years()@javascript:gs.endOfThisYear()", "cd"),
        ("assignment_group.name=CPSD DCC", "a"),
        ("assignment_groupSTARTSWITHcpsd", "a"),
        ("assignment_group.nameSTARTSWITHcpsd^active=true", "a"),
        ("assignment_group.nameISEMPTY", "bcd"),
        ("assignment_group.name!=CPSD DCC", "bcd"),
        ("assignment_groupNOT LIKEdcc", "bcd"),
        ("active=true^priority=1^ORpriority=2", "a"),
        ("active=true^NQpriority=2", "abd"),
        ("active=true^EQ", "ad"),
        ("sys_class_nameINSTANCEOFtask", "abcd"),
        (f"sys_class_nameINSTANCEOF{CASE}^priority=1", "a"),
        ("sys_class_nameINSTANCEOFincident", ""),
        ("sys_class_nameINSTANCEOFnothing", ""),
        ("nonsense=1", "abcd"),
        ("nonsense=1^ORpriority=1", "a"),
        ("active=true^nonsense.deeper=1", "ad"),
        ("gibberish", "abcd"),
        ("JOINsn_customerservice_case.opened_by=sys_user.sys_id!active=true", ""),
    ],
)
def test_each_operator_finds_what_the_platform_finds(instance, cases, query, numbers):
    assert "".join(sorted(found(instance, query))) == numbers


def test_sorting_is_by_the_keys_in_order_and_numbers_sort_as_numbers(instance, cases):
    assert found(instance, "ORDERBYDESCpriority") == ["c", "b", "a", "d"]
    assert found(instance, "ORDERBYactive^ORDERBYDESCnumber") == ["c", "b", "d", "a"]


def test_a_related_list_can_be_counted_in_a_query(instance, cases):
    sql = "SELECT number FROM sn_customerservice_case WHERE number = 'a'"
    assert instance.database.scalar(sql) == "a"
    put(instance, "sys_user_group", sys_id="g" * 32, name="Lonely")
    put(instance, CASE, sys_id="f" * 32, number="e", assignment_group="g" * 32, sys_class_name=CASE)
    asker = Asker(instance.clock.now(), ZoneInfo("UTC"))
    group = instance.schema.tables["sys_user_group"]
    query = f"RLQUERY{CASE}.assignment_group,>=1^number=e^ENDRLQUERY"
    compiled = Compiler(instance.schema, instance.database, asker).compile(group, parse(query))
    rows = instance.database.rows(
        f"SELECT name FROM sys_user_group t WHERE {compiled.where.text}", compiled.where.values
    )
    assert rows == [("Lonely",)]
    instance.database.execute("DELETE FROM sn_customerservice_case WHERE number = 'e'")


def test_or_binds_to_its_neighbour_and_a_new_query_starts_a_group():
    query = parse("a=1^b=2^ORc=3^NQd=4")
    assert query.groups == (
        ((Term(("a",), "=", "1"),), (Term(("b",), "=", "2"), Term(("c",), "=", "3"))),
        ((Term(("d",), "=", "4"),),),
    )


def test_a_doubled_caret_is_a_caret_in_the_value():
    assert parse("a=1^^2^b=3").groups == (((Term(("a",), "=", "1^2"),), (Term(("b",), "=", "3"),)),)


def test_pieces_of_the_official_client_are_understood():
    ((first,), (second,)) = parse("JOINincident.caller_id=sys_user.sys_id!active=true^RLQUERYx.y,=0^ENDRLQUERY").groups[
        0
    ]
    assert isinstance(first, Related)
    assert isinstance(second, Related)
    assert parse("???").groups == (((Invalid("???"),),),)


def test_an_unknown_field_matches_everything_until_the_property_says_nothing(bridge, admin):
    bridge.create()
    assert len(bridge.rows(CASE, "no_such_field=1")) == 1
    (prop,) = admin.rows("sys_properties", "name=glide.invalid_query.returns_no_rows")
    admin.patch(prop["sys_id"], "sys_properties", value="true")
    assert bridge.rows(CASE, "no_such_field=1") == []
    assert len(bridge.rows(CASE, "active=true")) == 1


@pytest.mark.parametrize(
    "call, instant",
    [
        ("beginningOfToday()", "2026-07-14 23:00:00"),
        ("endOfYesterday()", "2026-07-14 22:59:59"),
        ("endOfTomorrow()", "2026-07-16 22:59:59"),
        ("beginningOfThisWeek()", "2026-07-12 23:00:00"),
        ("endOfThisWeek()", "2026-07-19 22:59:59"),
        ("beginningOfLastWeek()", "2026-07-05 23:00:00"),
        ("beginningOfThisMonth()", "2026-06-30 23:00:00"),
        ("endOfLastMonth()", "2026-06-30 22:59:59"),
        ("endOfNextMonth()", "2026-08-31 22:59:59"),
        ("beginningOfThisQuarter()", "2026-06-30 23:00:00"),
        ("endOfNextQuarter()", "2026-12-31 23:59:59"),
        ("beginningOfThisYear()", "2026-01-01 00:00:00"),
        ("endOfLastYear()", "2025-12-31 23:59:59"),
        ("beginningOfLast7Days()", "2026-07-07 23:00:00"),
        ("endOfLast7Days()", "2026-07-15 22:59:59"),
        ("beginningOfLast3Months()", "2026-03-31 23:00:00"),
        ("beginningOfLast12Months()", "2025-06-30 23:00:00"),
        ("beginningOfLast2Years()", "2024-01-01 00:00:00"),
        ("beginningOfLast15Minutes()", "2026-07-15 12:19:00"),
        ("endOfLast15Minutes()", "2026-07-15 12:34:59"),
        ("beginningOfCurrentHour()", "2026-07-15 12:00:00"),
        ("endOfLastHour()", "2026-07-15 11:59:59"),
        ("minutesAgo(90)", "2026-07-15 11:04:56"),
        ("hoursAgoStart(2)", "2026-07-15 10:00:00"),
        ("daysAgo(200)", "2025-12-27 13:34:56"),
        ("daysAgoEnd(1)", "2026-07-14 22:59:59"),
        ("weeksAgoStart(1)", "2026-07-05 23:00:00"),
        ("monthsAgo(5)", "2026-02-15 13:34:56"),
        ("monthsAgoStart(1)", "2026-05-31 23:00:00"),
        ("quartersAgoEnd(1)", "2026-06-30 22:59:59"),
        ("yearsAgoStart(1)", "2025-01-01 00:00:00"),
        ("yearsAgo(999999999)", None),
        ("daysAgo(999999999)", None),
        ("beginningOfNothing()", None),
    ],
)
def test_periods_are_those_of_the_users_calendar(call, instant):
    asker = Asker(datetime(2026, 7, 15, 12, 34, 56, tzinfo=UTC), ZoneInfo("Europe/London"))
    assert evaluate(f"javascript:gs.{call}", asker) == instant


def test_months_end_where_they_end_and_hours_last_when_the_clocks_change():
    leap = Asker(datetime(2024, 3, 31, 12, tzinfo=UTC), ZoneInfo("UTC"))
    assert evaluate("javascript:gs.monthsAgo(1)", leap) == "2024-02-29 12:00:00"
    night = Asker(datetime(2026, 3, 29, 3, tzinfo=UTC), ZoneInfo("Europe/London"))
    assert evaluate("javascript:gs.hoursAgo(4)", night) == "2026-03-28 23:00:00"


def test_a_literal_is_utc_and_a_script_is_in_the_zone_of_the_user():
    asker = Asker(datetime(2026, 7, 1, 12, tzinfo=UTC), ZoneInfo("Europe/London"))
    assert evaluate("2026-07-01 10:00:00", asker) == "2026-07-01 10:00:00"
    assert evaluate("javascript:gs.dateGenerate('2026-07-01','10:00:00')", asker) == "2026-07-01 09:00:00"
    assert evaluate("javascript:gs.beginningOfToday()", asker) == "2026-06-30 23:00:00"
    assert evaluate("javascript:gs.endOfToday()", asker) == "2026-07-01 22:59:59"
    assert evaluate("javascript:gs.hoursAgo(2)", asker) == "2026-07-01 10:00:00"
    assert evaluate("javascript:gs.daysAgoStart(1)", asker) == "2026-06-29 23:00:00"
    assert evaluate("javascript:something()", asker) is None


# A table that hypothesis fills, and a plain evaluator beside the SQL.

TEXTS = st.text(alphabet="abAB %_'1é", max_size=4)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "short_description": TEXTS,
            "priority": st.sampled_from(["", "1", "2", "10"]),
            "active": st.sampled_from(["", "true", "false"]),
            "opened_at": st.sampled_from(["", "2026-01-01 00:00:00", "2026-01-02 10:00:00"]),
        }
    ),
    max_size=6,
)
TERMS = st.one_of(
    st.tuples(
        st.just("short_description"),
        st.sampled_from(
            ["=", "!=", "LIKE", "NOT LIKE", "STARTSWITH", "ENDSWITH", "IN", "NOT IN", "ISEMPTY", "ISNOTEMPTY"]
        ),
        TEXTS,
    ),
    st.tuples(
        st.just("priority"), st.sampled_from(["=", "!=", "<", ">", "<=", ">="]), st.sampled_from(["1", "2", "9"])
    ),
    st.tuples(st.just("active"), st.sampled_from(["=", "!="]), st.sampled_from(["true", "false"])),
    st.tuples(st.just("opened_at"), st.sampled_from(["=", "!=", "<", ">", "<=", ">="]), st.just("2026-01-01 00:00:00")),
)
QUERIES = st.lists(st.lists(st.lists(TERMS, min_size=1, max_size=3), min_size=1, max_size=3), min_size=1, max_size=3)
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold(text):
    """Case folding as the storage does it: ASCII letters only."""
    return text.translate(LOWER)


def holds(row, field, operator, operand):
    value = row[field]
    if operator.startswith(("NOT ", "!")) or operator == "ISNOTEMPTY":
        opposite = {"!=": "=", "NOT LIKE": "LIKE", "NOT IN": "IN", "ISNOTEMPTY": "ISEMPTY"}[operator]
        return not holds(row, field, opposite, operand)
    left, right = fold(value), fold(operand)
    if operator in ("<", ">", "<=", ">="):
        if value == "":
            return False
        pair = (int(value), int(operand)) if field == "priority" else (value, operand)
        return {"<": pair[0] < pair[1], ">": pair[0] > pair[1]}.get(
            operator, pair[0] <= pair[1] if operator == "<=" else pair[0] >= pair[1]
        )
    return {
        "=": left == right,
        "LIKE": right in left,
        "STARTSWITH": left.startswith(right),
        "ENDSWITH": left.endswith(right),
        "IN": left in [item.strip() for item in right.split(",")],
        "ISEMPTY": value == "",
    }[operator]


@settings(max_examples=200)
@given(rows=ROWS, query=QUERIES)
def test_the_sql_agrees_with_a_plain_evaluation(rows, query):
    encoded = "^NQ".join("^".join("^OR".join(map("".join, either)) for either in group) for group in query)
    instance = EMPTY
    with instance.database.lock:
        instance.database.execute("DELETE FROM sn_customerservice_case")
        for at, row in enumerate(rows):
            put(instance, CASE, number=str(at), **row)
        expected = [
            str(at)
            for at, row in enumerate(rows)
            if any(all(any(holds(row, *term) for term in either) for either in group) for group in query)
        ]
        assert sorted(found(instance, encoded)) == expected


EMPTY = Instance()
