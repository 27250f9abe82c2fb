"""Faults that can be switched on: which requests they strike, how often, and what they do."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.sandbox.servicenow.web import ApiError, Request

#: What each kind does, and the parameters that it takes.
KINDS: Mapping[str, frozenset[str]] = {
    "lost_after_commit": frozenset(),  # commits, then cuts the connection without an answer
    "commit_after_client_gone": frozenset(),  # commits once the client has closed, or at the time limit
    "late_commit": frozenset({"seconds"}),  # stamps at once, commits and answers later
    "status": frozenset({"status", "when", "retry_after", "rate_limit", "message", "detail", "html"}),
    "result_and_error": frozenset({"malformed", "keep", "message", "seconds"}),  # 200 with partial rows and an error
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


@dataclass(frozen=True)
class Fault:
    """What happens to one request, and the rule that asks for it."""

    rule: int
    kind: str
    parameters: Mapping[str, Any]


@dataclass
class FaultRule:
    """One rule. It strikes the `nth` match, each `every`th, or a share `rate` of the matches; at most `times` times.

    With a script the first of these requests gets the script's first fault, the next the next, where None lets it pass;
    after its end the rule is spent.
    """

    id: int
    match: Mapping[str, Any]
    script: tuple[Fault | None, ...]
    repeats: bool
    times: int | None
    random: random.Random
    seen: int = 0
    due: int = 0
    struck: int = 0

    def strike(self, request: Request) -> Fault | None:
        """The fault that strikes this request, if any; counts the request."""
        spent = (self.times is not None and self.struck >= self.times) or (
            not self.repeats and self.due >= len(self.script)
        )
        if spent or not self._matches(request):
            return None
        self.seen += 1
        if not self._due():
            return None
        fault = self.script[0 if self.repeats else self.due]
        self.due += 1
        if fault is not None:
            self.struck += 1
        return fault

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
        shown = [fault and {"kind": fault.kind, **fault.parameters} for fault in self.script]
        return {
            "id": self.id,
            "match": dict(self.match),
            "times": self.times,
            **({"fault": shown[0]} if self.repeats else {"script": shown}),
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
        match, repeats = value.get("match", {}), "script" not in value
        listed = [value.get("fault", {})] if repeats else value["script"]
        if not isinstance(match, dict) or not isinstance(listed, list) or not listed or ("fault" in value) != repeats:
            raise ApiError(400, "Invalid fault", "match is an object; either fault is one, or script a list of them")
        unknown = (match.keys() - _MATCHERS) | (value.keys() - _TOP)
        if unknown:
            raise ApiError(400, "Invalid fault", f"unknown: {', '.join(sorted(unknown))}")
        _check_patterns(match)
        times = _times(value.get("times"))
        with self._lock:
            number = self._last + 1
            script = tuple(None if given is None and not repeats else _fault(number, given) for given in listed)
            self._last = number
            chance = random.Random(f"{self._seed}:{number}")  # noqa: S311 - chance by seed is wanted, not secrecy
            rule = FaultRule(number, match, script, repeats, times, chance)
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

    def take(self, request: Request) -> Fault | None:
        """What strikes this request, if anything."""
        if request.path.startswith("/sandbox/"):
            return None
        with self._lock:
            return next((fault for rule in self._rules if (fault := rule.strike(request))), None)


_TOP = frozenset({"match", "times", "fault", "script"})


def _fault(rule: int, given: object) -> Fault:
    if not isinstance(given, dict):
        raise ApiError(400, "Invalid fault", "a fault is an object")
    kind = str(given.get("kind", ""))
    if kind not in KINDS:
        raise ApiError(400, "Invalid fault", f"unknown kind '{kind}'; one of {', '.join(KINDS)}")
    parameters = {name: value for name, value in given.items() if name != "kind"}
    unknown = parameters.keys() - KINDS[kind]
    if unknown:
        raise ApiError(400, "Invalid fault", f"unknown: {', '.join(sorted(unknown))}")
    return Fault(rule, kind, parameters)


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
