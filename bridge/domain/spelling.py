"""What a mistyped word was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant; empty if none is close."""
    by_fold = {name.casefold(): name for name in sorted(known)}
    close = get_close_matches(word.casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[close[0]] if close else ""


def write_one_of(word: str, known: Iterable[str]) -> str:
    """The remedy for a word outside a list."""
    names = sorted(known)
    close = nearest(word, names)
    listed = ", ".join(names) or "nothing"
    return f"write {close} (possible here: {listed})" if close else f"write one of: {listed}"
