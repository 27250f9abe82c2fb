from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bridge.configuration import load
from bridge.domain.agreement import Confirmation, Mode, Push, ResponseTime
from bridge.domain.case import Case
from bridge.domain.facts import ReportKind
from bridge.domain.ids import DeskName, SysId
from bridge.mapping.statuses import StatusPatterns
from bridge.settings import ClientCredentials, Environment, HoldRule
from tests.unit.settings.folders import ENVIRON, SHIPPED, shipped_copy, spoil

ARCHITECTURE_BRIDGE = """
servicenow:
  url: https://example.service-now.com
  user: cpsd.bridge
  auth: {kind: client_credentials, client_id: ${SN_CLIENT_ID}, client_secret: ${SN_CLIENT_SECRET}}
store: sqlite:///var/bridge.db            # or postgresql+psycopg://…
go_live: 2026-12-01T00:00:00Z
sources:
  - {name: cases, table: sn_customerservice_case, every: 30s, query: "assignment_group.nameSTARTSWITHCPSD"}
mail: {smtp: "smtps://mail.example.org", imap: "imaps://mail.example.org", address: cpsd@example.org}
signing_keys: ["${BRIDGE_SIGNING_KEY}"]
alerts: {mail: [oncall@example.org]}
web: {public: 0.0.0.0:8601, public_address: "https://cpsd.example.org", console: 127.0.0.1:8600}
"""
ARCHITECTURE_DESK = r"""
desk: dcc-service-desk
party: DCC
covers: [smart metering communication, missing meter reads, security breaches, mass data outages]
mode: observe
agreement:
  version: 3
  effective: 2026-04-01
  method: {email: {to: [servicedesk@dcc.example], from_domains: [dcc.example], reference: 'INC\d{12}'}}
  hours: {calendar: england-wales, open: "Mon-Fri 08:00-18:00", major_incidents: "24x7"}
  respond_within: {P1: 30m, P2: 2h, P3: 1bd, P4: 2bd}
  share: {comments: true, work_notes: commands, attachments: {max: 10MB, types: [pdf, csv, png, txt]}}
  update_on: [priority, short_description, assigned_to]     # field changes that send an update
  needs: [impact_statement, references]                     # completeness before anything is sent
  statuses: [{when: "subject =~ 'Resolved'", report: resolved}]
  push: {acknowledged: {note: true}, resolved: {note: true, state: awaiting_confirmation}, declined: {note: true}}
  confirmation: elexon
  on_early_resolution: reopen
"""


def test_the_shipped_configuration_loads_and_observes_every_desk():
    configuration = load(SHIPPED, ENVIRON)
    desks = configuration.desks.by_name
    assert {"dcc-service-desk", "ldso-help-desk", "rec-service-desk"} <= set(desks)
    assert {desk.mode for desk in desks.values()} == {Mode.OBSERVE}
    assert configuration.environment is Environment.TEST
    assert configuration.instance == "elexon"
    assert len(configuration.router.routes) >= 10


