"""Clients that we did not write, unmodified: pysnc over https, aiosnow, servicenow-api (pysnow is tried elsewhere)."""

import asyncio
from datetime import UTC, datetime

import pysnc
import pytest
from pysnc.exceptions import AuthenticationException, InstanceException, RequestException, RoleException
from servicenow_api.exceptions import AuthError
from servicenow_api.servicenow_api import Api

from bridge.sandbox.servicenow import Identity, ServiceNowSandbox
from bridge.sandbox.servicenow.market_data import Market

ADMIN = "6816f79cc0a8016401c5a33be04be441"
CASE = "sn_customerservice_case"
UNTIL = datetime(2026, 6, 1, tzinfo=UTC)


def seeded(sandbox):
    sandbox.instance.seed_market(Market(120, notes=1), CASE, 1, UNTIL)
    sandbox.instance.seed_market(Market(40, notes=1), "incident", 1, UNTIL)
    return sandbox


@pytest.fixture(scope="module")
def plain():
    with ServiceNowSandbox(identity=Identity("secret")) as sandbox:
        yield seeded(sandbox)


@pytest.fixture(scope="module")
def secure():
    with ServiceNowSandbox(identity=Identity("secret"), https=True) as sandbox:
        yield seeded(sandbox)


# --- pysnc, ServiceNow's own -------------------------------------------------------------------------------------


@pytest.fixture
def official(secure):
    client = pysnc.ServiceNowClient(secure.url, ("admin", "secret"), verify=secure.description["ca"])
    yield client
    client.session.close()


def found(client, table, query=""):
    record = client.GlideRecord(table)
    record.add_encoded_query(query)
    record.query()
    return record


def test_pysnc_refuses_anything_but_https(plain):
    with pytest.raises(InstanceException):
        pysnc.ServiceNowClient(plain.url, ("admin", "secret"))


def test_pysnc_reads_page_by_page(official):
    record = official.GlideRecord(CASE, batch_size=25)
    record.fields = ["sys_id", "number", "state"]
    record.order_by_desc("number")
    record.query()
    numbers = [str(row.number) for row in record]
    assert len(record) == len(set(numbers)) == 120
    assert numbers == sorted(numbers, reverse=True)


def test_pysnc_gets_the_administrator_by_its_well_known_sys_id(official):
    record = official.GlideRecord("sys_user")
    assert record.get(ADMIN)
    assert (str(record.user_name), record.get_display_value("name")) == ("admin", "System Administrator")
    assert not official.GlideRecord("sys_user").get("0" * 32)


def test_pysnc_walks_references_and_tells_values_from_displays(official):
    record = official.GlideRecord(CASE)
    record.fields = "sys_id,opened_by,opened_by.email,state"
    record.limit = 1
    record.query()
    assert record.next()
    assert record.opened_by.email == "rhys.morgan@sandbox.example"
    assert record.get_display_value("opened_by") == "Rhys Morgan"
    assert record.get_value("state") in ("1", "6", "10", "18")
    (both,) = record.serialize_all(display_value="both")
    assert both["opened_by"]["display_value"] == "Rhys Morgan"


def test_pysnc_creates_changes_and_deletes(official):
    record = official.GlideRecord("problem")
    record.initialize()
    record.set_new_guid_value("aaaabbbbccccddddeeeeffff00001111")
    record.short_description = "From pysnc"
    assert record.insert() == "aaaabbbbccccddddeeeeffff00001111"
    record.short_description = "Changed"
    assert record.update() == "aaaabbbbccccddddeeeeffff00001111"
    again = official.GlideRecord("problem")
    assert again.get("aaaabbbbccccddddeeeeffff00001111")
    assert (str(again.short_description), str(again.sys_mod_count)) == ("Changed", "1")
    assert again.sys_created_on.date_value().tzinfo is not None
    assert again.delete()
    assert not official.GlideRecord("problem").get("aaaabbbbccccddddeeeeffff00001111")


def test_pysnc_joins_and_asks_for_related_records(official):
    joined = official.GlideRecord("sys_user")
    members = joined.add_join_query("sys_user_grmember", "sys_id", "user")
    members.add_query("group.name", "Service Desk")
    joined.query()
    assert [str(row.user_name) for row in joined] == ["priya.shah"]
    related = official.GlideRecord("sys_user")
    inner = related.add_rl_query("sys_user_grmember", "user", ">=2", stop_at_relationship=True)
    inner.add_query("group.active", "true")
    related.query()
    assert [str(row.user_name) for row in related] == ["priya.shah"]


