"""The pull against a ServiceNow that hides rows, commits late, cancels, drops, throttles and hibernates."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.case import format_time
from bridge.domain.facts import Gone
from bridge.domain.ids import SysId
from bridge.ports import CaseRecord, Stream, Window
from bridge.sync.backfill import Span, backfill
from bridge.sync.pull import land_attachments, land_journals, pull, pull_engaged
from bridge.sync.sweep import sweep
from tests.integration.servicenow.conftest import reach

CASE = "sn_customerservice_case"
CASES = Stream("cases", CASE, fields=("category", "account.name"))
JOURNALS = Stream("journals", "sys_journal_field", f"name={CASE}^elementINcomments,work_notes", (), "sys_created_on")
FILES = Stream("files", "sys_attachment", f"table_name={CASE}", (), "sys_created_on")
EVER = datetime(2020, 1, 1, tzinfo=UTC)
OLD = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def cycle(source, store, stream=CASES, **changed):
    pace = {"page_size": 40, "lag": timedelta(0), "overlap": timedelta(seconds=30), "max_pages": 500, "start": EVER}
    return pull(source, store, stream, **{**pace, **changed})


def landed(store):
    with store.transaction() as work:
        return {(one.case.sys_id, one.case.mod_count): one.case for one in work.undecided(10_000)}


@pytest.fixture
def settle(instance, wall):
    """Let the second pass in which the last write was stamped: a window never ends in the present second."""

    def pass_two_seconds():
        instance.admin("POST", "clock", advance_seconds=2)
        wall.forward(2)

    return pass_two_seconds


@pytest.fixture
def market(instance, settle):
    """Three hundred cases as the market writes them."""
    instance.admin("POST", "seed", cases=300)
    settle()
    return {(row["sys_id"], int(row["sys_mod_count"])) for row in instance.rows(CASE)}


def test_a_pull_lands_every_case_once_and_a_second_one_nothing(servicenow, store, market):
    report = cycle(servicenow, store)
    assert set(landed(store)) == market
    assert (report.new, report.complete) == (300, True)
    assert cycle(servicenow, store).new == 0


def test_a_case_reads_the_same_whichever_way_it_is_read(instance, wall, store, market):
    source = reach(instance, wall, fields={CASE: ("category", "account.name")})
    cycle(source, store)
    for (sys_id, _), case in list(landed(store).items())[:5]:
        assert source.read(CASE, sys_id) == case
        assert source.read_many(CASE, [sys_id]) == (case,)
    source.close()


def test_rows_that_an_acl_hides_end_nothing_early(servicenow, instance, store, market):
    ordered = [row["sys_id"] for row in instance.rows(CASE, "ORDERBYsys_updated_on^ORDERBYsys_id")]
    hidden = set(ordered[20:220])
    instance.admin("POST", "acl", kind="hide", table=CASE, sys_ids=sorted(hidden))
    cycle(servicenow, store)
    assert {sys_id for sys_id, _ in landed(store)} == set(ordered) - hidden


def test_a_table_that_is_hidden_as_a_whole_ends_too(servicenow, instance, store, market):
    instance.admin("POST", "acl", kind="hide", table=CASE, query="sys_idISNOTEMPTY")
    report = cycle(servicenow, store)
    assert (report.rows, report.complete) == (0, True)


def test_more_cases_in_one_second_than_a_page_holds(servicenow, instance, store):
    ids = [f"{(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 16**32:032x}" for number in range(150)]
    instance.put(CASE, *({"sys_id": one, "sys_updated_on": format_time(OLD)} for one in ids))
    cycle(servicenow, store, page_size=20)
    assert {sys_id for sys_id, _ in landed(store)} == set(ids)


def test_a_case_that_commits_late_is_seen_by_the_next_pull(servicenow, instance, store, market, settle):
    stamp = format_time(servicenow.server_time() - timedelta(seconds=10))
    instance.put(CASE, {"sys_id": "a" * 32, "sys_updated_on": stamp}, visible_after=None)
    cycle(servicenow, store)
    assert ("a" * 32, 0) not in landed(store)
    instance.admin("POST", "records/release")
    settle()
    cycle(servicenow, store)
    assert ("a" * 32, 0) in landed(store)


@pytest.mark.parametrize("hours", [-5, 5])
def test_the_window_is_bounded_by_servicenows_clock_not_by_ours(servicenow, instance, store, hours, settle):
    instance.admin("POST", "clock", skew_seconds=hours * 3600)
    sys_id = instance.create(short_description="in another time")
    settle()
    cycle(servicenow, store)
    assert {found for found, _ in landed(store)} == {sys_id}


FAULTS = {
    "partial": {"kind": "result_and_error"},
    "malformed": {"kind": "result_and_error", "malformed": True},
    "hibernating": {"kind": "html_200"},
    "dropped": {"kind": "accepted_202"},
    "throttled": {"kind": "status", "status": 429, "retry_after": 3, "rate_limit": True},
    "queue full": {"kind": "status", "status": 429},
    "server error": {"kind": "status", "status": 500},
    "bad gateway": {"kind": "status", "status": 502, "html": True},
    "cut": {"kind": "cut"},
    "half": {"kind": "half_answer"},
    "hanging": {"kind": "hang", "seconds": 0.6},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_nothing_is_missed_and_nothing_doubled_when_every_third_answer_fails(
    servicenow, instance, store, market, fault
):
    instance.fault(**fault, times=None, match={"every": 3, "path_regex": "/table/"})
    assert cycle(servicenow, store, page_size=100).complete
    assert set(landed(store)) == market


def test_waiting_is_obeyed_before_a_page_is_asked_for_again(servicenow, instance, store, wall, market):
    instance.fault("status", status=429, retry_after=9, match={"path_regex": f"/table/{CASE}"})
    cycle(servicenow, store, page_size=1000)
    assert wall.slept == [9.5]


def test_no_request_carries_a_cookie_although_each_answer_sets_some(servicenow, instance, store, market):
    cookies = []
    handle = instance.sandbox.instance.handle

    def watched(request, *rest):
        cookies.append(request.headers.get("cookie"))
        return handle(request, *rest)

    instance.sandbox.instance.handle = watched
    cycle(servicenow, store)
    assert set(cookies) == {None}


def test_an_idle_cycle_is_one_question_about_time_and_one_page(servicenow, instance, store, market, settle):
    cycle(servicenow, store, page_size=1000)
    settle()
    before = len(instance.requests())
    cycle(servicenow, store, page_size=1000)
    assert len(instance.requests()) - before <= 2


def test_journals_and_files_are_streams_of_their_own(servicenow, instance, store, settle):
    case = instance.create(short_description="with notes")
    for number in range(7):
        instance.change(case, work_notes=f"note {number}", comments=f"comment {number}")
    servicenow.attach(CASE, case, "a.txt", "text/plain", b"hello")
    instance.create("incident", short_description="elsewhere", work_notes="not ours")
    settle()
    for expected in (14, 0):
        report = cycle(servicenow, store, JOURNALS, page_size=5, land=land_journals(lambda _, entries: entries))
        assert report.new == expected
    assert cycle(servicenow, store, FILES, land=land_attachments(lambda _, entries: entries)).new == 1
    with store.transaction() as work:
        assert {item.case for item in work.unapplied(100)} == {case}


def test_the_notes_and_files_of_many_cases_are_read_in_order(servicenow, instance, settle):
    cases = [SysId(instance.create(short_description=f"case {number}")) for number in range(3)]
    for number, case in enumerate(cases * 2):
        instance.change(case, work_notes=f"note {number}")
        settle()
    assert [entry.text for entry in servicenow.journals(cases, EVER)] == [f"note {number}" for number in range(6)]
    late = servicenow.journals(cases, EVER)[4].created_on
    assert [entry.text for entry in servicenow.journals(cases, late)] == ["note 4", "note 5"]
    servicenow.attach(CASE, cases[0], "Zähler.csv", "text/csv", b"1;2\n" * 1000)
    (file,) = servicenow.attachments(cases, EVER)
    assert servicenow.download(file, 4000) == b"1;2\n" * 1000


def test_engaged_cases_are_read_although_they_left_every_filter(servicenow, instance, store):
    stayed, gone = instance.create(short_description="stayed"), instance.create(short_description="gone")
    with store.transaction() as work:
        for sys_id in (stayed, gone):
            work.add_case(CaseRecord(SysId(sys_id), CASE, sys_id, version=1))
    instance.call("DELETE", f"/api/now/table/{CASE}/{gone}")
    instance.change(stayed, short_description="elsewhere", active="false")
    engaged = _Engaged(store, (stayed, gone))
    report = pull_engaged(servicenow, engaged)
    assert [record.sys_id for record in report.missing] == [gone]
    assert [case.values["short_description"] for case in landed(store).values()] == ["elsewhere"]


class _Engaged:
    """A store in which these cases are engaged."""

    def __init__(self, store, sys_ids):
        self._store = store
        self._sys_ids = sys_ids

    def transaction(self):
        return _EngagedTransaction(self._store.transaction(), self._sys_ids)


class _EngagedTransaction:
    def __init__(self, block, sys_ids):
        self._block = block
        self._sys_ids = sys_ids

    def __enter__(self):
        self._work = self._block.__enter__()
        return self

    def __exit__(self, *error):
        return self._block.__exit__(*error)

    def engaged_cases(self):
        return tuple(self._work.case(sys_id) for sys_id in self._sys_ids)

    def not_landed(self, stamps):
        return self._work.not_landed(stamps)

    def land(self, cases):
        return self._work.land(cases)


def test_deleted_hidden_and_reclassified_are_told_apart(servicenow, instance):
    deleted, hidden = (instance.create(short_description=word) for word in ("deleted", "hidden"))
    instance.call("DELETE", f"/api/now/table/{CASE}/{deleted}")
    instance.admin("POST", "acl", kind="hide", table=CASE, sys_ids=[hidden])
    moved = instance.create("incident", short_description="now an incident")
    for sys_id, expected, seen in (
        (deleted, Gone.DELETED, "deleted by admin"),
        (hidden, Gone.HIDDEN, "counts the record"),
        (moved, Gone.RECLASSIFIED, "incident"),
        ("e" * 32, Gone.HIDDEN, "neither counts"),
    ):
        assert servicenow.read(CASE, SysId(sys_id)) is None
        why, words = servicenow.why_gone(CASE, SysId(sys_id))
        assert why is expected
        assert seen in words


def test_where_no_audit_may_be_read_a_deleted_case_counts_as_hidden_and_says_so(servicenow, instance):
    deleted = instance.create(short_description="deleted")
    instance.call("DELETE", f"/api/now/table/{CASE}/{deleted}")
    instance.admin("POST", "acl", kind="deny_read", table="sys_audit")
    why, words = servicenow.why_gone(CASE, SysId(deleted))
    assert (why, words.partition(" at ")[0]) == (Gone.DELETED, "sys_audit_delete: deleted by admin")
    instance.admin("POST", "acl", kind="deny_read", table="sys_audit_delete")
    why, words = servicenow.why_gone(CASE, SysId(deleted))
    assert why is Gone.HIDDEN
    assert "sys_audit cannot be read" in words
    assert "sys_audit_delete cannot be read" in words


def test_cases_that_left_a_filter_are_told_from_those_in_it(servicenow, instance):
    ours, theirs, hidden = (instance.create(short_description=word, priority="2") for word in "abc")
    instance.change(theirs, priority="4")
    instance.admin("POST", "acl", kind="hide", table=CASE, sys_ids=[hidden])
    stream = Stream("urgent", CASE, "priority=1^ORpriority=2")
    assert servicenow.matching(stream, [SysId(ours), SysId(theirs), SysId(hidden)]) == {ours}


def test_children_and_members_are_read(servicenow, instance):
    parent = instance.create("incident", short_description="parent")
    children = {
        instance.create("incident", short_description="one", parent=parent),
        instance.create("incident", short_description="two", parent_incident=parent),
    }
    assert {case.sys_id for case in servicenow.children("incident", SysId(parent))} == children
    assert servicenow.members("CPSD Resolvers") == {"priya.shah", "tom.hughes", "ewa.nowak"}
    (group,) = instance.rows("sys_user_group", "name=CPSD Resolvers")
    assert servicenow.members(group["sys_id"]) == servicenow.members("CPSD Resolvers")
    assert servicenow.members("No Such Group") == frozenset()


def sweep_all(source, store, page_size=40):
    found = 0
    while True:
        report = sweep(source, store, CASES, since=EVER, page_size=page_size, max_pages=2)
        found += report.found
        if report.complete:
            return found


def test_a_sweep_finds_what_came_with_an_old_time_stamp(servicenow, instance, store, market):
    cycle(servicenow, store)
    old = {"sys_updated_on": "2026-05-04 12:00:00", "sys_created_on": "2026-05-04 12:00:00", "sys_mod_count": "3"}
    records = [{"sys_id": f"{number:032x}", "number": f"CS9{number:06}", "state": "10", **old} for number in range(3)]
    instance.put(CASE, *records)
    cycle(servicenow, store)
    assert set(landed(store)) == market
    assert sweep_all(servicenow, store) == 3
    assert set(landed(store)) == market | {(f"{number:032x}", 3) for number in range(3)}
    assert sweep_all(servicenow, store) == 0


def test_a_sweep_reads_the_stamps_only_and_passes_rows_that_an_acl_hides(servicenow, instance, store, market):
    ordered = sorted(sys_id for sys_id, _ in market)
    cycle(servicenow, store)
    instance.admin("POST", "acl", kind="hide", table=CASE, sys_ids=ordered[10:210])
    before = len(instance.requests())
    assert sweep_all(servicenow, store, page_size=60) == 0
    assert len(instance.requests()) - before < 20


def test_backfill_lands_everything_as_known_and_goes_on_where_it_was_stopped(servicenow, store, market):
    span = Span(EVER, servicenow.server_time())
    told = []

    def stop_after_three(done, total):
        told.append((done, total))
        if len(told) == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        backfill(servicenow, store, CASES, span, page_size=40, told=stop_after_three)
    again = []
    report = backfill(servicenow, store, CASES, span, page_size=40, told=lambda *one: again.append(one))
    assert report.complete
    assert landed(store) == {}, "nothing of it is to be decided upon"
    with store.transaction() as tx:
        stamps = servicenow.stamps(CASES, Window(EVER, span.until), 1000).rows
        assert len(stamps) == len(market)
        assert tx.not_landed(stamps) == ()
    assert told[0] == (0, 300)
    assert 0 < again[0][0] < 300
    assert again[-1][0] >= 300
    assert backfill(servicenow, store, CASES, span, page_size=40, told=lambda *_: None).pages == 0
