"""Halving a range of sys_ids, for rows that time stamps cannot tell apart.

A range is [low, high) of 32 hexadecimal digits; an empty bound is none. sys_ids that are not hexadecimal (records that
came with identifiers of their own) fall into the range that their first character sorts them into.
"""

from __future__ import annotations

_DIGITS = 32
_END = 16**_DIGITS


def middle(low: str, high: str) -> str | None:
    """A bound strictly inside of a range; None if there is none left."""
    lower = int(low, 16) if low else 0
    upper = int(high, 16) if high else _END
    half = (lower + upper) // 2
    return f"{half:0{_DIGITS}x}" if half > lower else None


def is_bound(sys_id: str) -> bool:
    """Whether a sys_id can bound a range."""
    return len(sys_id) == _DIGITS and set(sys_id) <= set("0123456789abcdef")
