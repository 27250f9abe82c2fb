"""What is agreed about a desk whose system is a ServiceNow too: what a case becomes there, and what its states mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from bridge.domain.facts import MessageKind, ReportKind

_CASE: Mapping[str, ReportKind | None] = {
    "1": ReportKind.RECEIVED,
    "10": ReportKind.PROGRESS,
    "18": ReportKind.QUESTION,
    "6": ReportKind.RESOLVED,
    "3": ReportKind.RESOLVED,
    "7": ReportKind.DECLINED,
}
_INCIDENT: Mapping[str, ReportKind | None] = {
    "1": ReportKind.RECEIVED,
    "2": ReportKind.PROGRESS,
    "3": ReportKind.PROGRESS,
    #: on hold, awaiting the caller: that is us
    "3/1": ReportKind.QUESTION,
    "6": ReportKind.RESOLVED,
    "7": ReportKind.RESOLVED,
    "8": ReportKind.DECLINED,
}
_PROBLEM: Mapping[str, ReportKind | None] = {
    "101": ReportKind.RECEIVED,
    "102": ReportKind.PROGRESS,
    "103": ReportKind.PROGRESS,
    "104": ReportKind.PROGRESS,
    "106": ReportKind.RESOLVED,
    "107": ReportKind.RESOLVED,
}
_TASK: Mapping[str, ReportKind | None] = {
    "-5": ReportKind.PROGRESS,
    "1": ReportKind.RECEIVED,
    "2": ReportKind.PROGRESS,
    "3": ReportKind.RESOLVED,
    "4": ReportKind.DECLINED,
    "7": ReportKind.DECLINED,
}
STATES: Mapping[str, Mapping[str, ReportKind | None]] = MappingProxyType(
    {"sn_customerservice_case": _CASE, "incident": _INCIDENT, "problem": _PROBLEM}
)
"""Table -> state, or state/hold_reason -> what a desk reports by it: the platform's own states."""


def states_of(table: str) -> Mapping[str, ReportKind | None]:
    """What the states of a table report unless something else is agreed."""
    return STATES.get(table, _TASK)


@dataclass(frozen=True, slots=True)
class ServiceNowContact:
    """How cases are put into a desk's own ServiceNow, and how it is read there where they stand."""

    table: str
    #: the name of our user there, by which our own entries are recognised
    user: str
    #: column -> value of every record that we create
    fields: Mapping[str, str] = field(default_factory=dict)
    #: "P1" … "P5" -> columns, where the desk wants our priority in its own
    priorities: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: state, or state/hold_reason -> what is reported by it; None reports nothing
    states: Mapping[str, ReportKind | None] = field(default_factory=dict)
    #: what a message of a kind changes besides saying it: column -> value
    changes: Mapping[MessageKind, Mapping[str, str]] = field(default_factory=dict)
    #: where we write, `comments` or `work_notes`, and what we read
    element: str = "comments"
    reads: tuple[str, ...] = ("comments",)
    #: files above this number of bytes stay where they are
    largest_file: int = 25_000_000

    def reports(self, state: str, hold_reason: str) -> ReportKind | None:
        """What a state means. Raises `KeyError` for one that nobody agreed upon."""
        told = {**states_of(self.table), **self.states}
        return told[f"{state}/{hold_reason}"] if f"{state}/{hold_reason}" in told else told[state]


@dataclass(frozen=True, slots=True)
class HookRules:
    """How a desk's system proves that a call to our webhook is its own."""

    #: `hmac-sha256`, `hmac-sha512`, or `token`: the header holds the secret itself
    check: str
    #: any of these proves it, so that a new one can be introduced before the old one goes
    secrets: tuple[bytes, ...] = field(repr=False)
    header: str = "X-Hub-Signature-256"
    #: what stands before the signature or the token in the header
    prefix: str = ""
    #: `hex` or `base64`
    encoding: str = "hex"
    #: what is signed: `{body}`, with `{timestamp}` where the system signs that too
    signed: str = "{body}"
    #: the header that holds `{timestamp}`: seconds since 1970, or ISO 8601; empty where there is none
    timestamp_header: str = ""
    #: seconds that a timestamp may lie in the past or the future
    window: float = 300.0
    #: the header that names a call, the same when it is repeated; empty takes the body itself
    identity_header: str = ""
    #: JMESPath to the desk's record in the body, as JSON; empty where it is not told
    record: str = ""
