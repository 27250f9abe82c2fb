"""The content within opaque-signed S/MIME (RFC 8551, 3.5.2): shown, and never taken for verified.

Reads as much of BER (X.690) as it takes to walk ContentInfo, SignedData, EncapsulatedContentInfo, eContent (RFC 5652),
with indefinite lengths and octet strings in pieces, which is how mail programs stream it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_OBJECT, _OCTETS, _SEQUENCE, _EXPLICIT_0 = 0x06, 0x04, 0x30, 0xA0
_CONSTRUCTED = 0x20
_DEEPEST = 12
_MOST_PIECES = 100_000


class NotSigned(ValueError):
    """Bytes that are no SignedData with content in it."""


@dataclass(frozen=True, slots=True)
class _Value:
    tag: int
    content: bytes
    #: what of the input this value took, its end mark included
    length: int


def signed_content(encoded: bytes) -> bytes:
    """The MIME entity that was signed; raises `NotSigned` if these bytes hold none."""
    try:
        info = _children(_expected(_value(encoded, 0, 0), _SEQUENCE))
        if _expected(next(info), _OBJECT) != _SIGNED_DATA:
            raise NotSigned("not SignedData")
        signed = _children(_expected(next(_children(_expected(next(info), _EXPLICIT_0))), _SEQUENCE))
        _version, _digests, inner = next(signed), next(signed), next(signed)
        encapsulated = _children(_expected(inner, _SEQUENCE))
        next(encapsulated)
        return _octets(next(_children(_expected(next(encapsulated), _EXPLICIT_0))), 0)
    except StopIteration as error:
        raise NotSigned("SignedData without content") from error


def _expected(value: _Value, tag: int) -> bytes:
    if value.tag != tag:
        raise NotSigned(f"tag {value.tag:#x} where {tag:#x} belongs")
    return value.content


def _octets(value: _Value, depth: int) -> bytes:
    if value.tag == _OCTETS:
        return value.content
    if value.tag != _OCTETS | _CONSTRUCTED or depth > _DEEPEST:
        raise NotSigned("content that is no octet string")
    return b"".join(_octets(piece, depth + 1) for piece in _children(value.content))


def _children(content: bytes) -> Iterator[_Value]:
    at = 0
    for _ in range(_MOST_PIECES):
        if at >= len(content):
            return
        value = _value(content, at, 0)
        yield value
        at += value.length
    raise NotSigned("more values than an honest mail has")


def _value(encoded: bytes, at: int, depth: int) -> _Value:
    """The value that begins at a place."""
    if depth > _DEEPEST or at + 2 > len(encoded):
        raise NotSigned("cut off, or nested too deep")
    tag, length, start = encoded[at], encoded[at + 1], at + 2
    if length == 0x80:
        return _without_length(encoded, at, start, depth)
    if length > 0x80:
        digits = length - 0x80
        length = int.from_bytes(encoded[start : start + digits], "big")
        start += digits
    if start + length > len(encoded):
        raise NotSigned("cut off")
    return _Value(tag, encoded[start : start + length], start + length - at)


def _without_length(encoded: bytes, at: int, start: int, depth: int) -> _Value:
    """A value that lasts until two zero octets."""
    end = start
    for _ in range(_MOST_PIECES):
        if encoded[end : end + 2] == b"\0\0":
            return _Value(encoded[at], encoded[start:end], end + 2 - at)
        end += _value(encoded, end, depth + 1).length
    raise NotSigned("more values than an honest mail has")
