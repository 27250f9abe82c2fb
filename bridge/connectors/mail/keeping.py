"""Keeping one mail, wherever it lay: what is passed over, how a mail that is too large is cut, and when it came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import structlog

from bridge.domain.errors import BridgeError
from bridge.ports import RawItem

Keep = Callable[[RawItem], bool]


@runtime_checkable
class KeepsTogether(Protocol):
    """A `Keep` that can also commit several items at once, all or none: the disk is waited for once."""

    def __call__(self, item: RawItem) -> bool:
        """Keep one item."""
        ...

    def together(self, items: Sequence[RawItem]) -> None:
        """Keep them all; if this raises, none is kept."""
        ...


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


def are_kept(keep: Keep, items: Sequence[RawItem]) -> bool:
    """Whether mails were kept by one commit. If one cannot be, none is, and each has to be tried by itself.

    Raises what `keep` raised if that may pass.
    """
    if not items or not isinstance(keep, KeepsTogether):
        return False
    try:
        keep.together(items)
    except BridgeError as error:
        if error.retryable:
            raise
        return False
    except Exception:  # noqa: BLE001 - which of them it was is found out one by one, and logged then
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
