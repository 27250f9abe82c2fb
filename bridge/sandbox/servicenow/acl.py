"""Access rules: rows hidden after the limit, tables that may not be read or written, operators that may not be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bridge.sandbox.servicenow.encoded_query import Query
from bridge.sandbox.servicenow.predicates import FIELD_OPERATORS, RANGE_OPERATORS
from bridge.sandbox.servicenow.schema import Table
from bridge.sandbox.servicenow.web import ApiError

RuleKind = Literal["hide", "deny_read", "deny_write", "query_range", "query_match"]
RULE_KINDS: tuple[str, ...] = get_args(RuleKind)


@dataclass(frozen=True)
class AccessRule:
    """One rule against one user (`*` for all but administrators) on one table.

    `hide` takes the rows that match the encoded `query` out of answers. `query_range` and `query_match` forbid the
    operators of that class on the named fields, on all fields when none is named.
    """

    id: int
    kind: RuleKind
    table: str
    user: str = "*"
    query: str = ""
    fields: tuple[str, ...] = ()

    def concerns(self, user: str, roles: Sequence[str], table: Table) -> bool:
        """Whether the rule speaks of that user and table."""
        if self.table not in (table.name, table.extends, "*"):
            return False
        return self.user == user or (self.user == "*" and "admin" not in roles)


class AccessRules:
    """All rules, in the order in which they were made."""

    def __init__(self) -> None:
        self._rules: list[AccessRule] = []
        self._last = 0

    def add(
        self, kind: RuleKind, table: str, user: str = "*", query: str = "", fields: Sequence[str] = ()
    ) -> AccessRule:
        """Make a rule."""
        self._last += 1
        rule = AccessRule(self._last, kind, table, user, query, tuple(fields))
        self._rules = [*self._rules, rule]
        return rule

    def remove(self, rule_id: int | None = None) -> None:
        """Take back one rule, or all."""
        self._rules = [rule for rule in self._rules if rule_id is not None and rule.id != rule_id]

    def all(self) -> list[AccessRule]:
        """The rules in force."""
        return list(self._rules)

    def _of(self, kind: RuleKind, user: str, roles: Sequence[str], table: Table) -> list[AccessRule]:
        return [rule for rule in self._rules if rule.kind == kind and rule.concerns(user, roles, table)]

    def hidden(self, user: str, roles: Sequence[str], table: Table) -> list[str]:
        """Encoded queries whose rows that user may not see."""
        return [rule.query for rule in self._of("hide", user, roles, table)]

    def check_read(self, user: str, roles: Sequence[str], table: Table, query: Query) -> None:
        """Raises 403 when the user may not read the table, or may not use an operator of the query."""
        if self._of("deny_read", user, roles, table):
            raise ApiError(403, "Insufficient rights to query records")
        for kind in ("query_range", "query_match"):
            for rule in self._of(kind, user, roles, table):
                if any(_forbids(rule, term.path, term.operator) for term in query.terms()):
                    raise ApiError(403, "Insufficient rights to query records")

    def check_write(self, user: str, roles: Sequence[str], table: Table, verb: str) -> None:
        """Raises 403 when the user may not write the table. `verb` is Insert, Update or Delete."""
        if self._of("deny_write", user, roles, table):
            raise denied(verb)


def denied(verb: str) -> ApiError:
    """The refusal of a write by an ACL."""
    return ApiError(403, "Operation Failed", f"ACL Exception {verb} Failed due to security constraints")


def _forbids(rule: AccessRule, path: tuple[str, ...], operator: str) -> bool:
    if rule.fields and ".".join(path) not in rule.fields:
        return False
    is_range = operator in RANGE_OPERATORS or FIELD_OPERATORS.get(operator, "=") not in ("=", "<>")
    return is_range if rule.kind == "query_range" else not is_range
