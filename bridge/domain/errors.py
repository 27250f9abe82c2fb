"""One root for every error of the bridge, so that whoever is woken by one knows what it is and what to do."""

from __future__ import annotations

from typing import ClassVar


class BridgeError(Exception):
    """Something the bridge could not do, with a stable code and a remedy for the person who reads it."""

    code: ClassVar[str] = "bridge_error"
    #: Whether the same step may succeed later without anybody changing anything.
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, remedy: str = "", case: str = "", desk: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.case = case
        self.desk = desk

    def __str__(self) -> str:
        about = ", ".join(word for word in (self.case, self.desk) if word)
        text = f"{self.message} ({about})" if about else self.message
        return f"{text}: {self.remedy}" if self.remedy else text


class ConfigurationError(BridgeError):
    """The configuration cannot be used; the message names file and line, the remedy what to write instead."""

    code = "configuration"


class UsageError(BridgeError):
    """A command was given something it cannot work with."""

    code = "usage"


class FarSideError(BridgeError):
    """The far side answered, and what it answered is a definite no: nothing was done there."""

    code = "far_side_refused"

    def __init__(
        self, message: str, *, status: int = 0, detail: str = "", remedy: str = "", case: str = "", desk: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy, case=case, desk=desk)
        self.status = status
        self.detail = detail


class NotPermitted(FarSideError):
    """The far side knows us and refuses this request (HTTP 401 after a fresh token, 403)."""

    code = "not_permitted"


class NotFound(FarSideError):
    """The far side has no such record, or hides it from us: the two cannot be told apart by this answer."""

    code = "not_found"


class TryLater(BridgeError):
    """Nothing was done at the far side, and the same request may succeed later (429, no connection made)."""

    code = "try_later"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        remedy: str = "",
        case: str = "",
        desk: str = "",
    ) -> None:
        super().__init__(message, remedy=remedy, case=case, desk=desk)
        #: Seconds the far side asked us to wait, if it said so.
        self.retry_after = retry_after


class CallBudgetSpent(TryLater):
    """What may wait has used its part of the hour's calls; the rest is kept for what may not."""

    code = "call_budget_spent"


class ScannerAway(TryLater):
    """No inbound mail can be scanned now: they wait, none is passed."""

    code = "scanner_away"


class NotBegun(TryLater):
    """Our own time was over before it was sent, which says nothing about the far side."""

    code = "not_begun"


class OutcomeUnknown(BridgeError):
    """The request may or may not have been carried out (lost answer, 5xx, HTML, 202): ask before doing it again."""

    code = "outcome_unknown"
    retryable = True


class UntrustedAnswer(BridgeError):
    """A read was answered with something that is not a complete answer (partial rows, HTML, 202): discard it."""

    code = "untrusted_answer"
    retryable = True


class StaleCase(BridgeError):
    """Somebody else decided on the case in between: read again, decide again."""

    code = "stale_case"
    retryable = True


class StaleWorker(BridgeError):
    """Our lease on a delivery ended before we wrote its outcome; another worker owns it now."""

    code = "stale_worker"


class StoreError(BridgeError):
    """The store cannot be used as it is (not migrated, in use by another worker, not writable)."""

    code = "store"


class StoreUnavailable(StoreError):
    """The store does not answer now (locked for too long, connection lost, restarting); nothing was committed."""

    code = "store_unavailable"
    retryable = True


class StoreNotWritable(StoreUnavailable):
    """The store's disk is full, fails or is read-only; nothing was committed, and nothing is done until it is again."""

    code = "store_not_writable"