def test_every_variable_of_the_shipped_configuration_is_documented():
    page = (SHIPPED.parent / "docs" / "configuration.md").read_text()
    assert [name for name in ENVIRON if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize("name", sorted(ENVIRON))
def test_the_shipped_configuration_names_the_variable_that_is_not_set(name):
    environ = {key: value for key, value in ENVIRON.items() if key != name}
    with pytest.raises(Exception, match=f"has no variable {name}"):
        load(SHIPPED, environ)


def test_the_example_of_the_architecture_loads_as_it_is_written(tmp_path: Path):
    (tmp_path / "desks").mkdir()
    (tmp_path / "bridge.yaml").write_text(ARCHITECTURE_BRIDGE)
    (tmp_path / "desks" / "dcc.yaml").write_text(ARCHITECTURE_DESK)
    (tmp_path / "routes.yaml").write_text(
        "triaged: \"assignment_group != '' and state == 'Open'\"\n"
        "routes:\n  - {when: \"assignment_group == 'CPSD DCC'\", engage: dcc-service-desk, auto: true}\n"
    )
    configuration = load(tmp_path, ENVIRON)
    agreement = configuration.desks.by_name[DeskName("dcc-service-desk")].latest
    assert configuration.instance == "example"
    assert configuration.go_live == datetime(2026, 12, 1, tzinfo=UTC)
    assert configuration.hold.rule is HoldRule.ALL
    assert (configuration.web.public.host, configuration.web.public.port) == ("0.0.0.0", 8601)
    assert isinstance(configuration.servicenow.auth, ClientCredentials)
    assert agreement.email.reference == r"INC\d{12}"
    assert agreement.hours.open == dict.fromkeys(range(1, 6), ((480, 1080),))
    assert agreement.hours.major_incidents_always
    assert agreement.respond_within["P1"] == ResponseTime(elapsed=timedelta(minutes=30))
    assert agreement.respond_within["P4"] == ResponseTime(business_days=2)
    assert agreement.share.attachments.max_bytes == 10_000_000
    assert agreement.push[ReportKind.RESOLVED] == Push(note=True, state="awaiting_confirmation")
    assert agreement.confirmation is Confirmation.ELEXON
    assert configuration.router.route(case()).hits[0].automatic


def case() -> Case:
    values = {"number": "CS1", "state": "10", "assignment_group": "f" * 32, "sys_updated_on": "2026-12-02 10:00:00"}
    displays = {"state": "Open", "assignment_group": "CPSD DCC"}
    return Case("sn_customerservice_case", SysId("1" * 32), values, displays)


def test_a_desk_takes_the_version_of_its_agreement_that_is_effective_on_a_day():
    desk = load(SHIPPED, ENVIRON).desks.by_name[DeskName("ldso-help-desk")]
    assert desk.agreement_on(date(2026, 3, 31)) is None
    assert desk.agreement_on(date(2026, 9, 30)).version == 1
    assert desk.agreement_on(date(2026, 10, 1)).version == 2


def test_a_desk_around_the_clock_is_open_on_public_holidays():
    desk = load(SHIPPED, ENVIRON).desks.by_name[DeskName("switching-service-desk")]
    assert desk.latest.hours.calendar == "none"
    assert set(desk.latest.hours.open) == set(range(1, 8))


def test_what_routes_and_agreements_look_at_is_read_with_every_row():
    configuration = load(SHIPPED, ENVIRON)
    cases, incidents = (configuration.fields[name] for name in ("sn_customerservice_case", "incident"))
    assert {"account.u_market_role", "u_mpans_affected", "business_impact", "contact.user_name"} <= set(cases)
    assert {"caller_id", "caller_id.user_name", "close_code", "u_mpans_affected"} <= set(incidents)
    assert "contact" not in incidents
    assert configuration.sources[0].stream.fields == cases


def test_a_code_of_the_bridge_serves_agreements_that_name_none(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    spoil(
        folder / "desks" / "rec-service-desk.yaml",
        "  confirmation: quiet",
        "  resolution_codes: {incident: Referred}\n  confirmation: quiet",
    )
    agreement = load(folder, ENVIRON).desks.by_name[DeskName("rec-service-desk")].latest
    assert agreement.resolution_codes == {"sn_customerservice_case": "1", "incident": "Referred"}


def test_values_may_come_from_the_environment_in_part(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    spoil(folder / "bridge.yaml", "smtps://mail.example.org", "smtps://${MAIL_HOST}:4650")
    assert load(folder, {**ENVIRON, "MAIL_HOST": "mx.example.org"}).mail.smtp == "smtps://mx.example.org:4650"


def test_the_lease_is_longer_than_an_attempt_may_take():
    delivery = load(SHIPPED, ENVIRON).delivery
    assert delivery.lease > delivery.client_timeout + delivery.far_side_limit + delivery.margin


@pytest.mark.parametrize(
    "subject, resolved",
    [
        ("INC000000000042 has been resolved", True),
        ("INC000000000042 has been Resolved.", True),
        ("Incident INC000000000042 has been resolved - Reads are missing", True),
        ("Your ticket INC000000000042 has been resolved: Reads are missing", True),
        ("Incident INC000000000042 has been updated: Case wrongly shows resolved", False),
        ("Incident INC000000000042 has been updated: Case INC000000000041 has been resolved", False),
        ("Incident INC000000000042 is not yet resolved", False),
        ("INC000000000042: target to be resolved by 22 July", False),
        ("INC000000000042 reopened: was resolved", False),
        ("INC000000000042 has been resolved?", False),
        ("INC000000000042 has been resolved by mistake", False),
        ("INC000000000042 has been reopened", False),
        ("Automatic reply: INC000000000042 has been resolved", False),
        ("INC042 has been resolved", False),
    ],
)
def test_the_shipped_pattern_of_a_resolution_means_the_whole_sentence(subject, resolved):
    desk = load(SHIPPED, ENVIRON).desks.by_name[DeskName("dcc-service-desk")]
    patterns = StatusPatterns.of(desk.latest.statuses)
    told = [patterns.report(subject=subject, text="", sender="", automatic=machine) for machine in (True, False)]
    assert told == [ReportKind.RESOLVED if resolved else None, None]
