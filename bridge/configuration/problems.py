"""Everything that is wrong with the configuration, collected before anybody is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bridge.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong: where, what, and what to write instead."""

    file: Path
    #: counted from 1; 0 is the file as a whole
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {self.what}; {self.remedy}"


class InvalidConfigurationError(ConfigurationError):
    """The files cannot be used; `problems` lists everything that is wrong with them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        count = len(self.problems)
        heading = f"the configuration has {count} {'problem' if count == 1 else 'problems'}, nothing was started"
        super().__init__("\n  ".join((heading, *map(str, self.problems))))
