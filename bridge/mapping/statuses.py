"""Agreed patterns in a desk's mails: conditions over a mail that say which report it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bridge.domain.agreement import StatusRule
from bridge.domain.facts import ReportKind
from bridge.mapping.expressions import Expression, FieldKind, Value, compile_expression

MAIL_FIELDS: Mapping[str, FieldKind] = MappingProxyType(
    {
        "subject": FieldKind.TEXT,
        #: the new text, without what it quotes
        "text": FieldKind.TEXT,
        "sender": FieldKind.TEXT,
        "automatic": FieldKind.BOOLEAN,
    }
)
"""What a condition in `statuses:` may read."""


@dataclass(frozen=True, slots=True)
class StatusPatterns:
    """An agreement's patterns, compiled."""

    patterns: tuple[tuple[Expression, ReportKind], ...]

    @classmethod
    def of(cls, rules: Sequence[StatusRule]) -> StatusPatterns:
        """Raises `ExpressionError` for a condition that cannot be used."""
        return cls(tuple((compile_expression(rule.when, MAIL_FIELDS), rule.report) for rule in rules))

    def report(self, *, subject: str, text: str, sender: str, automatic: bool) -> ReportKind | None:
        """What the first pattern that a mail meets reports; None if it meets none."""
        values: dict[str, Value] = {"subject": subject, "text": text, "sender": sender, "automatic": automatic}
        return next((report for condition, report in self.patterns if condition.matches(values)), None)
