"""What each fault does to one request: before the commit, instead of it, or after it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.sandbox.servicenow.faults import Fault
from bridge.sandbox.servicenow.gates import HIBERNATING
from bridge.sandbox.servicenow.instance import Instance
from bridge.sandbox.servicenow.ledger import Entry
from bridge.sandbox.servicenow.web import Request, Response

_HTML = "text/html;charset=UTF-8"
_MESSAGES: Mapping[int, tuple[str, str]] = {
    403: ("Operation Failed", "ACL Exception Insert Failed due to security constraints"),
    429: ("Rate limit exceeded", "Rate limit of 100 requests per hour for Table API exceeded"),
    500: ("Internal Server Error", "Transaction aborted"),
    502: ("Bad Gateway", "The upstream server could not be reached"),
    503: ("Service Unavailable", "The instance is temporarily unavailable"),
    504: ("Gateway Timeout", "The upstream server did not answer in time"),
}


class Connection(Protocol):
    """What a fault needs of the connection."""

    def send(self, response: Response, share: float = 1.0) -> None:
        """Write an answer or a share of it."""

    def wait(self, seconds: float, *, until_gone: bool) -> bool:
        """Wait; tells whether the client has gone."""


@dataclass
class Struck:
    """One request that a fault strikes."""

    instance: Instance
    request: Request
    entry: Entry
    connection: Connection

    def commit(self) -> Response:
        """Let the instance do what was asked."""
        return self.instance.handle(self.request, self.entry)

    def wait(self, seconds: float, *, until_gone: bool = False) -> bool:
        """Let time pass."""
        return self.connection.wait(seconds, until_gone=until_gone)


def strike(fault: Fault, struck: Struck) -> Response | None:
    """Run the fault; the answer to send, or None when the connection is to be cut."""
    return _STRIKES[fault.kind](struck, fault.parameters)


def _lost_after_commit(struck: Struck, given: Mapping[str, Any]) -> Response | None:
    del given
    struck.commit()
    return None


def _commit_after_client_gone(struck: Struck, given: Mapping[str, Any]) -> Response | None:
    del given
    struck.wait(struck.instance.settings.time_limit, until_gone=True)
    struck.commit()
    return None


def _late_commit(struck: Struck, given: Mapping[str, Any]) -> Response | None:
    struck.request.stamp = struck.instance.clock.stamp()
    struck.wait(float(given.get("seconds", 1)))
    return struck.commit()


def _status(struck: Struck, given: Mapping[str, Any]) -> Response | None:
    if given.get("when") == "after_commit":
        struck.commit()
    status = int(given.get("status", 500))
    headers = _limit_headers(struck, given)
    if given.get("html"):
        page = f"<html><head><title>{status}</title></head><body><h1>HTTP Status {status}</h1></body></html>"
        return Response(status, page.encode(), headers, _HTML)
    message, detail = _MESSAGES.get(status, ("Operation Failed", ""))
    body = {
        "error": {"message": given.get("message", message), "detail": given.get("detail", detail)},
        "status": "failure",
    }
    return Response.of(body, status, headers)


def _limit_headers(struck: Struck, given: Mapping[str, Any]) -> dict[str, str]:
    headers = {"Retry-After": str(given["retry_after"])} if "retry_after" in given else {}
    if given.get("rate_limit"):
        reset = int(struck.instance.clock.now().timestamp()) + int(given.get("retry_after", 3600))
        headers |= {
            "X-RateLimit-Limit": "100",
            "X-RateLimit-Reset": str(reset),
            "X-RateLimit-Rule": "Table API per hour",
        }
    return headers


def _result_and_error(struck: Struck, given: Mapping[str, Any]) -> Response | None:
    """A cancelled transaction: after some time status 200, some of the rows, and an error behind them."""
    struck.wait(float(given.get("seconds", 0)))
    response = struck.commit()
    value = json.loads(response.body) if response.body else {}
    result = value.get("result", [])
    if isinstance(result, list):
        result = result[: int(len(result) * float(given.get("keep", 0.5)))]
    message = str(given.get("message", "Transaction cancelled: maximum execution time exceeded"))
    error = {"message": message, "detail": "Transaction cancelled"}
    text = json.dumps({"result": result, "error": error, "status": "failure"})
    if given.get("malformed"):
        # As seen on real instances: the array is left open where the transaction died.
        rows = json.dumps({"result": result}).rstrip("]}")
        text = f'{rows},"error":{json.dumps(error)},"status":"failure"}}'
    return Response(200, text.encode(), {**response.headers})


def _html_200(struck: Struck, given: Mapping[str, Any]) -> Response | None:
    if given.get("when") == "after_commit":
        struck.commit()
    return HIBERNATING


def _accepted_202(struck: Struck, given: Mapping[str, Any]) -> Response | None:
    del struck, given
    return Response(202)


def _slow(struck: Struck, given: Mapping[str, Any]) -> Response | None:
    seconds = float(given.get("seconds", 1))
    if given.get("when") == "after_commit":
        response = struck.commit()
        struck.wait(seconds)
        return response
    struck.wait(seconds)
    return struck.commit()


def _hang(struck: Struck, given: Mapping[str, Any]) -> Response | None:
    struck.wait(float(given.get("seconds", struck.instance.settings.time_limit)), until_gone=True)
    return None


def _cut(struck: Struck, given: Mapping[str, Any]) -> Response | None:
    del struck, given
    return None


def _unserviced(struck: Struck, given: Mapping[str, Any]) -> Response | None:
    struck.request.most_parts = int(given.get("keep", 0))
    return struck.commit()


def _half_answer(struck: Struck, given: Mapping[str, Any]) -> Response | None:
    del given
    struck.connection.send(struck.commit(), 0.5)
    return None


_STRIKES: Mapping[str, Callable[[Struck, Mapping[str, Any]], Response | None]] = {
    "lost_after_commit": _lost_after_commit,
    "commit_after_client_gone": _commit_after_client_gone,
    "late_commit": _late_commit,
    "status": _status,
    "result_and_error": _result_and_error,
    "html_200": _html_200,
    "accepted_202": _accepted_202,
    "slow": _slow,
    "hang": _hang,
    "cut": _cut,
    "unserviced": _unserviced,
    "half_answer": _half_answer,
}
