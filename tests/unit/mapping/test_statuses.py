from bridge.domain.agreement import StatusRule
from bridge.domain.facts import ReportKind
from bridge.mapping.statuses import StatusPatterns

PATTERNS = StatusPatterns.of(
    [
        StatusRule("automatic and subject =~~ '(?i)\\bresolved\\b'", ReportKind.RESOLVED),
        StatusRule("subject =~ 'Status:'", ReportKind.PROGRESS),
    ]
)


def told(subject: str, *, automatic: bool = False) -> ReportKind | None:
    return PATTERNS.report(subject=subject, text="", sender="a@dcc.example", automatic=automatic)


def test_the_first_agreed_pattern_that_a_mail_meets_says_what_it_reports():
    assert told("INC1 was Resolved", automatic=True) is ReportKind.RESOLVED
    assert told("Status: resolved", automatic=True) is ReportKind.RESOLVED
    assert told("Status: resolved") is ReportKind.PROGRESS


def test_a_mail_without_an_agreed_pattern_reports_nothing():
    assert told("Re: Status: resolved") is None
