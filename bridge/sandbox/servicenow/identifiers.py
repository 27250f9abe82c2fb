"""sys_ids: 32 hexadecimal digits, from the seed or from a name, so that a run can be repeated."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

#: The administrator's sys_id on every instance.
ADMIN = "6816f79cc0a8016401c5a33be04be441"
#: Other records that have the same sys_id on every instance, and that people therefore write down.
_WELL_KNOWN = {
    ("role", "admin"): "2831a114c611228501d4ea6c309d626d",
    ("role", "itil"): "282bf1fac6112285017366cb5f867469",
    ("group", "Service Desk"): "d625dccec0a8016700a222a0f7900d06",
}


def named(kind: str, name: str) -> str:
    """The sys_id of a base record; the same on every instance."""
    return _WELL_KNOWN.get((kind, name)) or hashlib.md5(f"{kind}:{name}".encode(), usedforsecurity=False).hexdigest()


def generator(source: random.Random) -> Callable[[], str]:
    """New sys_ids, one a call."""
    return lambda: f"{source.getrandbits(128):032x}"


def is_sys_id(text: str) -> bool:
    """Whether a text has the form of a sys_id."""
    return len(text) == 32 and all(character in "0123456789abcdef" for character in text)
