"""What a request passes before it is answered: hibernation, rate rules, the session's queue, the node's semaphore.

Sources: KB0546297 (semaphores), ServiceNow's documentation of inbound REST rate limits, and its account of the 202
answer to clients that reuse a session faster than it works.
"""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from bridge.sandbox.servicenow.clock import Clock
from bridge.sandbox.servicenow.settings import Settings
from bridge.sandbox.servicenow.web import ApiError, Request, Response

_HOUR = 3600
_COOKIE = re.compile(r"(?:^|;\s*)JSESSIONID=([^;]+)")
HIBERNATING = Response(
    200,
    b"<!DOCTYPE html><html><head><title>Instance Hibernating page</title></head>"
    b"<body><h1>Your instance is hibernating.</h1></body></html>",
    content_type="text/html;charset=UTF-8",
)


@dataclass(frozen=True)
class RateRule:
    """`limit` requests an hour by each user whom it concerns (`*` for all) to addresses that the regex finds."""

    id: int
    name: str
    limit: int
    path_regex: str = ""
    user: str = "*"
    #: Whether the refusal carries the X-RateLimit headers.
    headers: bool = True

    def concerns(self, user: str, path: str) -> bool:
        """Whether the rule counts such a request."""
        return self.user in ("*", user) and re.search(self.path_regex, path) is not None


class RateRules:
    """All rules and what they have counted in the hour of the instance's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rules: dict[int, RateRule] = {}
        self._counts: dict[tuple[int, str, int], int] = defaultdict(int)
        self._last = 0

    def add(self, given: Mapping[str, Any]) -> RateRule:
        """Make a rule from its JSON. Raises TypeError or ValueError when it says something else."""
        with self._lock:
            self._last += 1
            rule = RateRule(self._last, **{"name": "Table API", **given})
            if not isinstance(rule.limit, int) or rule.limit < 0:
                raise ValueError("limit is a number from 0")
            re.compile(rule.path_regex)
            self._rules = {**self._rules, rule.id: rule}
        return rule

    def remove(self, rule_id: int | None = None) -> None:
        """Take back one rule, or all."""
        with self._lock:
            self._rules = {key: rule for key, rule in self._rules.items() if rule_id is not None and key != rule_id}

    def all(self) -> list[dict[str, Any]]:
        """The rules in force."""
        return [asdict(rule) for rule in self._rules.values()]

    def count(self, user: str, path: str) -> ApiError | None:
        """Count a request; the refusal, when a rule's hour is used up."""
        now = self._clock.now().timestamp()
        hour, left = int(now // _HOUR), _HOUR - int(now % _HOUR)
        with self._lock:
            for rule in self._rules.values():
                if rule.concerns(user, path):
                    self._counts[rule.id, user, hour] += 1
                    if self._counts[rule.id, user, hour] > rule.limit:
                        return _rate_exceeded(rule, left, (hour + 1) * _HOUR)
        return None


def _rate_exceeded(rule: RateRule, left: int, reset: int) -> ApiError:
    detail = f"Rate limit of {rule.limit} requests per hour for {rule.name} exceeded"
    headers = {"Retry-After": str(left)}
    if rule.headers:
        headers |= {
            "X-RateLimit-Limit": str(rule.limit),
            "X-RateLimit-Reset": str(reset),
            "X-RateLimit-Rule": rule.name,
        }
    return ApiError(429, "Rate limit exceeded", detail, headers)


@dataclass
class _Session:
    """One session: who waits for it, and since when its transaction runs."""

    waiting: int = 0
    since: float | None = None


class Gates:
    """The node's semaphore and the queues of its sessions."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._changed = threading.Condition()
        self._running = 0
        self._waiting = 0
        self._sessions: dict[str, _Session] = {}

    @contextmanager
    def passing(self, request: Request) -> Iterator[Response | None]:
        """Hold the session and a thread of the node while the request is answered; or give the refusal.

        A session works on one request at a time. Who comes when `session_queue` wait for it, or waits while its
        transaction runs for longer than `session_patience` seconds, is answered 202 with nothing and dropped. The node
        works on `semaphore_threads` at a time; who comes when `semaphore_queue` wait is refused.
        """
        found = _COOKIE.search(request.headers.get("cookie", ""))
        with self._changed:
            session = self._sessions.setdefault(found[1], _Session()) if found else None
            refusal = self._enter_session(session) or self._enter_node()
        try:
            yield refusal
        finally:
            with self._changed:
                if refusal is None:
                    self._running -= 1
                if session is not None and (refusal is None or refusal.status != 202):
                    session.since = None
                if found and session and session.since is None and not session.waiting:
                    self._sessions.pop(found[1], None)
                self._changed.notify_all()

    def state(self) -> dict[str, int]:
        """How many requests run and wait, and how many sessions are held."""
        with self._changed:
            waiting = self._waiting + sum(session.waiting for session in self._sessions.values())
            return {"running": self._running, "waiting": waiting, "sessions": len(self._sessions)}

    def _enter_session(self, session: _Session | None) -> Response | None:
        if session is None:
            return None
        if session.since is not None and session.waiting >= self._settings.session_queue:
            return Response(202)
        session.waiting += 1
        try:
            while session.since is not None:
                left = session.since + self._settings.session_patience - time.monotonic()
                if left <= 0:
                    return Response(202)
                self._changed.wait(left)
        finally:
            session.waiting -= 1
        session.since = time.monotonic()
        return None

    def _enter_node(self) -> Response | None:
        if self._running >= self._settings.semaphore_threads and self._waiting >= self._settings.semaphore_queue:
            return Response.error(ApiError(429, "Too many requests", "Semaphore queue of the node is full"))
        self._waiting += 1
        try:
            while self._running >= self._settings.semaphore_threads:
                self._changed.wait()
        finally:
            self._waiting -= 1
        self._running += 1
        return None
