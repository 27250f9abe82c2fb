"""The bytes of a mail taken apart: header fields, the text that a person reads, files, and mails within it.

Parsed with the standard library's `compat32` policy, whose header reading survives what `policy.default` raises on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32

from bridge.connectors.mail import headers
from bridge.connectors.mail.charsets import decoded
from bridge.connectors.mail.flowed import unflowed
from bridge.connectors.mail.html import Layout, shown_pictures
from bridge.connectors.mail.schema import FILE_NAME
from bridge.connectors.mail.signing import is_plain_message_id
from bridge.connectors.mail.smime import NotSigned, signed_content
from bridge.connectors.mail.structure import DEEPEST, MOST_PARTS, Unreadable, serialised, structure_of
from bridge.connectors.mail.tnef import NotTnef, unpacked
from bridge.ports import ReadAttachment

_MOST_ANSWERED = 3
_LONGEST_TEXT = 200_000
#: of a mail that cannot be read, so much is searched for its header
_HEADER_SHOWN = 262_144
_UNSAFE_NAME = re.compile(r"[\x00-\x1f\x7f<>:\"|?*\\/]+")
_LONGEST_NAME = 150
_LONGEST_STUB = 300
#: a plain text that only sends its reader to the HTML
_STUB = re.compile(
    r"\bhtml[- ](capable|enabled|compatible|compliant)\b|"
    r"\b(does not|doesn't|cannot|can't) (support|display|show) html\b|"
    r"\b(view|read|see) (this|the) (e-?mail|message) (in|as|with|using) (an? )?(html|browser|web)\b",
    re.IGNORECASE,
)
_TNEF = {"application/ms-tnef", "application/vnd.ms-tnef"}
_SMIME = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
_SIGNATURES = {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}
#: a picture within a text is an ornament, such as the logo of a signature, if it has no more bytes
_ORNAMENT = 16_384


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """A mail, taken apart."""

    message: Message
    subject: str
    #: the address of every From, in lower case; an honest mail has exactly one
    senders: tuple[str, ...]
    message_id: str
    #: Message-IDs that this mail answers, the most telling one first
    answers: tuple[str, ...]
    date: datetime | None
    text: str
    #: the Message-IDs of others that this mail is a direct answer to
    answers_others: tuple[str, ...] = ()
    from_list: bool = False
    attachments: tuple[ReadAttachment, ...] = ()
    #: headers and text of mails that are attached
    embedded: tuple[str, ...] = ()
    encrypted: bool = False
    #: signed in a way that hides the text from programs that know no S/MIME; nobody has verified the signature
    opaque: bool = False
    oversize: int = 0


@dataclass(slots=True)
class _Sought:
    """A file that is looked for by the hash of its bytes, and these once they are found."""

    sha256: str = ""
    content: bytes | None = None


@dataclass(slots=True)
class _Found:
    """What the walk through the parts has found so far."""

    texts: list[str] = field(default_factory=list)
    attachments: list[ReadAttachment] = field(default_factory=list)
    embedded: list[str] = field(default_factory=list)
    encrypted: bool = False
    opaque: bool = False
    parts: int = 0
    layout: Layout = field(default_factory=Layout)
    #: the Content-IDs of those that the texts read so far show
    shown: set[str] = field(default_factory=set)
    sought: _Sought = field(default_factory=_Sought)


def parsed(raw: bytes) -> ParsedMail:
    """Take a mail apart; raises `Unreadable`, `RecursionError` or another `ValueError` on hostile structure only."""
    message, found = _taken_apart(raw, _Sought())
    return _assembled(message, found)


def file_content(raw: bytes, sha256: str) -> bytes | None:
    """The bytes of the file of a mail that have this hash; None if none has. Raises what `parsed` raises."""
    sought = _Sought(sha256)
    _taken_apart(raw, sought)
    return sought.content


def _taken_apart(raw: bytes, sought: _Sought) -> tuple[Message, _Found]:
    message = structure_of(raw)
    found = _Found(sought=sought)
    _name_images(message, found)
    _walk(message, found, 0)
    return message, found


def header_only(raw: bytes) -> ParsedMail:
    """The header of a mail whose body cannot be read."""
    return _assembled(BytesHeaderParser(policy=compat32).parsebytes(raw[:_HEADER_SHOWN]), _Found())


def _assembled(message: Message, found: _Found) -> ParsedMail:
    replied = headers.message_ids(message, "In-Reply-To")
    references = headers.message_ids(message, "References")
    size = headers.raw_field(message, "X-CPSD-Oversize")
    return ParsedMail(
        message=message,
        subject=headers.field(message, "Subject"),
        senders=headers.addresses(headers.raw_fields(message, "From")),
        message_id=next(iter(headers.message_ids(message, "Message-ID")), ""),
        answers=tuple(dict.fromkeys((*reversed(replied), *reversed(references)))),
        date=headers.date(message),
        text="\n".join(found.texts)[:_LONGEST_TEXT],
        answers_others=tuple(one for one in replied[:_MOST_ANSWERED] if is_plain_message_id(one)),
        from_list=bool(headers.raw_field(message, "List-Id")),
        attachments=_distinctly_named(found.attachments),
        embedded=tuple(found.embedded),
        encrypted=found.encrypted,
        opaque=found.opaque,
        oversize=int(size) if size.isascii() and size.isdigit() else 0,
    )


def _walk(part: Message, found: _Found, depth: int) -> None:
    found.parts += 1
    if found.parts > MOST_PARTS or depth > DEEPEST:
        raise Unreadable("more parts than an honest mail has")
    kind = part.get_content_type()
    if kind == "multipart/encrypted":
        found.encrypted = True
    if kind in _SMIME:
        _walk_smime(part, found, depth)
    elif kind in _TNEF:
        _unpack(part, found)
    elif kind == "message/rfc822":
        found.embedded.append(_embedded_text(part))
        found.attachments.append(_described(part, found, "message.eml"))
    elif kind == "multipart/alternative":
        _walk_alternative(part, found, depth)
    elif part.is_multipart():
        for child in _children(part):
            _walk(child, found, depth + 1)
    elif _is_body(part, kind, found):
        found.texts.append(_shown_text(part, kind, found))
    else:
        _attach(part, found)


def _walk_smime(part: Message, found: _Found, depth: int) -> None:
    """What opaque-signed data holds; everything else that has this type hides its contents (RFC 8551, 3.2.2)."""
    content = _content(part)
    container = _described(part, found, "smime.p7m")
    found.attachments.append(container)
    try:
        signed = signed_content(content)
    except NotSigned:
        found.encrypted = True
        return
    found.opaque = True
    found.attachments[-1] = replace(container, incidental="container")
    entity = structure_of(signed)
    _name_images(entity, found)
    _walk(entity, found, depth + 1)


def _unpack(part: Message, found: _Found) -> None:
    """The text and files of a winmail.dat, which itself is kept beside them."""
    container = _described(part, found, "winmail.dat")
    found.attachments.append(container)
    try:
        package = unpacked(_content(part))
    except NotTnef:
        return
    found.attachments[-1] = replace(container, incidental="container")
    for file in package.files:
        name = _safe_name(file.name) or "part.octet-stream"
        found.attachments.append(_as_attachment(name, "application/octet-stream", file.content, found))
    text = package.text[:_LONGEST_TEXT] if package.text.strip() else found.layout.text(package.html)
    # Where the mail has a text of its own, the package repeats it.
    if text.strip() and not "".join(found.texts).strip():
        found.texts.append(text)


def _attach(part: Message, found: _Found) -> None:
    """A file. The same picture shown twice, as in a signature that every answer below repeats, is one file."""
    file = _described(part, found, "")
    shown = _content_id(part)
    if not (shown and any(other.sha256 == file.sha256 for other in found.attachments)):
        found.attachments.append(replace(file, incidental=_why_incidental(part, file, shown=shown in found.shown)))


def _why_incidental(part: Message, file: ReadAttachment, *, shown: bool) -> str:
    """What makes a part something that nobody meant to send as a file; empty for a file."""
    kind = part.get_content_type()
    if kind in _SIGNATURES:
        return "signature"
    if kind == "application/json" and file.name == FILE_NAME:
        return "ours"
    if shown and part.get_content_maintype() == "image" and file.size <= _ORNAMENT:
        return "ornament"
    return ""


def _content_id(part: Message) -> str:
    return headers.raw_field(part, "Content-ID").strip("<> ")


def _name_images(message: Message, found: _Found) -> None:
    """Remember what the pictures within a mail are called, before the text is read that shows them."""
    for number, part in enumerate(message.walk()):
        if number > MOST_PARTS:
            return
        shown = _content_id(part)
        if shown:
            found.layout.images.setdefault(shown, _safe_name(_file_name(part)) or part.get_content_type())


def _walk_alternative(part: Message, found: _Found, depth: int) -> None:
    """One text of several: the plain one, unless it is blank or a stub. Files among the alternatives are kept."""
    versions: list[_Found] = []
    layout = found.layout
    for child in _children(part):
        if versions and _says_something(versions[-1]):
            # The text is found; what follows says the same in HTML.
            layout = Layout(left=0)
        version = _Found(parts=found.parts, layout=layout, shown=found.shown, sought=found.sought)
        _walk(child, version, depth + 1)
        found.parts = version.parts
        found.attachments += version.attachments
        found.embedded += version.embedded
        found.encrypted = found.encrypted or version.encrypted
        found.opaque = found.opaque or version.opaque
        versions.append(version)
    told = [version for version in versions if "".join(version.texts).strip()]
    found.texts += next((version.texts for version in (*filter(_says_something, told), *told)), [])


def _says_something(version: _Found) -> bool:
    text = "".join(version.texts).strip()
    return bool(text) and not (len(text) <= _LONGEST_STUB and _STUB.search(text))


def _children(part: Message) -> Iterator[Message]:
    payload = part.get_payload()
    yield from (child for child in payload if isinstance(child, Message)) if isinstance(payload, list) else ()


def _is_body(part: Message, kind: str, found: _Found) -> bool:
    """Whether a part is text of the mail itself; a text with a file name is, only if none stands before it.

    Apple Mail and Notes show the text files of a mail within it, as `inline`.
    """
    if kind not in {"text/plain", "text/html"} or part.get_content_disposition() == "attachment":
        return False
    return not (found.texts and _file_name(part))


def _content(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _body_text(part: Message) -> str:
    return decoded(_content(part)[: 4 * _LONGEST_TEXT], _charset(part))


def _shown_text(part: Message, kind: str, found: _Found) -> str:
    """The text of a body, whose pictures are remembered."""
    text = _body_text(part)
    if kind != "text/html":
        return unflowed(text, delsp=_says(part, "delsp", "yes")) if _says(part, "format", "flowed") else text
    found.shown |= shown_pictures(text)
    return found.layout.text(text)


def _says(part: Message, parameter: str, value: str) -> bool:
    said = part.get_param(parameter)
    return isinstance(said, str) and said.strip().lower() == value


def _charset(part: Message) -> str | None:
    charset = part.get_param("charset")
    return charset if isinstance(charset, str) else None


def _embedded_text(part: Message) -> str:
    """Header and text of an attached mail, for a search in it only."""
    inner = next(_children(part), None)
    if inner is None:
        return ""
    fields = "\n".join(f"{name}: {value}" for name, value in inner.raw_items())
    texts = [_body_text(one) for one in inner.walk() if one.get_content_type() == "text/plain"]
    return "\n".join([fields, *texts])[:_LONGEST_TEXT]


def _described(part: Message, found: _Found, fallback: str) -> ReadAttachment:
    content = serialised(part) if part.is_multipart() else _content(part)
    name = _safe_name(_file_name(part)) or fallback or f"part.{part.get_content_subtype()}"
    return _as_attachment(name, part.get_content_type(), content, found)


def _as_attachment(name: str, content_type: str, content: bytes, found: _Found) -> ReadAttachment:
    digest = hashlib.sha256(content).hexdigest()
    if digest == found.sought.sha256:
        found.sought.content = content
    return ReadAttachment(name, content_type, len(content), digest)


def _file_name(part: Message) -> str:
    try:
        return headers.readable(part.get_filename() or "")
    except (LookupError, ValueError, TypeError):
        return ""


def _safe_name(name: str) -> str:
    """A name without a path, without what file systems treat as special, and not too long (RFC 2183, 2.3)."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return _UNSAFE_NAME.sub("_", last).strip(". ")[-_LONGEST_NAME:]


def _distinctly_named(files: list[ReadAttachment]) -> tuple[ReadAttachment, ...]:
    taken: set[str] = set()
    distinct = []
    for file in files:
        name, number = file.name, 1
        while name.lower() in taken:
            number += 1
            stem, dot, ending = file.name.rpartition(".")
            name = f"{stem}-{number}.{ending}" if dot and stem else f"{file.name}-{number}"
        taken.add(name.lower())
        distinct.append(replace(file, name=name))
    return tuple(distinct)
