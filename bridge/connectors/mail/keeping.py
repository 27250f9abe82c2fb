"""Keeping one mail, wherever it lay: what is passed over, how a mail that is too large is cut, and when it came."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from bridge.domain.errors import BridgeError
from bridge.ports import RawItem

Keep = Callable[[RawItem], bool]

#: Put before the bytes of a mail that was too large to be read whole; such a mail is for a person to decide upon.
OVERSIZE_FIELD = "X-CPSD-Oversize"
#: how many bytes of it are kept
OVERSIZE_BYTES = 262_144
_CLOCK_TOLERANCE = timedelta(minutes=5)
_log = structlog.get_logger(__name__)


def is_kept(keep: Keep, item: RawItem, place: str | int) -> bool:
    """Whether a mail was kept, now or before. One that cannot be is passed over, by its place in the log.

    Raises what `keep` raised if that may pass.
    """
    try:
        keep(item)
    except BridgeError as error:
        if error.retryable:
            raise
        pass_over(item.source, place, error)
        return False
    except Exception as error:  # noqa: BLE001 - whatever one mail does to the store, the others go on
        pass_over(item.source, place, error)
        return False
    return True


def pass_over(source: str, place: str | int, error: Exception) -> None:
    """Say that a mail is left for the next time."""
    _log.error("mail_passed_over", mailbox=source, place=place, error=type(error).__name__)


def marked(size: int, beginning: bytes) -> bytes:
    """The beginning of a mail that is too large, marked as such."""
    return f"{OVERSIZE_FIELD}: {size}\r\n".encode() + beginning


def believable(received: datetime | None, now: datetime) -> datetime:
    """When a mail came. A server that lives in the future must not make reports newer than all that follow."""
    return now if received is None or received > now + _CLOCK_TOLERANCE else received
