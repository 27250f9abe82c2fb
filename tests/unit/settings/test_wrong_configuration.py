from pathlib import Path

import pytest

from bridge.configuration import InvalidConfigurationError, load
from bridge.domain.errors import ConfigurationError
from tests.unit.settings.folders import ENVIRON, problems_of, shipped_copy, spoil

DCC = "desks/dcc-service-desk.yaml"

MISTAKES = {
    "a misspelt key": (
        "bridge.yaml",
        "environment: test ",
        "enviroment: test ",
        "unknown key 'enviroment'",
        "write environment:",
    ),
    "a misspelt key deep down": (
        DCC,
        "work_notes: commands",
        "work_note: commands",
        "unknown key 'work_note'",
        "write work_notes:",
    ),
    "a key of nowhere": (
        DCC,
        "party: DCC",
        "party: DCC\nflavour: sweet",
        "unknown key 'flavour'",
        "remove it; possible here: agreement",
    ),
    "a key of another login": (
        "bridge.yaml",
        "client_id: ${SN_CLIENT_ID}",
        "username: x",
        "unknown key 'username'",
        "possible here: client_id",
    ),
    "a duration without a unit": (
        "bridge.yaml",
        "table: incident, every: 30s",
        "table: incident, every: 30",
        "30 is no duration",
        "30s, 15m, 2h or 1d",
    ),
    "a duration in words": (DCC, "P1: 30m", "P1: half an hour", "'half an hour' is no agreed time", "1bd"),
    "no time at all": (DCC, "P1: 30m", "P1: 0m", "'0m' is no agreed time", "30m"),
    "an unknown mode": (DCC, "mode: observe", "mode: watch", "mode: 'watch' is not possible here", "observe"),
    "an unknown confirmation": (
        DCC,
        "confirmation: elexon",
        "confirmation: elxon",
        "'elxon' is not possible",
        "write elexon",
    ),
    "an unknown priority": (DCC, "P1: 30m", "p1: 30m", "'p1' is not possible here", "P1"),
    "an unknown push state": (
        DCC,
        "state: awaiting_confirmation",
        "state: awaiting_confirmaton",
        "'awaiting_confirmaton'",
        "write awaiting_confirmation",
    ),
    "a push that resolves": (
        DCC,
        "state: awaiting_confirmation",
        "state: resolved",
        "a report cannot put the case into 'resolved'",
        "awaiting_confirmation",
    ),
    "a push of no report": (DCC, "declined: {", "refused: {", "'refused' is not possible here", "declined"),
    "an unknown requirement": (
        DCC,
        "[impact_statement,",
        "[impact_statment,",
        "nothing called 'impact_statment' can be needed",
        "write impact_statement",
    ),
    "a calendar of nowhere": (DCC, "england-wales", "england", "'england' is not possible here", "england-wales"),
    "opening times that end too early": (
        DCC,
        "Mon-Fri 08:00-18:00",
        "Mon-Fri 18:00-08:00",
        "does not end after it starts",
        "00:00 to 24:00",
    ),
    "opening times of no day": (DCC, "Mon-Fri 08:00-18:00", "Mon-Fry 08:00-18:00", "are no opening times", "Mon-Fri"),
    "opening times that overlap": (
        DCC,
        "Mon-Fri 08:00-18:00",
        "Mon-Fri 08:00-18:00, Mon 17:00-19:00",
        "Mon has opening times that overlap",
        "once",
    ),
    "a size without a unit": (DCC, "max: 10MB", "max: 10", "10 is no size", "10MB"),
    "a day that is none": (DCC, "2026-04-01", "2026-02-30", "'2026-02-30' is no day", "2026-04-01"),
    "an instant without an offset": (
        "bridge.yaml",
        "2027-01-01T00:00:00Z",
        "2027-01-01T00:00:00",
        "does not say its offset",
        "Z",
    ),
    "an address that is none": (
        DCC,
        "dcc-servicedesk@example.org",
        "dcc-servicedesk",
        "is no mail address",
        "servicedesk@example.org",
    ),
    "nobody to write to": (DCC, "[dcc-servicedesk@example.org]", "[]", "to: nothing is there", "at least one"),
    "a domain with @": (
        DCC,
        "from_domains: [example.org]",
        'from_domains: ["@example.org"]',
        "is no domain",
        "without @",
    ),
    "a broken pattern": (DCC, r"'INC\d{12}'", "'INC(\\d{12}'", "is no regular expression", "correct it"),
    "a misspelt field in a status": (
        DCC,
        "automatic and subject",
        "automatic and subjekt",
        "unknown field 'subjekt'",
        "write subject",
    ),
    "a misspelt field in a route": (
        "routes.yaml",
        "assignment_group == 'CPSD DCC'",
        "assignement_group == 'CPSD DCC'",
        "unknown field 'assignement_group'",
        "write assignment_group",
    ),
    "a misspelt field of triage": (
        "routes.yaml",
        "category != '' and",
        "categori != '' and",
        "unknown field 'categori'",
        "write category",
    ),
    "a number where text is": (
        "routes.yaml",
        "assignment_group == 'CPSD DCC'",
        "assignment_group == 7",
        "a text and a number are compared",
        "between quotes",
    ),
    "a condition that is none": (
        "routes.yaml",
        "assignment_group == 'CPSD DCC'",
        "assignment_group",
        "is neither true nor false",
        "compare with something",
    ),
    "a single equals sign": (
        "routes.yaml",
        "assignment_group == 'CPSD DCC'",
        "assignment_group = 'CPSD DCC'",
        "is no condition",
        "field == 'text'",
    ),
    "a broken pattern in a route": (
        "routes.yaml",
        "(?i)disconnect(ed|ion)",
        "(?i)disconnect(ed|ion",
        "invalid regular expression",
        "correct it",
    ),
    "a clock in a route": (
        "routes.yaml",
        "assignment_group == 'CPSD DCC'",
        "$now == $now",
        "$now may not be used",
        "fields of the case",
    ),
    "an unknown desk in a route": (
        "routes.yaml",
        "propose: rec-service-desk",
        "propose: rec-servise-desk",
        "no desk is called 'rec-servise-desk'",
        "write rec-service-desk",
    ),
    "a route to nobody": (
        "routes.yaml",
        "propose: rec-service-desk",
        "auto: false",
        "a route names one desk",
        "propose: or engage:",
    ),
    "an automatic proposal": (
        "routes.yaml",
        "propose: rec-service-desk",
        "propose: rec-service-desk\n    auto: true",
        "cannot be automatic",
        "engage: instead",
    ),
    "a table that is unknown": (
        "bridge.yaml",
        "table: incident",
        "table: incidents",
        "does not know the table 'incidents'",
        "write incident",
    ),
    "a table of the platform itself": (
        "bridge.yaml",
        "table: incident",
        "table: sys_user",
        "does not know the table 'sys_user'",
        "write",
    ),
    "a resolution code for a table without the field": (
        "bridge.yaml",
        "  incident: Solution provided",
        "  incident: Solution provided\n  sc_req_item: Done",
        "sc_req_item has no field for a resolution code",
        "take it out",
    ),
    "a query that escapes": (
        "bridge.yaml",
        'incident, every: 30s, query: "assignment_group',
        'incident, every: 30s, query: "active=true^NQassignment_group',
        "^NQ would escape",
        "second source",
    ),
    "a query that orders": (
        "bridge.yaml",
        'incident, every: 30s, query: "',
        'incident, every: 30s, query: "active=true^orderbynumber^',
        "ORDERBY would escape",
        "joined by ^",
    ),
    "a query that ends early": (
        "bridge.yaml",
        'incident, every: 30s, query: "',
        'incident, every: 30s, query: "active=true^EQ^',
        "^EQ would escape",
        "joined by ^",
    ),
    "two sources of one name": (
        "bridge.yaml",
        "name: incidents",
        "name: cases",
        "a second source is called 'cases'",
        "another name",
    ),
    "an attribute that is built in": (
        "bridge.yaml",
        "raiser_role:",
        "priority:",
        "'priority' is built in",
        "another name",
    ),
    "a port that is none": (
        "bridge.yaml",
        "127.0.0.1:8600",
        "127.0.0.1:99999",
        "is no place to listen at",
        "127.0.0.1:8600",
    ),
    "a path in the instance's address": (
        "bridge.yaml",
        "url: ${SN_URL}",
        "url: https://example.service-now.com/nav_to.do",
        "is no address of an instance",
        "host only",
    ),
    "a mail server without a scheme": (
        "bridge.yaml",
        "smtp: smtps://mail.example.org",
        "smtp: mail.example.org",
        "is no address of a mail server",
        "smtps://host",
    ),
    "clamd at a place that is none": (
        "bridge.yaml",
        "smtp: smtps://mail.example.org",
        "smtp: smtps://mail.example.org\n  scan: {clamd: /run/clamav/clamd.ctl}",
        "is no place of clamd",
        "unix:///run/clamav/clamd.ctl",
    ),
    "two scanners": (
        "bridge.yaml",
        "smtp: smtps://mail.example.org",
        'smtp: smtps://mail.example.org\n  scan: {clamd: "tcp://127.0.0.1:3310", command: [clamscan, "-"]}',
        "names one scanner",
        "write either clamd: with its place, or command: as a list",
    ),
    "mail without protection": (
        "bridge.yaml",
        "smtp: smtps://",
        "smtp: smtp+plain://",
        "would send passwords and cases unprotected",
        "allow_plaintext",
    ),
    "a hold for a desk of nowhere": (
        "bridge.yaml",
        "{confirm: all}",
        "{confirm: [dcc-service-dask]}",
        "no desk is called 'dcc-service-dask'",
        "write dcc-service-desk",
    ),
    "a store of another kind": (
        "bridge.yaml",
        "sqlite:///var/bridge.db ",
        "mysql://db/bridge ",
        "cannot be of the kind 'mysql'",
        "postgresql+psycopg://",
    ),
    "a whole number in words": (
        "bridge.yaml",
        "per_cycle: 20",
        "per_cycle: many",
        "'many' is not a whole number",
        "whole number",
    ),
    "a number out of bounds": ("bridge.yaml", "per_cycle: 20", "per_cycle: 0", "0 is out of bounds", "at least 1"),
    "a switch in words": (
        DCC,
        "comments: true",
        "comments: perhaps",
        "'perhaps' is not true or false",
        "true or false",
    ),
    "a list that is none": (
        DCC,
        "update_on: [priority, short_description, assigned_to]",
        "update_on: priority",
        "is not a list",
        "[one, two]",
    ),
    "a part that is none": (
        DCC,
        "share: {comments: true, work_notes: commands, attachments: {max: 10MB, types: [pdf, csv, png, txt]}}",
        "share: all",
        "is not a list of keys",
        "indented",
    ),
    "no login": ("bridge.yaml", "kind: client_credentials, ", "", "not said of which kind", "kind: basic"),
    "an unknown login": (
        "bridge.yaml",
        "kind: client_credentials",
        "kind: client_credential",
        "is not possible here",
        "client_credentials",
    ),
    "nobody by whom entries are ours": (
        "bridge.yaml",
        "  user: cpsd.bridge\n",
        "",
        "user is missing",
        "integration user",
    ),
    "a lease that is too short": (
        "bridge.yaml",
        "hold: {confirm: all}",
        "delivery: {lease: 30s}\nhold: {confirm: all}",
        "could end while an attempt goes on",
        "leave it out",
    ),
    "a timeout that exceeds the attempt": (
        "bridge.yaml",
        "  user: cpsd.bridge",
        "  user: cpsd.bridge\n  read_timeout: 60s",
        "exceed delivery.client_timeout",
        "less than",
    ),
    "waits the wrong way round": (
        "bridge.yaml",
        "hold: {confirm: all}",
        "delivery: {retry_first: 1h}\nhold: {confirm: all}",
        "retry_longest is shorter",
        "longer time",
    ),
    "the bridge's own address as a desk": (
        DCC,
        "dcc-servicedesk@example.org",
        "CPSD@example.org",
        "the bridge's own address",
        "the desk's mailbox",
    ),
    "two listeners in one place": (
        "bridge.yaml",
        "console: 127.0.0.1:8600",
        "{console: 127.0.0.1:8600, public: 127.0.0.1:8600}",
        "listen at the same place",
        "two ports",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_file_its_line_and_a_remedy(mistake, tmp_path: Path):
    file, old, new, what, remedy = MISTAKES[mistake]
    folder = shipped_copy(tmp_path)
    line = spoil(folder / file, old, new)
    found = problems_of(folder)
    told = [problem for problem in found if what in problem.what]
    assert told, "\n".join(map(str, found))
    assert told[0].file == folder / file
    assert remedy in told[0].remedy
    # What is missing is told at the line of what it is missing from.
    assert told[0].line == line or line - 3 <= told[0].line <= line + 2


def test_what_is_wrong_in_all_files_is_told_at_once(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    spoil(folder / "bridge.yaml", "per_cycle: 20", "per_cycle: many")
    spoil(folder / "bridge.yaml", "cpsd@example.org", "cpsd")
    spoil(folder / DCC, "mode: observe", "mode: liev")
    spoil(folder / "desks/rec-service-desk.yaml", "needs: [description, contact]", "needs: [descripton, contact]")
    spoil(folder / "routes.yaml", "propose: rec-service-desk", "propose: rec-desk")
    with pytest.raises(ConfigurationError, match="5 problems, nothing was started") as caught:
        load(folder, ENVIRON)
    assert isinstance(caught.value, InvalidConfigurationError)
    assert len({problem.file for problem in caught.value.problems}) == 4
    for problem in caught.value.problems:
        assert f"{problem.file}:{problem.line}: " in str(caught.value)


def test_a_desk_whose_file_is_wrong_is_not_called_unknown_too(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    spoil(folder / DCC, "mode: observe", "mode: liev")
    assert len(problems_of(folder)) == 1


def test_every_duplicate_key_is_found_and_points_to_the_first(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    spoil(folder / DCC, "mode: observe", "mode: observe\nmode: live\nparty: DCC again")
    duplicates = [problem for problem in problems_of(folder) if "duplicate key" in problem.what]
    assert [(problem.line, problem.what) for problem in duplicates] == [
        (6, "duplicate key 'mode'"),
        (7, "duplicate key 'party'"),
    ]
    assert "the first is in line 3" in duplicates[1].remedy


def test_broken_yaml_is_told_with_its_line_and_the_other_files_are_still_read(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    line = spoil(folder / "routes.yaml", "engage: dcc-service-desk", "engage: dcc: service: desk")
    spoil(folder / DCC, "mode: observe", "mode: liev")
    found = problems_of(folder)
    assert [(problem.file.name, problem.line) for problem in found] == [
        ("dcc-service-desk.yaml", 5),
        ("routes.yaml", line),
    ]
    assert "is not YAML" in found[1].what


def test_a_value_that_contains_itself_is_refused_and_not_followed_for_ever(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    spoil(folder / DCC, "covers: [", "covers: &all [*all, ")
    assert any("nested too deeply" in problem.what for problem in problems_of(folder))


@pytest.mark.parametrize("name", ["bridge.yaml", "routes.yaml"])
def test_a_file_that_is_not_there_is_told(name, tmp_path: Path):
    folder = shipped_copy(tmp_path)
    (folder / name).unlink()
    assert any(p.file == folder / name and p.what == "does not exist" for p in problems_of(folder))


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n"])
def test_an_empty_file_is_told(text, tmp_path: Path):
    folder = shipped_copy(tmp_path)
    (folder / "routes.yaml").write_text(text)
    assert [problem.what for problem in problems_of(folder)] == ["is empty"]


def test_a_file_that_is_not_text_is_told(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    (folder / "routes.yaml").write_bytes(b"triaged: \xff\xfe")
    assert [problem.what for problem in problems_of(folder)] == ["is not UTF-8 text"]


def test_a_folder_without_desks_is_told(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    for path in (folder / "desks").glob("*.yaml"):
        path.unlink()
    assert any(problem.what == "holds no desk" for problem in problems_of(folder))


def test_a_desk_file_with_another_ending_is_not_passed_over_silently(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    (folder / "desks" / "rec-service-desk.yaml").rename(folder / "desks" / "rec-service-desk.yml")
    assert any(p.what == "would not be read" for p in problems_of(folder))


def test_two_desks_of_one_name_are_refused(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    (folder / "desks" / "zzz.yaml").write_text((folder / DCC).read_text())
    (problem,) = problems_of(folder)
    assert (problem.what, problem.line) == ("a second desk is called 'dcc-service-desk'", 2)


def test_two_versions_of_one_number_are_refused(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    line = spoil(folder / "desks" / "ldso-help-desk.yaml", "- version: 2", "- version: 1")
    (problem,) = problems_of(folder)
    assert (problem.what, problem.line) == ("version 1 is there twice", line)


def test_a_desk_has_its_agreement_in_one_way_and_not_in_none(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    path = folder / "desks" / "ldso-help-desk.yaml"
    desk, _, versions = path.read_text().partition("agreements:\n")
    first = (
        versions.partition("  - version: 2")[0]
        .replace("  - ", "    ")
        .replace("\n    ", "\n  ")
        .replace("    version", "  version")
    )
    path.write_text(f"{desk}agreement:\n{first}")
    assert problems_of(folder) == ()
    for text in (desk, f"{desk}agreement:\n{first}agreements:\n{versions}"):
        path.write_text(text)
        assert ["in one of two ways" in problem.what for problem in problems_of(folder)] == [True]


def test_a_live_desk_outside_production_needs_an_allow_list(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    spoil(folder / DCC, "mode: observe", "mode: live")
    assert problems_of(folder) == ()
    spoil(folder / "bridge.yaml", '  allow: ["@example.org"] ', "  # ")
    (problem,) = problems_of(folder)
    assert "allow is missing" in problem.what
    spoil(folder / "bridge.yaml", "environment: test ", "environment: production ")
    assert problems_of(folder) == ()


def test_a_live_desk_whose_cases_are_resolved_needs_a_code_for_every_table(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    spoil(folder / DCC, "mode: observe", "mode: live")
    spoil(folder / "bridge.yaml", "  incident: Solution provided\n", "")
    (problem,) = problems_of(folder)
    assert "incident has no resolution code" in problem.what
    spoil(folder / DCC, "  confirmation: elexon", "  confirmation: elexon\n  afterwards: release")
    assert problems_of(folder) == ()


def test_production_is_reached_over_https_only(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    spoil(folder / "bridge.yaml", "environment: test ", "environment: production ")
    found = problems_of(folder, {**ENVIRON, "SN_URL": "http://example.service-now.com"})
    assert ["unprotected" in problem.what for problem in found] == [True]
    assert problems_of(folder, {**ENVIRON, "SN_URL": "http://127.0.0.1:8080"}) == ()


def test_desks_reached_by_mail_need_a_mailbox_and_a_key(tmp_path: Path):
    folder = shipped_copy(tmp_path)
    spoil(folder / "bridge.yaml", "signing_keys:\n  - ${BRIDGE_SIGNING_KEY}\n", "")
    assert ["'signing_keys' is missing" in problem.what for problem in problems_of(folder)] == [True]
    text = (folder / "bridge.yaml").read_text()
    (folder / "bridge.yaml").write_text(text[: text.index("mail:\n")] + text[text.index("alerts:") :])
    assert {"'mail' is missing" in problem.what for problem in problems_of(folder)} == {True, False}