def test_pysnc_combines_conditions(official):
    record = official.GlideRecord(CASE)
    record.add_query("priority", "1").add_or_condition("priority", "2")
    record.add_query("state", "IN", "1,10,18")
    record.add_null_query("assigned_to")
    record.query()
    rows = [(str(row.priority), str(row.state)) for row in record]
    everything = [(str(row.priority), str(row.state)) for row in found(official, CASE)]
    assert sorted(rows) == sorted(row for row in everything if row[0] in "12" and row[1] != "6")


def test_pysnc_updates_and_deletes_many_in_batches(official):
    for _ in range(3):
        record = official.GlideRecord("incident")
        record.initialize()
        record.short_description = "batched"
        record.insert()
    many = found(official, "incident", "short_description=batched")
    for row in many:
        row.short_description = "changed in a batch"
    many.rewind()
    assert many.update_multiple()
    assert len(found(official, "incident", "short_description=changed in a batch")) == 3
    assert found(official, "incident", "short_description=changed in a batch").delete_multiple()
    assert len(found(official, "incident", "short_description=changed in a batch")) == 0


def test_pysnc_attaches_reads_and_removes_files(official, tmp_path):
    record = found(official, CASE)
    record.next()
    assert len(record.get_attachments()) == 0
    link = record.add_attachment("readings.txt", b"one\ntwo", "text/plain")
    files = record.get_attachments()
    assert files.next()
    assert (files.file_name, files.read(), files.readlines()) == ("readings.txt", b"one\ntwo", ["one", "two"])
    assert files.write_to(tmp_path).read_bytes() == b"one\ntwo"
    kept = official.Attachment(CASE)
    assert kept.get(link.rpartition("/")[2])
    kept.delete()
    assert len(record.get_attachments()) == 0


def test_pysnc_reads_what_describes_the_tables(official):
    column = found(official, "sys_dictionary", "name=task^element=short_description")
    column.next()
    assert (str(column.internal_type), column.get_display_value("max_length")) == ("string", "160")
    assert column.get_display_value("internal_type") == "string"
    table = found(official, "sys_db_object", f"name={CASE}")
    table.next()
    assert table.get_display_value("super_class") == "Task"
    labels = {str(row.value): str(row.label) for row in found(official, "sys_choice", f"name={CASE}^element=state")}
    assert labels["18"] == "Awaiting Info"
    assert len(found(official, "sys_properties", "name=glide.sys.default.tz")) == 1


def test_pysnc_tells_refusals_apart(secure, official):
    with pytest.raises(RequestException, match="Invalid table"):
        found(official, "no_such_table")
    stranger = pysnc.ServiceNowClient(secure.url, ("admin", "wrong"), verify=secure.description["ca"])
    with pytest.raises(AuthenticationException):
        stranger.GlideRecord(CASE).get("x")
    stranger.session.close()
    record = found(official, CASE, "state=1")
    record.next()
    record.state = "6"
    with pytest.raises(RoleException, match="Data Policy Exception"):
        record.update()


def test_pysnc_logs_in_with_oauth(secure, monkeypatch):
    oauth, trusted = secure.description["oauth"], secure.description["ca"]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", trusted)  # its client credentials take no other way to name it
    flows = (
        pysnc.ServiceNowPasswordGrantFlow("admin", "secret", oauth["client_id"], oauth["client_secret"]),
        pysnc.ServiceNowClientCredentialsFlow(oauth["client_id"], oauth["client_secret"]),
    )
    for flow in flows:
        client = pysnc.ServiceNowClient(secure.url, flow, verify=trusted)
        assert client.GlideRecord("sys_user").get(ADMIN)
        client.session.close()


# --- aiosnow -----------------------------------------------------------------------------------------------------


@pytest.fixture
def incidents(plain):
    """Runs `work(model)` with aiosnow's own model of an incident."""
    import aiosnow  # noqa: PLC0415 - warns while it is imported, which only a test may ignore
    from aiosnow.models.table.declared.incident import IncidentModel  # noqa: PLC0415

    def run(work):
        async def session():
            address = plain.url.removeprefix("http://")
            client = aiosnow.Client(address, basic_auth=("admin", "secret"), use_ssl=False)
            async with IncidentModel(client, table_name="incident") as model:
                return await work(model)

        return asyncio.run(session())

    return run


old = pytest.mark.filterwarnings("ignore")  # aiosnow is of 2020 and warns of what its libraries have left behind


