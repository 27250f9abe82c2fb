"""How the service's threads share memory."""

from __future__ import annotations

import ctypes

#: `M_ARENA_MAX` of <malloc.h>: mallopt(3)
_ARENA_MAX = -8
_ARENAS = 2


def share_arenas() -> bool:
    """Let all threads allocate from two arenas; before any is started. False where the C library has no such knob.

    glibc gives each thread an arena of its own, up to eight for each processor, and what is freed in one is not used by
    the others: with a dozen threads a third of the service's memory was such leftovers.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_ARENA_MAX, _ARENAS))
