"""What a broken transport says about the request: certainly not sent, or perhaps carried out."""

from __future__ import annotations

import ssl

import requests
from urllib3.exceptions import ConnectTimeoutError

from bridge.domain.errors import BridgeError, OutcomeUnknown, TryLater, UntrustedAnswer


def transport_error(error: requests.RequestException, *, writing: bool) -> BridgeError:
    """The error to raise for a request that got no answer. Its text names what happened, never an address or header."""
    what = type(error).__name__
    if never_sent(error):
        return TryLater(f"no connection to ServiceNow ({what})", remedy="check address, network and certificates")
    if writing:
        return OutcomeUnknown(f"the answer to a write was lost ({what})", remedy="ask whether it was carried out")
    return UntrustedAnswer(f"the answer to a read was lost ({what})", remedy="ask again")


def never_sent(error: BaseException) -> bool:
    """Whether no byte of the request can have left: no name, no connection, or a certificate we refused."""
    return any(isinstance(cause, (ConnectTimeoutError, ssl.SSLCertVerificationError)) for cause in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """The error and everything inside it: requests and urllib3 wrap by argument, by `reason` and by `__context__`."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or any(one is seen for seen in found):
            continue
        found.append(one)
        waiting += [*one.args, getattr(one, "reason", None), one.__cause__]
    return found
