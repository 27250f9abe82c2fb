"""A request and an answer, apart from any socket, and the error that becomes an answer."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote


class ApiError(Exception):
    """Becomes `{"error": {"message", "detail"}, "status": "failure"}`; `detail` may be None."""

    def __init__(
        self, status: int, message: str, detail: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {message}: {detail}")
        self.status = status
        self.message = message
        self.detail = detail
        self.headers = dict(headers or {})


@dataclass
class Request:
    """One request as it came. Header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    #: The stamp that records written by this request carry, when it is not the moment of the commit.
    stamp: str | None = None
    #: Who was authenticated, for the ledger.
    user: str = ""
    #: How many parts of a batch are serviced, when a fault bounds them.
    most_parts: int | None = None

    @cached_property
    def path(self) -> str:
        """The path, percent-decoded."""
        return unquote(self.target.partition("?")[0])

    @cached_property
    def query(self) -> str:
        """The query string as sent."""
        return self.target.partition("?")[2]

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """All query parameters, in order."""
        return parse_qsl(self.query, keep_blank_values=True)

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Query parameters; the last of a repeated name counts."""
        return dict(self.pairs)

    def flag(self, name: str) -> bool:
        """Whether a boolean parameter is true."""
        return self.parameters.get(name, "").lower() == "true"

    def number(self, name: str, default: int) -> int:
        """A parameter that is a number; anything else is the default, as on the platform."""
        text = self.parameters.get(name, "").strip()
        return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdigit() else default

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises 400 as the platform words it."""
        if not self.body.strip():
            return {}
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ApiError(400, "Exception while reading request", f"The payload is not valid JSON. {error}") from error
        if not isinstance(value, dict):
            raise ApiError(400, "Exception while reading request", "The payload is not a JSON object.")
        return value

    def basic_credentials(self) -> tuple[str, str] | None:
        """User and password of a Basic header, or None."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return (user, password) if colon else None

    def bearer_token(self) -> str | None:
        """The token of a Bearer header, or None."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None


@dataclass
class Response:
    """One answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json;charset=UTF-8"

    @classmethod
    def of(cls, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """A JSON answer."""
        return cls(status, json.dumps(value, separators=(",", ":")).encode(), dict(headers or {}))

    @classmethod
    def error(cls, error: ApiError) -> Response:
        """The platform's error body."""
        body = {"error": {"message": error.message, "detail": error.detail}, "status": "failure"}
        return cls.of(body, error.status, error.headers)


def not_a_resource() -> ApiError:
    """No API has such an address."""
    return ApiError(400, "Requested URI does not represent any resource")


def no_record() -> ApiError:
    """A record that does not exist, or that the user may not see: the platform does not tell which."""
    return ApiError(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
