"""Whether a call to our webhook is the desk's own (HMAC: RFC 2104), and which call it is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from bridge.domain.contacts import HookRules
from bridge.domain.errors import UsageError

_MILLISECONDS = 100_000_000_000
"""Numbers from here on are milliseconds since 1970: as seconds they would lie in the year 5138."""


class HookRefused(UsageError):
    """The call does not prove that it is the desk's, or not that it is of now."""

    code = "hook_refused"


@dataclass(frozen=True, slots=True)
class Hook:
    """A call that is the desk's own."""

    #: the same for a repetition
    identity: str
    #: what the desk's system calls its record; empty where it is not told
    record: str = ""


def proven(rules: HookRules, headers: Mapping[str, str], body: bytes, now: datetime) -> Hook:
    """A call, if it is the desk's own. `headers` are looked up without regard to case. Raises `HookRefused`."""
    timestamp = headers.get(rules.timestamp_header, "") if rules.timestamp_header else ""
    _refuse_another_time(rules, timestamp, now)
    given = headers.get(rules.header, "")
    if not given.startswith(rules.prefix) or not _is_right(rules, given.removeprefix(rules.prefix), timestamp, body):
        raise HookRefused(f"the header {rules.header} does not prove that the desk has sent it")
    named = headers.get(rules.identity_header, "") if rules.identity_header else ""
    digest = hashlib.sha256(named.encode() + b"\0" + (b"" if named else timestamp.encode() + b"\0" + body))
    return Hook(digest.hexdigest(), _record(rules.record, body))


def _refuse_another_time(rules: HookRules, timestamp: str, now: datetime) -> None:
    if not rules.timestamp_header:
        return
    at = _instant(timestamp)
    if at is None or abs((now - at).total_seconds()) > rules.window:
        raise HookRefused(f"the header {rules.timestamp_header} names no time within {rules.window:.0f} s of now")


def _instant(text: str) -> datetime | None:
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        try:
            return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS else number, UTC)
        except (OverflowError, ValueError, OSError):
            return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _is_right(rules: HookRules, given: str, timestamp: str, body: bytes) -> bool:
    """Each comparison takes the same time, however much of the proof is right."""
    shown = given.encode("utf-8", "replace")
    return any(hmac.compare_digest(_expected(rules, one, timestamp, body), shown) for one in rules.secrets)


def _expected(rules: HookRules, secret: bytes, timestamp: str, body: bytes) -> bytes:
    if rules.check == "token":
        return secret
    before, _, after = rules.signed.partition("{body}")
    signed = before.replace("{timestamp}", timestamp).encode() + body + after.replace("{timestamp}", timestamp).encode()
    digest = hmac.digest(secret, signed, rules.check.removeprefix("hmac-"))
    return base64.b64encode(digest) if rules.encoding == "base64" else digest.hex().encode()


def _record(path: str, body: bytes) -> str:
    if not path:
        return ""
    try:
        found: Any = jmespath.search(path, json.loads(body))
    except (ValueError, RecursionError, JMESPathError):
        # The call is the desk's all the same: its records are looked at.
        return ""
    return str(found) if isinstance(found, str | int) else ""
