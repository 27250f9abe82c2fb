"""Bytes to text when the charset is wrong, absent or unknown: always a text, never an exception."""

from __future__ import annotations

import codecs

_ISO_2022_JP = (b"\x1b$B", b"\x1b$@", b"\x1b(J")
#: codecs that are no charsets of mail, and whose decoding is slow or interprets its input
_NOT_FOR_MAIL = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7"})


def decoded(content: bytes, charset: str | None) -> str:
    """The text, without NUL: by the charset named, else by what the bytes look like, else by Windows' western one."""
    for name in (charset, _looks_like(content), "utf-8"):
        text = _strictly(content, name)
        if text is not None:
            return text.replace("\x00", "")
    return content.decode("cp1252", "replace").replace("\x00", "")


def _looks_like(content: bytes) -> str | None:
    return "iso-2022-jp" if any(escape in content for escape in _ISO_2022_JP) else None


def _strictly(content: bytes, name: str | None) -> str | None:
    if not name:
        return None
    # ASCII with escape sequences in it is Japanese that nobody labelled.
    if name.lower() in {"us-ascii", "ascii"} and _looks_like(content):
        return None
    try:
        codec = codecs.lookup(name.strip().strip("\"'"))
        return None if codec.name in _NOT_FOR_MAIL else content.decode(codec.name, "strict")
    except (LookupError, UnicodeError, ValueError):
        return None