@old
def test_aiosnow_streams_pages_of_typed_records(incidents):
    async def work(model):
        chosen = type(model).number.is_populated()
        return [row async for _, row in model.stream(chosen, limit=100, page_size=15)]

    rows = incidents(work)
    assert len({row["number"] for row in rows}) == len(rows) >= 40
    assert isinstance(rows[0]["sys_created_on"], datetime)
    assert rows[0]["active"] is True


@old
def test_aiosnow_creates_updates_and_deletes(incidents):
    async def work(model):
        chosen = type(model).short_description.equals("From aiosnow")
        made = await model.create({"short_description": "From aiosnow", "impact": "2", "urgency": "2"})
        changed = await model.update(chosen, {"impact": "1"})
        read = await model.get_one(chosen)
        deleted = await model.delete(chosen)
        return made["priority"].value, changed["impact"].key, read["priority"].key, deleted.status

    assert incidents(work) == ("3 - Moderate", 1, 2, 204)


@old
def test_aiosnow_sends_and_fetches_a_file(incidents, tmp_path):
    from aiosnow.models import AttachmentModel  # noqa: PLC0415

    file = tmp_path / "sent" / "bill.txt"
    file.parent.mkdir()
    file.write_bytes(b"12 kWh")

    async def work(model):
        owner = await model.create({"short_description": "With a file"})
        await model.upload_file(owner["sys_id"], str(file))
        await model.download_file(AttachmentModel.file_name.equals("bill.txt"), str(tmp_path / "fetched"))

    incidents(work)
    assert (tmp_path / "fetched" / "bill.txt").read_bytes() == b"12 kWh"


@old
def test_aiosnow_shows_the_platforms_own_words_of_a_refusal(incidents):
    from aiosnow.exceptions import RequestError  # noqa: PLC0415

    async def work(model):
        made = await model.create({"short_description": "Not to be resolved"})
        await model.update(made["sys_id"], {"state": "6"})

    with pytest.raises(RequestError, match="Data Policy Exception: The following fields are mandatory"):
        incidents(work)


# --- servicenow-api ----------------------------------------------------------------------------------------------


@pytest.fixture
def wrapper(plain):
    api = Api(url=plain.url, username="admin", password="secret")
    yield api
    api._session.close()


def test_servicenow_api_reads_and_creates_incidents(wrapper):
    listed = wrapper.get_incidents(sysparm_limit=5).result
    assert len(listed) == 5
    assert wrapper.get_incident(incident_id=listed[0].sys_id).result.number == listed[0].number
    assert wrapper.create_incident(data={"short_description": "x"}).result.number.startswith("INC")


def test_servicenow_api_writes_any_table(wrapper):
    made = wrapper.add_table_record(table="problem", data={"short_description": "one"}).result
    known = {"table": "problem", "table_record_sys_id": made.sys_id}
    assert wrapper.get_table_record(**known).result.number == made.number
    assert wrapper.patch_table_record(**known, data={"short_description": "two"}).result.short_description == "two"
    assert wrapper.update_table_record(**known, data={"short_description": "three"}).result.sys_mod_count == "2"


@pytest.mark.parametrize("table", ["sys_dictionary", "sys_db_object", "sys_choice", "sys_properties"])
def test_servicenow_api_reads_what_describes_the_tables(wrapper, table):
    rows = wrapper.get_table(table=table, sysparm_limit=3).result
    assert len(rows) == 3
    assert all(row.name for row in rows)


def test_servicenow_api_aggregates_and_batches(wrapper):
    counted = wrapper.api_request("GET", f"now/stats/{CASE}?sysparm_count=true").result
    assert counted == {"result": {"stats": {"count": "120"}}}
    part = {"id": "1", "method": "GET", "url": f"/api/now/table/{CASE}?sysparm_limit=1", "headers": []}
    answer = wrapper.api_request("POST", "now/v1/batch", json={"batch_request_id": "7", "rest_requests": [part]}).result
    assert (answer["batch_request_id"], answer["serviced_requests"][0]["status_code"]) == ("7", 200)


def test_servicenow_api_logs_in_with_oauth_and_is_told_when_it_may_not(plain):
    api = Api(url=plain.url, username="admin", password="secret", **plain.description["oauth"])
    assert len(api.get_table(table="incident", sysparm_limit=2).result) == 2
    api._session.close()
    with pytest.raises(AuthError):
        Api(url=plain.url, username="admin", password="wrong")
