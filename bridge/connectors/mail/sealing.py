"""What is put on a mail after it is written and before its bytes are frozen: signatures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class Seal(Protocol):
    """One way to sign a mail."""

    def seal(self, content: bytes, at: datetime | None) -> bytes:
        """The mail with a signature of that instant."""
        ...


def sealed(content: bytes, at: datetime | None, seals: Sequence[Seal]) -> bytes:
    """The mail with every signature, the innermost first."""
    for seal in seals:
        content = seal.seal(content, at)
    return content
