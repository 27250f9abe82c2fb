"""Business rules that are configured: they abort, set fields, or write a journal entry as the user who called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Moment = Literal["insert", "update", "any"]


@dataclass(frozen=True)
class BusinessRule:
    """A rule of one table that runs after an insert or update, within the same transaction.

    It runs when a field of `changed` was changed (any change, when none is named) and the encoded `condition` holds for
    the record as it is now. With `abort` the whole operation is refused. `values` may hold fields and journals; they
    are written as the user who called, which is why an integration meets notes under its own name that it never sent.
    """

    name: str
    table: str
    when: Moment = "update"
    condition: str = ""
    changed: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    abort: bool = False
    #: Fields that must not be empty then: what a data policy demands.
    mandatory: tuple[str, ...] = ()

    def triggered(self, table: str, operation: str, touched: frozenset[str]) -> bool:
        """Whether the rule looks at such an operation at all; the condition is not asked here."""
        if self.table != table or self.when not in (operation, "any"):
            return False
        return not self.changed or bool(touched & set(self.changed))


class BusinessRules:
    """The rules in force, by name."""

    def __init__(self) -> None:
        self._rules: dict[str, BusinessRule] = {}

    def add(self, rule: BusinessRule) -> None:
        """Make a rule, or make the one of that name anew."""
        self._rules = {**self._rules, rule.name: rule}

    def remove(self, name: str | None = None) -> None:
        """Take back one rule, or all."""
        self._rules = {key: rule for key, rule in self._rules.items() if name is not None and key != name}

    def all(self) -> list[BusinessRule]:
        """The rules in force."""
        return list(self._rules.values())
