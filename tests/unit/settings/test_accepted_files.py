"""`accept.attachments`: which of a desk's files are put into the case."""

import pytest

from bridge.configuration import load
from bridge.domain.agreement import AttachmentRule
from bridge.domain.ids import DeskName
from tests.unit.settings.folders import ENVIRON, problems_of, shipped_copy, spoil

SHARED = "  share: {comments: true, work_notes: commands, attachments: {max: 10MB, types: [pdf, csv, png, txt]}}"


@pytest.fixture
def folder(tmp_path):
    return shipped_copy(tmp_path)


def accepted(folder):
    return load(folder, ENVIRON).desks.by_name[DeskName("dcc-service-desk")].latest.accepted_files


def agree(folder, line, share=SHARED):
    spoil(folder / "desks" / "dcc-service-desk.yaml", SHARED, f"{share}\n  {line}")


def test_what_may_go_may_come_unless_something_else_is_agreed(folder):
    assert accepted(folder) == AttachmentRule(10_000_000, ("pdf", "csv", "png", "txt"))
    agree(folder, "accept: {attachments: {max: 2MB, types: [docx]}}")
    assert accepted(folder) == AttachmentRule(2_000_000, ("docx",))


def test_nothing_comes_where_nothing_is_agreed_or_none_is(folder):
    agree(folder, "accept: {attachments: {max: 0B, types: [pdf]}}")
    assert accepted(folder).max_bytes == 0


def test_without_any_rule_nothing_comes(folder):
    spoil(folder / "desks" / "dcc-service-desk.yaml", f"{SHARED}\n", "")
    assert accepted(folder) == AttachmentRule()


def test_a_rule_without_types_is_refused_by_its_line(folder):
    agree(folder, "accept: {attachments: {max: 2MB, types: []}}")
    (problem,) = problems_of(folder)
    assert "types" in str(problem)
