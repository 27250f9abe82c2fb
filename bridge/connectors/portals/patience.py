"""For how long a part of a desk's record that cannot be read is asked for, before it is left out and said to be."""

from __future__ import annotations

from datetime import timedelta

from bridge.domain.errors import BridgeError, UntrustedAnswer

_DAMAGED_FOR = timedelta(hours=1)
_AWAY_FOR = timedelta(hours=12)
WORDS_FIRST = timedelta(minutes=15)
"""For so long a status waits for the words that explain it, where these cannot be listed."""


def patience_with(error: BridgeError) -> timedelta:
    """Longer with a part that is not handed out than with one whose bytes are not what was told of them."""
    return _DAMAGED_FOR if isinstance(error, UntrustedAnswer) else _AWAY_FOR
