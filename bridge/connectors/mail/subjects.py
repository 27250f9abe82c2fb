"""The prefixes that mail programs put before a subject, in their users' languages."""

from __future__ import annotations

import re

_REPLY = r"re|aw|antw|antwort|sv|vs|odp|rif|res|回复|答复|Απ|ynt|ats|bls"
_FORWARD = r"fwd?|wg|tr|rv|doorst|vl|vb|enc|转发|Πρθ|vidarebefordrat"
_PREFIX = re.compile(
    rf"^\s{{0,3}}(?:(?P<reply>{_REPLY})|(?P<forward>{_FORWARD}))\s?(?:\[\d+\]|\(\d+\))?\s?[:\uff1a]", re.IGNORECASE
)
_MOST_PREFIXES = 30


def is_forward(subject: str) -> bool:
    """Whether the outermost prefix is that of a forward; a reply to a forward is a reply."""
    match = _PREFIX.match(subject)
    return match is not None and match["forward"] is not None


def without_prefixes(subject: str) -> str:
    """The subject that was answered or forwarded, however often."""
    for _ in range(_MOST_PREFIXES):
        match = _PREFIX.match(subject)
        if match is None:
            break
        subject = subject[match.end() :]
    return subject.strip()
