"""Faults that can be switched on: which requests they strike, how often, and what they do."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.servicenow.web import ApiError, Request

#: What each kind does, and the parameters that it takes.
KINDS: Mapping[str, frozenset[str]] = {
    "lost_after_commit": frozenset(),  # commits, then cuts the connection without an answer
    "commit_after_client_gone": frozenset(),  # commits once the client has closed, or at the time limit
    "late_commit": frozenset({"seconds"}),  # stamps at once, commits and answers later
    "status": frozenset({"status", "when", "retry_after", "rate_limit", "message", "detail", "html"}),
    "result_and_error": frozenset({"malformed", "keep", "message"}),  # 200 with partial rows and a trailing error
    "html_200": frozenset({"when"}),  # the page of a hibernating instance
    "accepted_202": frozenset(),  # dropped: empty body, nothing done
    "slow": frozenset({"seconds", "when"}),
    "hang": frozenset({"seconds"}),  # nothing done, no answer until the client goes or the seconds are over
    "cut": frozenset(),  # nothing done, the connection is cut
    "unserviced": frozenset({"keep"}),  # a batch ends after `keep` of its parts; the rest comes back unserviced
    "half_answer": frozenset(),  # commits, sends half of the answer, cuts
}
_MATCHERS = frozenset({"method", "path_regex", "query_regex", "body_regex", "table", "nth", "every", "rate"})
_TABLE = re.compile(r"/(?:table|stats)/([^/]+)")


@dataclass
class FaultRule:
    """One rule. It strikes the `nth` match, each `every`th, or a share `rate` of the matches; at most `times` times."""

    id: int
    match: Mapping[str, Any]
    kind: str
    parameters: Mapping[str, Any]
    times: int | None
    random: random.Random
    seen: int = 0
    struck: int = 0
    #: Path and query of the requests that it struck, for tests that want to know.
    victims: list[str] = field(default_factory=list)

    def strikes(self, request: Request) -> bool:
        """Whether this request is struck; counts it."""
        if (self.times is not None and self.struck >= self.times) or not self._matches(request):
            return False
        self.seen += 1
        if not self._due():
            return False
        self.struck += 1
        self.victims.append(request.target)
        return True

    def _matches(self, request: Request) -> bool:
        match = self.match
        table = _TABLE.search(request.path)
        return (
            match.get("method", request.method).upper() == request.method
            and ("table" not in match or (table is not None and table[1] == match["table"]))
            and re.search(match.get("path_regex", ""), request.path) is not None
            and re.search(match.get("query_regex", ""), request.query) is not None
            and re.search(match.get("body_regex", ""), request.body.decode("utf-8", "replace")) is not None
        )

    def _due(self) -> bool:
        if "nth" in self.match:
            return self.seen == int(self.match["nth"])
        if "every" in self.match:
            return self.seen % int(self.match["every"]) == 0
        if "rate" in self.match:
            return self.random.random() < float(self.match["rate"])
        return True

    def as_json(self) -> dict[str, Any]:
        """The rule as the admin API shows it, with how often it matched and struck."""
        return {
            "id": self.id,
            "match": dict(self.match),
            "times": self.times,
            "fault": {"kind": self.kind, **self.parameters},
            "seen": self.seen,
            "struck": self.struck,
        }


class Faults:
    """The rules in force. The first that strikes wins; requests to `/sandbox/` are never struck."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._rules: list[FaultRule] = []
        self._last = 0

    def add(self, value: Mapping[str, Any]) -> FaultRule:
        """Make a rule from its JSON. Raises 400 when it says something that does not exist."""
        match, fault = value.get("match", {}), value.get("fault", {})
        if not isinstance(match, dict) or not isinstance(fault, dict):
            raise ApiError(400, "Invalid fault", "match and fault are objects")
        kind = str(fault.get("kind", ""))
        if kind not in KINDS:
            raise ApiError(400, "Invalid fault", f"unknown kind '{kind}'; one of {', '.join(KINDS)}")
        parameters = {name: given for name, given in fault.items() if name != "kind"}
        unknown = (parameters.keys() - KINDS[kind]) | (match.keys() - _MATCHERS) | (value.keys() - _TOP)
        if unknown:
            raise ApiError(400, "Invalid fault", f"unknown: {', '.join(sorted(unknown))}")
        _check_patterns(match)
        with self._lock:
            self._last += 1
            chance = random.Random(f"{self._seed}:{self._last}")  # noqa: S311 - chance by seed is wanted, not secrecy
            rule = FaultRule(self._last, match, kind, parameters, _times(value.get("times")), chance)
            self._rules.append(rule)
        return rule

    def clear(self, rule_id: int | None = None) -> None:
        """Take back one rule, or all."""
        with self._lock:
            self._rules = [rule for rule in self._rules if rule_id is not None and rule.id != rule_id]

    def all(self) -> list[dict[str, Any]]:
        """The rules in force."""
        with self._lock:
            return [rule.as_json() for rule in self._rules]

    def take(self, request: Request) -> FaultRule | None:
        """The rule that strikes this request, if any."""
        if request.path.startswith("/sandbox/"):
            return None
        with self._lock:
            return next((rule for rule in self._rules if rule.strikes(request)), None)


_TOP = frozenset({"match", "times", "fault"})


def _times(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ApiError(400, "Invalid fault", "times is a number from 1")
    return value


def _check_patterns(match: Mapping[str, Any]) -> None:
    for name in ("path_regex", "query_regex", "body_regex"):
        try:
            re.compile(str(match.get(name, "")))
        except re.error as error:
            raise ApiError(400, "Invalid fault", f"{name}: {error}") from error
    for name in ("nth", "every", "rate"):
        if name in match and (not isinstance(match[name], int | float) or match[name] <= 0):
            raise ApiError(400, "Invalid fault", f"{name} is a number above 0")
