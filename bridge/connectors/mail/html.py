"""HTML to text: sanitised first, so that nothing hidden, active or remote is left, then laid out as people saw it.

What stands in a `blockquote` is quoted, with `> ` before each of its lines as in plain text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape, unescape
from typing import cast

import nh3
from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig

_LONGEST = 200_000
_COST_OF_ELEMENT = 15
#: long threads of nested quotes stay below; lxml drops what is nested deeper than 256
_DEEPEST = 200
_ALLOWED = {
    *("p", "div", "br", "span", "b", "i", "strong", "em", "u", "a", "blockquote", "pre", "hr", "h1", "h2", "h3", "h4"),
    *("ul", "ol", "li", "table", "thead", "tbody", "tr", "td", "th", "center", "font", "code"),
}
#: their contents go with them: text that was struck out, or that no mail program shows in the body
_UNSEEN = {"script", "style", "title", "option", "select", "datalist", "template", "s", "strike", "del"}
_HIDES = re.compile(
    r"display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden|mso-hide\s{0,3}:\s{0,3}all|line-through", re.IGNORECASE
)
_NAMES = re.compile(r"<([a-zA-Z][^\s<>/]{0,40})")
#: their contents are no elements; without them, it is text
_RAW = {"iframe", "noembed", "noframes", "noscript", "plaintext", "textarea", "xmp"}
_TAG = re.compile(r"<(/?)([^\s<>/]+)( style=\"hides\")?[^<>]*>")
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
#: characters of private use, taken out of the text before they mark where quotes begin and end in it
_OPENS, _CLOSES = "\ue000", "\ue001"
_MARKS = re.compile(f"([{_OPENS}{_CLOSES}])")
#: a quote within so many others is marked no further
_MOST_MARKS = 9
_NESTING = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")
#: elements that HTML does not close by itself when the next one opens
_IMAGE = re.compile(r"<img\b([^<>]{0,2000})>", re.IGNORECASE)
_SHOWN = re.compile(r"""\bsrc\s{0,3}=\s{0,3}["']?cid:([^"'\s>]{1,300})""", re.IGNORECASE)
_IMPLIED_END = {"p", "br", "hr", "li", "img", "td", "th", "tr", "meta", "link", "input", "col", "wbr", "area", "base"}


class TooDeep(ValueError):
    """HTML that is nested as nobody writes it."""


def text_of(markup: str, images: Mapping[str, str] | None = None) -> str:
    """The text of an HTML body. Scripts, styles, images and attributes are gone; no network is touched.

    Where the body shows a picture that came with the mail, its file's name stands instead; `images` gives it by
    Content-ID (RFC 2392).

    Raises `TooDeep` rather than spend time on a body built to cost it.
    """
    body = markup[:_LONGEST]
    if _depth(body) > _DEEPEST:
        raise TooDeep(f"HTML nested more than {_DEEPEST} levels deep")
    if images:
        body = _IMAGE.sub(lambda image: _named(image[1], images), body)
    clean = nh3.clean(_seen(body), tags=_ALLOWED, clean_content_tags=_UNSEEN, attributes={}, link_rel=None)
    return _quoted(cast(str, get_text(_with_marks(clean), ParserConfig(css=CSS_PROFILES["strict"]))))


def shown_pictures(markup: str) -> set[str]:
    """The Content-IDs of the pictures that an HTML body shows."""
    return {unescape(shown) for image in _IMAGE.findall(markup[:_LONGEST]) for shown in _SHOWN.findall(image)}


@dataclass(slots=True)
class Layout:
    """Lays HTML out, of all parts of a mail together so much and no more: that takes longer than all else."""

    #: file names of the images that a text may show, by Content-ID
    images: dict[str, str] = field(default_factory=dict)
    #: characters, of which an element counts for some
    left: int = 2 * _LONGEST

    def text(self, markup: str) -> str:
        """The text of some HTML; raises `TooDeep`."""
        shown = markup[:_LONGEST]
        cost = len(shown) + _COST_OF_ELEMENT * shown.count("<")
        if cost > self.left:
            shown = shown[: len(shown) * self.left // cost]
        self.left -= min(cost, self.left)
        return text_of(shown, self.images) if shown else ""


def _seen(body: str) -> str:
    """The HTML without elements whose own style hides them or strikes them out."""
    if not _HIDES.search(unescape(body)):
        return body
    names = {name.lower() for name in _NAMES.findall(body)} - _UNSEEN - _RAW
    shown = nh3.clean(
        body,
        tags=names,
        clean_content_tags=_UNSEEN,
        attributes={"*": {"style"}},
        attribute_filter=lambda _element, _attribute, style: "hides" if _HIDES.search(style) else None,
        link_rel=None,
    )
    return _without_marked(shown)


def _without_marked(clean: str) -> str:
    """Sanitised HTML, in which every element that opens is closed, without those marked as hidden."""
    kept: list[str] = []
    since = within = 0
    hidden = ""
    for tag in _TAG.finditer(clean):
        name = tag[2]
        if hidden:
            within += 0 if name != hidden else -1 if tag[1] else 1
            hidden, since = ("", tag.end()) if within == 0 else (hidden, since)
        elif tag[3] and name not in _VOID:
            kept.append(clean[since : tag.start()])
            hidden, within = name, 1
    return "".join([*kept, "" if hidden else clean[since:]])


def _with_marks(clean: str) -> str:
    """Sanitised HTML, in which a line of its own marks where a quote begins and where it ends."""
    plain = _MARKS.sub("", clean)
    begun = plain.replace("<blockquote>", f"<blockquote><div>{_OPENS}</div>")
    return begun.replace("</blockquote>", f"<div>{_CLOSES}</div></blockquote>")


def _quoted(text: str) -> str:
    """Laid out text with `> ` before each line of a quote, once for each level."""
    if _OPENS not in text:
        return text
    lines: list[str] = []
    depth = 0
    for line in text.split("\n"):
        pieces = _MARKS.split(line)
        for number, piece in enumerate(pieces):
            if piece in {_OPENS, _CLOSES}:
                depth = max(depth + (1 if piece == _OPENS else -1), 0)
            elif piece.strip() or len(pieces) == 1:
                lines.append("> " * min(depth, _MOST_MARKS) + (piece.strip() if depth else piece))
            elif number == 0:
                # A blank line keeps what stands before a quote from running on into it.
                lines.append("")
    return "\n".join(lines)


def _named(attributes: str, images: Mapping[str, str]) -> str:
    shown = _SHOWN.search(attributes)
    name = images.get(unescape(shown[1])) if shown else None
    return f" [{escape(name)}] " if name else ""


def _depth(body: str) -> int:
    """How deep elements are opened within each other, without asking whether they match."""
    deepest = depth = 0
    for closing, name in _NESTING.findall(body):
        if name.lower() in _IMPLIED_END:
            continue
        depth = max(depth - 1, 0) if closing else depth + 1
        deepest = max(deepest, depth)
    return deepest
