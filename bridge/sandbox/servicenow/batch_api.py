"""The Batch API: several requests in one, with base64 bodies, within a time limit."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from typing import Any

from bridge.sandbox.servicenow.ledger import Effect
from bridge.sandbox.servicenow.settings import Settings
from bridge.sandbox.servicenow.values import as_text
from bridge.sandbox.servicenow.web import ApiError, Request, Response

Answer = Callable[[Request, list[Effect]], Response]


class BatchApi:
    """Runs the parts one after the other; what the time limit cuts off comes back as `unserviced_requests`."""

    def __init__(self, answer: Answer, settings: Settings) -> None:
        self._answer = answer
        self._settings = settings

    def answer(self, request: Request, effects: list[Effect]) -> Response:
        """Answer a batch. Raises 400 when it has no list of requests."""
        body = request.json_object()
        parts = body.get("rest_requests")
        if request.method != "POST" or not isinstance(parts, list):
            raise ApiError(400, "Exception while reading request", "rest_requests is required")
        deadline = time.monotonic() + self._settings.batch_limit
        serviced: list[dict[str, Any]] = []
        unserviced: list[str] = []
        for part in parts:
            if not isinstance(part, dict):
                raise ApiError(400, "Exception while reading request", "a request is an object")
            if time.monotonic() >= deadline:
                unserviced.append(as_text(part.get("id")))
            else:
                serviced.append(self._part(request, part, effects))
        return Response.of(
            {
                "batch_request_id": as_text(body.get("batch_request_id")),
                "serviced_requests": serviced,
                "unserviced_requests": unserviced,
            }
        )

    def _part(self, outer: Request, part: Mapping[str, Any], effects: list[Effect]) -> dict[str, Any]:
        started = time.monotonic()
        try:
            response = self._answer(_inner(outer, part), effects)
        except (binascii.Error, ValueError) as error:
            response = Response.error(ApiError(400, "Exception while reading request", str(error)))
        answer: dict[str, Any] = {
            "id": as_text(part.get("id")),
            "status_code": response.status,
            "status_text": "OK" if response.status < 400 else "Error",
            "headers": [{"name": name, "value": value} for name, value in _headers(response).items()],
            "execution_time": int((time.monotonic() - started) * 1000),
        }
        if not part.get("exclude_response_headers", False):
            answer["redirect_url"] = None
        else:
            del answer["headers"]
        return answer | {"body": base64.b64encode(response.body).decode()}


def _headers(response: Response) -> dict[str, str]:
    return {"Content-Type": response.content_type, **response.headers}


def _inner(outer: Request, part: Mapping[str, Any]) -> Request:
    given = part.get("headers") or []
    if not isinstance(given, list) or not all(isinstance(header, dict) for header in given):
        raise ValueError("headers is a list of objects")
    named = {as_text(header.get("name")).lower(): as_text(header.get("value")) for header in given}
    named["authorization"] = outer.headers.get("authorization", "")
    target = as_text(part.get("url"))
    if target.partition("?")[0].rstrip("/").endswith("/batch"):
        raise ValueError("a batch may not hold a batch")
    body = base64.b64decode(as_text(part.get("body")), validate=True)
    method = as_text(part.get("method")).upper() or "GET"
    return Request(method, target if target.startswith("/") else f"/{target}", named, body, outer.stamp)
