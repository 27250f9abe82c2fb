"""How personal values enter the trail: as salted hashes, so that erasing a value leaves the history provable.

An event keeps, for each personal value, SHA-256 over a random salt followed by the value's UTF-8 bytes. Salt and value
live in a side table. Once they are erased, the hash says nothing about the value any more, not even to somebody who
guesses it, and the event itself never changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ERASED = "[erased]"
#: Who a person's name follows; a desk or the bridge itself is nobody in particular.
_PERSONS = frozenset({"servicenow", "operator"})
WHO = "who"

#: Bytes of a salt: as long as the hash, so that guessing the value through the salt is hopeless.
SALT_SIZE = 32


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A personal value of an event with its salt: what may be erased."""

    name: str
    salt: bytes
    value: bytes

    @property
    def digest(self) -> str:
        """What stays in the event: hexadecimal SHA-256."""
        return digest(self.salt, self.value)


def digest(salt: bytes, value: bytes) -> str:
    """Hexadecimal SHA-256 of a salt followed by a value."""
    return hashlib.sha256(salt + value).hexdigest()


def seal(personal: Mapping[str, str], token: Callable[[int], bytes]) -> tuple[SealedValue, ...]:
    """Give each personal value a salt of its own; `token` yields unpredictable bytes. Empty values are left out."""
    return tuple(
        SealedValue(name, token(SALT_SIZE), value.encode("utf-8", "replace"))
        for name, value in personal.items()
        if value
    )


def without_name(who: str) -> tuple[str, dict[str, str]]:
    """`servicenow:priya.shah` as what may stay in clear, and the name as a personal value."""
    role, _, name = who.partition(":")
    return (role, {WHO: name}) if role in _PERSONS and name else (who, {})


def with_name(who: str, personal: Mapping[str, str], hashes: Mapping[str, str]) -> str:
    """The opposite, as far as the name was not erased."""
    return f"{who}:{personal.get(WHO, ERASED)}" if WHO in hashes else who
