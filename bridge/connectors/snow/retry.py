"""Reads are repeated here, by tenacity, and nowhere else; writes are repeated by the outbox alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from bridge.connectors.snow.connection import Patience
from bridge.domain.errors import BridgeError, TryLater, UntrustedAnswer
from bridge.ports import Random

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class Repeating:
    """Capped exponential waits with full jitter; Retry-After is obeyed, and left to the next cycle when it is long."""

    def __init__(self, patience: Patience, random: Random, sleep: Callable[[float], None]) -> None:
        self._patience = patience
        self._random = random
        self._sleep = sleep

    def __call__(self, read: Callable[[], T]) -> T:
        """The read's result; the last error when patience ends."""
        return Retrying(
            retry=retry_if_exception(self._worth_repeating),
            stop=stop_after_attempt(self._patience.attempts),
            wait=self._wait,
            sleep=self._sleep,
            before_sleep=_tell,
            reraise=True,
        )(read)

    def _worth_repeating(self, error: BaseException) -> bool:
        if isinstance(error, TryLater):
            return (error.retry_after or 0.0) <= self._patience.longest_wait
        return isinstance(error, UntrustedAnswer)

    def _wait(self, state: RetryCallState) -> float:
        ceiling = min(self._patience.longest_wait, self._patience.first_wait * 2 ** (state.attempt_number - 1))
        asked = getattr(_error(state), "retry_after", None) or 0.0
        return float(asked) + self._random.uniform(0.0, ceiling)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _tell(state: RetryCallState) -> None:
    error = _error(state)
    code = error.code if isinstance(error, BridgeError) else type(error).__name__
    _log.warning("servicenow_read_repeated", attempt=state.attempt_number, error=code, wait=state.upcoming_sleep)
