"""The Batch API: several requests in one, with base64 bodies, within a time limit."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from bridge.sandbox.servicenow.ledger import Effect
from bridge.sandbox.servicenow.settings import Settings
from bridge.sandbox.servicenow.values import as_text
from bridge.sandbox.servicenow.web import ApiError, Request, Response

#: Answers a part; None when its body is larger than the given number of bytes.
Answer = Callable[[Request, list[Effect], int], Response | None]
#: How a user proves who it is; each part runs as the user of the batch.
_LOGIN_HEADERS = ("authorization", "x-sn-apikey")


class BatchApi:
    """Runs the parts one after the other; what a limit cuts off comes back as `unserviced_requests`.

    The limits are those of ServiceNow's documentation of the Batch API: 30 s in all, 5 MB for what a part sends, 10 MB
    for what it gets.
    """

    def __init__(self, answer: Answer, settings: Settings) -> None:
        self._answer = answer
        self._settings = settings

    def answer(self, request: Request, effects: list[Effect]) -> Response:
        """Answer a batch. Raises 400 when it has no list of requests."""
        body = request.json_object()
        parts = body.get("rest_requests")
        if request.method != "POST" or not isinstance(parts, list):
            raise ApiError(400, "Exception while reading request", "rest_requests is required")
        serviced = self._serviced(request, parts, effects)
        return Response.of(
            {
                "batch_request_id": as_text(body.get("batch_request_id")),
                "serviced_requests": serviced,
                "unserviced_requests": [as_text(part.get("id")) for part in parts[len(serviced) :]],
            }
        )

    def _serviced(self, request: Request, parts: list[Any], effects: list[Effect]) -> list[dict[str, Any]]:
        """The answers up to the first limit that is reached: of time, of a part's size, or of a fault's choosing."""
        deadline = time.monotonic() + self._settings.batch_limit
        most_output = self._most_output(request)
        serviced: list[dict[str, Any]] = []
        for part in parts:
            if not isinstance(part, dict):
                raise ApiError(400, "Exception while reading request", "a request is an object")
        for part in parts[: request.most_parts]:
            if time.monotonic() >= deadline or len(as_text(part.get("body"))) * 3 // 4 > self._settings.batch_max_input:
                break
            answer = self._part(request, part, effects, most_output)
            if answer is None:
                break
            serviced.append(answer)
        return serviced

    def _most_output(self, request: Request) -> int:
        """The largest answer of a part in bytes; a client may ask for less than the instance allows."""
        asked = request.headers.get("x-batchrequest-max-output-size", "")
        most = self._settings.batch_max_output
        return min(int(asked), most) if asked.isascii() and asked.isdigit() else most

    def _part(
        self, outer: Request, part: Mapping[str, Any], effects: list[Effect], most_output: int
    ) -> dict[str, Any] | None:
        """The answer to one part, or None when it is too large; what such a part did is undone."""
        started = time.monotonic()
        try:
            response = self._answer(_inner(outer, part), effects, most_output)
        except (binascii.Error, ValueError) as error:
            response = Response.error(ApiError(400, "Exception while reading request", str(error)))
        if response is None:
            return None
        excluded = part.get("exclude_response_headers", False)
        headers = {} if excluded else {"Content-Type": response.content_type, **response.headers}
        return {
            "id": as_text(part.get("id")),
            "body": base64.b64encode(response.body).decode(),
            "status_code": response.status,
            "status_text": HTTPStatus(response.status).phrase,
            "headers": [{"name": name, "value": value} for name, value in headers.items()],
            "execution_time": int((time.monotonic() - started) * 1000),
        }


def _inner(outer: Request, part: Mapping[str, Any]) -> Request:
    given = part.get("headers") or []
    if not isinstance(given, list) or not all(isinstance(header, dict) for header in given):
        raise ValueError("headers is a list of objects")
    named = {as_text(header.get("name")).lower(): as_text(header.get("value")) for header in given}
    named |= {name: outer.headers.get(name, "") for name in _LOGIN_HEADERS}
    target = as_text(part.get("url"))
    if target.partition("?")[0].rstrip("/").endswith("/batch"):
        raise ValueError("a batch may not hold a batch")
    body = base64.b64decode(as_text(part.get("body")), validate=True)
    method = as_text(part.get("method")).upper() or "GET"
    return Request(method, target if target.startswith("/") else f"/{target}", named, body, outer.stamp)
