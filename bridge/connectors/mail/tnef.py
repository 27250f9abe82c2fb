"""The text and files within winmail.dat, as Outlook packs them (MS-OXTNEF, MS-OXCDATA).

Our own reader, because what reads it elsewhere copies the rest of the data at each attribute and follows messages
within messages without an end; here the time is bounded by the length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from bridge.connectors.mail.charsets import decoded

_SIGNATURE = b"\x78\x9f\x3e\x22"
_BODY, _FILE_BEGINS, _TITLE, _FILE_DATA, _FILE_PROPERTIES, _PROPERTIES = 0x800C, 0x9002, 0x8010, 0x800F, 0x9005, 0x9003
_PLAIN, _HTML, _CONTENT, _SHORT_NAME, _LONG_NAME = 0x1000, 0x1013, 0x3701, 0x3704, 0x3707
_OBJECT, _STRING, _UNICODE, _BINARY, _SEVERAL, _NAMED = 0x0D, 0x1E, 0x1F, 0x102, 0x1000, 0x8000
#: octets of a value by its type; smaller ones are padded to four
_SIZES = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_OF_ANY_SIZE = frozenset({_OBJECT, _STRING, _UNICODE, _BINARY})
_MOST = 5_000
#: values of all properties together; a hundred files have a quarter of it
_MOST_VALUES = 20_000


class NotTnef(ValueError):
    """Bytes that are no TNEF, or are cut off."""


@dataclass(slots=True)
class PackedFile:
    """A file in the package."""

    name: str = ""
    content: bytes = b""


@dataclass(slots=True)
class Package:
    """What a winmail.dat holds."""

    text: str = ""
    html: str = ""
    files: list[PackedFile] = field(default_factory=list)


def unpacked(data: bytes) -> Package:
    """The text and files in TNEF data; raises `NotTnef`."""
    if not data.startswith(_SIGNATURE):
        raise NotTnef("another signature")
    package, values = Package(), iter(range(_MOST_VALUES))
    try:
        for number, content in _attributes(data):
            _take(package, number, content, values)
    except struct.error as error:
        raise NotTnef("cut off") from error
    return package


def _take(package: Package, number: int, content: bytes, values: Iterator[int]) -> None:
    if number == _BODY:
        package.text = package.text or _text(content)
    elif number == _PROPERTIES:
        for name, value in _properties(content, values):
            if name == _PLAIN:
                package.text = value if isinstance(value, str) else _text(value)
            elif name == _HTML:
                package.html = value if isinstance(value, str) else _text(value)
    elif number == _FILE_BEGINS:
        package.files.append(PackedFile())
    elif package.files:
        _take_into(package.files[-1], number, content, values)


def _take_into(file: PackedFile, number: int, content: bytes, values: Iterator[int]) -> None:
    if number == _TITLE:
        file.name = file.name or _text(content)
    elif number == _FILE_DATA:
        file.content = content
    elif number == _FILE_PROPERTIES:
        named = dict(_properties(content, values))
        name = named.get(_LONG_NAME) or named.get(_SHORT_NAME) or file.name
        file.name = name if isinstance(name, str) else _text(name)
        inner = named.get(_CONTENT)
        if isinstance(inner, bytes) and not file.content:
            file.content = inner


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(attribute, data) in order: level, attribute, type, length, data, checksum."""
    at = len(_SIGNATURE) + 2
    for _ in range(_MOST):
        if at >= len(data):
            return
        _level, number, _kind, length = struct.unpack_from("<BHHI", data, at)
        start = at + 9
        if start + length > len(data):
            raise NotTnef("cut off")
        yield number, data[start : start + length]
        at = start + length + 2
    raise NotTnef("more attributes than an honest mail has")


def _properties(data: bytes, values_left: Iterator[int]) -> Iterator[tuple[int, str | bytes]]:
    """(property, value) of those whose values are text or octets; each takes one of the values that are left."""
    (count,) = struct.unpack_from("<I", data, 0)
    at = 4
    for _ in range(min(count, _MOST)):
        kind, name = struct.unpack_from("<HH", data, at)
        at += 4
        if name >= _NAMED:
            at = _after_name(data, at)
        several, kind = kind & _SEVERAL, kind & ~_SEVERAL
        values = 1
        if several or kind in _OF_ANY_SIZE:
            (values,) = struct.unpack_from("<I", data, at)
            at += 4
        if kind not in _OF_ANY_SIZE:
            at += _SIZES.get(kind, 4) * values
            continue
        for _ in range(values):
            if next(values_left, None) is None:
                raise NotTnef("more values than an honest mail has")
            (length,) = struct.unpack_from("<I", data, at)
            value = data[at + 4 : at + 4 + length]
            at += 4 + _padded(length)
            yield name, _value(kind, value)


def _after_name(data: bytes, at: int) -> int:
    """Past the name of a property that has one: a GUID, and a number or a text."""
    (by_text,) = struct.unpack_from("<I", data, at + 16)
    if not by_text:
        return at + 24
    (length,) = struct.unpack_from("<I", data, at + 20)
    return at + 24 + _padded(int(length))


def _padded(length: int) -> int:
    return length + -length % 4


def _value(kind: int, value: bytes) -> str | bytes:
    if kind == _UNICODE:
        return value.decode("utf-16-le", "replace").rstrip("\0")
    if kind == _STRING:
        return _text(value)
    # An object begins with the identifier of its interface.
    return value[16:] if kind == _OBJECT else value


def _text(value: bytes) -> str:
    return decoded(value.rstrip(b"\0"), None)
