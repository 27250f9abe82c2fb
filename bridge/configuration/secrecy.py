"""Secrets, as the files refer to them: by a variable of the environment or a file, never by themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from bridge.configuration.document import Expanded
from bridge.configuration.written import WrongValue, read_text, written


class PlainSecret(WrongValue):
    """A secret stands in the file itself. What it says holds no part of it."""

    def __init__(self, remedy: str) -> None:
        super().__init__("a secret is written in plain text", remedy)


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret is: in a file, or already here from the environment. `repr` shows no more than that."""

    name: str
    value: str | None = None

    def __repr__(self) -> str:
        return f"SecretSource({self.name})"


def secret(value: object) -> SecretSource:
    """A secret: `${NAME}` from the environment or `file:/path`, never the secret itself."""
    remedy = "use ${NAME} or file:/path, and change the secret if it was ever in this file"
    if isinstance(value, SecretSource):
        return value
    if isinstance(value, Expanded) and value.whole:
        return SecretSource(value.source, str(value))
    if isinstance(value, str) and value.startswith("file:/"):
        return SecretSource(str(value))
    raise PlainSecret(remedy)


def store_url(value: object) -> SecretSource:
    """The store's address; a password in it comes from the environment."""
    text = read_text(value, "address of a store", "write sqlite:///path or postgresql+psycopg://host/name")
    if text.startswith("file:/"):
        return SecretSource(text)
    try:
        parts = urlsplit(text)
        password = parts.password or "password=" in parts.query
    except ValueError:
        raise WrongValue("the address of the store cannot be read", "write postgresql+psycopg://host/name") from None
    if parts.scheme not in {"sqlite", "postgresql+psycopg"}:
        raise WrongValue(
            f"the store cannot be of the kind {parts.scheme!r}",
            "write sqlite:///path or postgresql+psycopg://user:${NAME}@host/name",
        )
    if password and not (isinstance(value, Expanded) and _password_is_variable(value.written)):
        raise PlainSecret("use postgresql+psycopg://user:${NAME}@host/name")
    return SecretSource(value.source if isinstance(value, Expanded) else text, text)


def _password_is_variable(source: str) -> bool:
    if "://" not in source:
        return True
    if "password=" in source:
        return False
    told = source.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return not told or re.fullmatch(r"\$\{\w+\}", told) is not None


_SECRET_TEXT = r"^(\$\{[A-Za-z_][A-Za-z0-9_]*\}|file:/.+)$"  # noqa: S105 - how a secret is referred to
Secret = Annotated[SecretSource, *written(secret, _SECRET_TEXT, "${NAME}")]
StoreUrl = Annotated[SecretSource, *written(store_url, r"^.+$", "sqlite:///var/bridge.db")]
