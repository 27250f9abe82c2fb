"""References in a text by which a desk finds what a case is about (Approach 0.7, 7.1.2 and 7.2.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class ReferenceKind(StrEnum):
    """What a reference names."""

    MPAN = "mpan"
    #: a message or transaction of the Data Integration Platform
    MESSAGE = "message"
    #: an interface or publication flow, IF-036, PUB-036
    FLOW = "flow"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class FoundReference:
    """A reference as it was written, spaces inside of an MPAN taken out."""

    kind: ReferenceKind
    value: str


# Bounded repetition only: the texts come from outside.
_PATTERNS: Mapping[ReferenceKind, re.Pattern[str]] = MappingProxyType(
    {
        ReferenceKind.MPAN: re.compile(
            r"(?<![\w.-])(\d{13}|\d{2} \d{4} \d{4} \d{3}|\d{2} \d{10} \d|\d{2} \d{8} \d{3})(?![\w-])"
        ),
        ReferenceKind.FLOW: re.compile(r"(?<![\w-])((?:IF|PUB)-\d{3})(?!\d)", re.IGNORECASE),
        ReferenceKind.MESSAGE: re.compile(
            r"(?<![\w-])([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?![\w-])"
            r"|\b(?:message|transaction|correlation|DIP)[ _-]?(?:id|ref|reference|identifier)\b\s{0,3}[:=#]?\s{0,3}"
            r"(?=[\w/.-]{0,63}\d)([\w][\w/.-]{4,63})",
            re.IGNORECASE,
        ),
        ReferenceKind.TIMESTAMP: re.compile(
            r"(?<![\w-])(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?"
            r"|\d{1,2}/\d{1,2}/\d{4},? (?:at )?\d{1,2}:\d{2}(?::\d{2})?"
            r"|\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6} \d{4},? (?:at )?\d{1,2}:\d{2})",
        ),
    }
)

_EVIDENCE = re.compile(
    r"\b(?:error|response|status|reason|rejection|return)[ _-]?(?:code|status|message)?\b\s{0,3}[:=#]\s{0,3}\S"
    r"|\b(?:error|response|reason|rejection|return) (?:code )?[A-Z]{0,6}[-_]?\d{2,6}\b"
    r"|\bHTTP[ /](?:1\.1 |2 )?[1-5]\d{2}\b"
    r"|\b[A-Z]{1,4}-?\d{3,6}\b(?=.{0,40}\b(?:error|returned|rejected|code)\b)"
    r"|\bDIP portal\b.{0,80}\b(?:status|shows?|failed|rejected|pending|undelivered)\b",
    re.IGNORECASE,
)
_MPAN_PRIMES = (3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43)


def find_references(text: str) -> tuple[FoundReference, ...]:
    """Every reference in a text, each once, in the order of kinds and then of the text."""
    found = [
        FoundReference(kind, _plain(kind, next(group for group in match.groups() if group)))
        for kind, pattern in _PATTERNS.items()
        for match in pattern.finditer(text)
    ]
    return tuple(dict.fromkeys(found))


def _plain(kind: ReferenceKind, value: str) -> str:
    match kind:
        case ReferenceKind.MPAN:
            return value.replace(" ", "")
        case ReferenceKind.FLOW:
            return value.upper()
        case _:
            return value.rstrip(".")


def has_evidence(text: str) -> bool:
    """Whether a text quotes an answer or error code or a status (DES-138, DIP Portal; Approach 0.7, 7.1.2)."""
    return _EVIDENCE.search(text) is not None


def mpan_check_digit_holds(mpan: str) -> bool:
    """Whether the 13th digit of an MPAN core is its check digit (weights are primes, modulo 11, then 10)."""
    digits = [int(digit) for digit in mpan]
    return sum(d * p for d, p in zip(digits, _MPAN_PRIMES, strict=False)) % 11 % 10 == digits[12]
