"""The prefixes that mail programs put before a subject, in their users' languages."""

from __future__ import annotations

import re

_REPLY = r"re|aw|antw|antwort|sv|odp|rif|res|回复|答复|Απ|ynt|ats|bls"
#: VS is a reply in Finnish and a forward in Danish and Norwegian: as a forward, no command in it counts by itself
_FORWARD = (
    r"fwd?|forward(?:ed)?|wg|weitergeleitet|tr|transf(?:[ée]r[ée])?|rv|reenv|i|inoltr[ao]|doorst|doorgest(?:uurd)?|"
    r"vs|vl|vb|vidarebefordrat|videresendt|pd|enc|ymlaen|转发|转寄|轉寄|Πρθ"
)
_PREFIX = re.compile(
    rf"^\s{{0,3}}(?:(?P<reply>{_REPLY})|(?P<forward>{_FORWARD}))\s?(?:\[\d+\]|\(\d+\))?\s?[:\uff1a]", re.IGNORECASE
)
#: what a gateway puts before a subject: `[EXTERNAL]`, `{Spam?}`, `***SPAM***`, `EXT:`; our own tag is none
_GATEWAY = re.compile(
    r"^(?:\s{0,3}(?:\[(?!\s{0,3}CPSD\b)[^\[\]]{1,60}\]|\{[^{}]{1,40}\}|\([^()]{1,40}\)|<[^<>]{1,40}>|\*{1,5}[^*]{1,40}\*{1,5}|"
    r"(?:ext|external|extern|externe|caution|warning|spam|suspected spam|bulk|junk|virus checked)\??\s?[:\uff1a|-]|"
    r"external\s))+",
    re.IGNORECASE,
)
_LONGEST_GATEWAY = 300
_MOST_PREFIXES = 30


def is_forward(subject: str) -> bool:
    """Whether the outermost prefix of a mail program is that of a forward; a reply to a forward is a reply."""
    gateway = _GATEWAY.match(subject[:_LONGEST_GATEWAY])
    match = _PREFIX.match(subject[gateway.end() :] if gateway else subject)
    return match is not None and match["forward"] is not None


def without_prefixes(subject: str) -> str:
    """The subject that was answered or forwarded, however often."""
    for _ in range(_MOST_PREFIXES):
        match = _PREFIX.match(subject)
        if match is None:
            break
        subject = subject[match.end() :]
    return subject.strip()
