"""The sandbox's own API under `/sandbox/`, for administrators: ledger, faults, clock, seeds, rules, users, raw rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from cryptography.hazmat.primitives.serialization import load_pem_public_key

from bridge.sandbox.servicenow.accounts import Actor
from bridge.sandbox.servicenow.acl import RULE_KINDS, RuleKind, denied
from bridge.sandbox.servicenow.base_data import Person
from bridge.sandbox.servicenow.clock import UnknownTimeZone, stamp, zone
from bridge.sandbox.servicenow.declaring import declaration
from bridge.sandbox.servicenow.market_data import Market
from bridge.sandbox.servicenow.rules import BusinessRule, Moment
from bridge.sandbox.servicenow.schema import Table
from bridge.sandbox.servicenow.values import as_text
from bridge.sandbox.servicenow.web import ApiError, Request, Response, not_a_resource

if TYPE_CHECKING:
    from bridge.sandbox.servicenow.instance import Instance

Handler = Callable[[Request], object]


class AdminApi:
    """Reads and steers one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._handlers: Mapping[tuple[str, str], Handler] = {
            ("GET", "ledger"): lambda request: instance.ledger.entries(request.number("since", 0)),
            ("GET", "effects"): lambda request: instance.ledger.effects(max(request.number("since", 0), 0)),
            ("GET", "faults"): lambda _: instance.faults.all(),
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._remove_fault,
            ("GET", "clock"): lambda _: self._clock_state(),
            ("POST", "clock"): self._set_clock,
            ("POST", "seed"): self._seed,
            ("GET", "users"): lambda _: self._users(),
            ("POST", "users"): self._add_user,
            ("GET", "acl"): lambda _: [asdict(rule) for rule in instance.access.all()],
            ("POST", "acl"): self._add_access_rule,
            ("DELETE", "acl"): self._remove_access_rule,
            ("GET", "business_rules"): lambda _: [asdict(rule) for rule in instance.rules.all()],
            ("POST", "business_rules"): self._add_business_rule,
            ("DELETE", "business_rules"): self._remove_business_rule,
            ("POST", "data_policies"): self._add_data_policy,
            ("GET", "rate_limits"): lambda _: instance.rates.all(),
            ("POST", "rate_limits"): lambda request: asdict(instance.rates.add(request.json_object())),
            ("DELETE", "rate_limits"): self._remove_rate_rule,
            ("GET", "gates"): lambda _: instance.gates.state(),
            ("GET", "settings"): lambda _: self._settings(),
            ("POST", "settings"): self._change_settings,
            ("POST", "records"): self._put_records,
            ("POST", "records/release"): lambda _: {"released": instance.held.release_all()},
            ("POST", "tables"): self._add_table,
            ("POST", "tokens/revoke"): self._revoke,
            ("POST", "api_keys"): self._issue_api_key,
            ("POST", "oauth/keys"): self._trust_key,
        }

    def answer(self, request: Request, actor: Actor) -> Response:
        """Answer a request below `/sandbox/`. Raises 403 for anyone but an administrator."""
        if not actor.is_admin:
            raise denied("Execute")
        handler = self._handlers.get((request.method, request.path.removeprefix("/sandbox/").rstrip("/")))
        if handler is None:
            raise not_a_resource()
        try:
            return Response.of({"result": handler(request)})
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            raise ApiError(400, "Invalid request", f"{type(error).__name__}: {error}") from error

    def _add_faults(self, request: Request) -> object:
        body = request.json_object()
        given = body.get("faults", [body])
        return [self._instance.faults.add(fault).as_json() for fault in given]

    def _remove_fault(self, request: Request) -> object:
        self._instance.faults.clear(_identifier(request))
        return self._instance.faults.all()

    def _clock_state(self) -> dict[str, Any]:
        clock = self._instance.clock
        return {"now": clock.stamp(), "skew_seconds": clock.skew_seconds}

    def _set_clock(self, request: Request) -> object:
        body = request.json_object()
        clock = self._instance.clock
        if "skew_seconds" in body:
            clock.skew_seconds = float(body["skew_seconds"])
        if "now" in body:
            clock.set_now(datetime.fromisoformat(str(body["now"])).replace(tzinfo=UTC))
        clock.skew_seconds += float(body.get("advance_seconds", 0))
        return self._clock_state()

    def _seed(self, request: Request) -> object:
        body = request.json_object()
        table = self._table(body.pop("table", "sn_customerservice_case"))
        seed = body.pop("seed", self._instance.seed)
        until = body.pop("until", None)
        instant = datetime.fromisoformat(str(until)).replace(tzinfo=UTC) if until else self._instance.clock.now()
        listed = bool(body.pop("list", False))
        made = self._instance.seed_market(Market(**body), table.name, int(seed), instant)
        return {"created": len(made), "sys_ids": made if listed else []}

    def _users(self) -> object:
        accounts, database = self._instance.accounts, self._instance.database
        return [
            {
                "user_name": name,
                "sys_id": sys_id,
                "password": accounts.passwords.get(name.lower()),
                "roles": list(accounts.roles(sys_id)),
                "time_zone": time_zone,
            }
            for name, sys_id, time_zone in database.rows(
                "SELECT user_name, sys_id, time_zone FROM sys_user WHERE user_name <> '' ORDER BY user_name"
            )
        ]

    def _add_user(self, request: Request) -> object:
        """Make a user, or change password, roles and time zone of one that exists."""
        body = request.json_object()
        name = as_text(body["user_name"])
        time_zone = as_text(body.get("time_zone"))
        _check_zone(time_zone)
        instance = self._instance
        actor = instance.accounts.actor(name)
        if actor is None:
            first, _, last = as_text(body.get("name", name)).partition(" ")
            groups = tuple(map(as_text, body.get("groups", ())))
            person = Person(name, first, last, (), groups, contact=bool(body.get("contact", False)))
            instance.base_data.person(person, time_zone)
            sys_id = person.sys_id
        else:
            sys_id = actor.sys_id
            if "time_zone" in body:
                instance.database.update(instance.schema.tables["sys_user"], sys_id, {"time_zone": time_zone})
        held = instance.accounts.roles(sys_id)
        for role in body.get("roles", ()):
            if role not in held:
                instance.base_data.grant(sys_id, as_text(role))
        if body.get("password"):
            instance.accounts.set_password(name, as_text(body["password"]))
        return next(user for user in cast("list[dict[str, Any]]", self._users()) if user["sys_id"] == sys_id)

    def _add_access_rule(self, request: Request) -> object:
        body = request.json_object()
        kind = as_text(body["kind"])
        if kind not in RULE_KINDS:
            raise ValueError(f"kind is one of {', '.join(RULE_KINDS)}")
        query = as_text(body.get("query"))
        if "sys_ids" in body:
            query = f"sys_idIN{','.join(map(as_text, body['sys_ids']))}"
        rule = self._instance.access.add(
            cast("RuleKind", kind),
            as_text(body["table"]),
            as_text(body.get("user", "*")),
            query,
            [as_text(name) for name in body.get("fields", [])],
        )
        return asdict(rule)

    def _remove_access_rule(self, request: Request) -> object:
        self._instance.access.remove(_identifier(request))
        return [asdict(rule) for rule in self._instance.access.all()]

    def _add_business_rule(self, request: Request) -> object:
        body = request.json_object()
        table = self._table(body["table"])
        when = as_text(body.get("when", "update"))
        if when not in ("insert", "update", "any"):
            raise ValueError("when is insert, update or any")
        rule = BusinessRule(
            as_text(body["name"]),
            table.name,
            cast("Moment", when),
            as_text(body.get("condition")),
            tuple(map(as_text, body.get("changed", ()))),
            {name: as_text(value) for name, value in body.get("values", {}).items() if name in table.fields},
            abort=bool(body.get("abort", False)),
        )
        self._instance.rules.add(rule)
        return asdict(rule)

    def _add_data_policy(self, request: Request) -> object:
        """A rule that demands fields, on every insert and update under its condition."""
        body = request.json_object()
        table = self._table(body["table"])
        mandatory = tuple(map(as_text, body["mandatory"]))
        unknown = set(mandatory) - table.fields.keys()
        if unknown:
            raise ValueError(f"{table.name} has no {', '.join(sorted(unknown))}")
        rule = BusinessRule(
            as_text(body["name"]), table.name, "any", as_text(body.get("condition")), mandatory=mandatory
        )
        self._instance.rules.add(rule)
        return asdict(rule)

    def _remove_business_rule(self, request: Request) -> object:
        self._instance.rules.remove(request.parameters.get("name"))
        return [asdict(rule) for rule in self._instance.rules.all()]

    def _remove_rate_rule(self, request: Request) -> object:
        self._instance.rates.remove(_identifier(request))
        return self._instance.rates.all()

    def _settings(self) -> dict[str, Any]:
        return {**asdict(self._instance.settings), "token_lifetime": self._instance.accounts.token_lifetime}

    def _change_settings(self, request: Request) -> object:
        body = request.json_object()
        kinds = {
            field.name: type(getattr(self._instance.settings, field.name)) for field in fields(self._instance.settings)
        }
        unknown = body.keys() - kinds.keys() - {"token_lifetime"}
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        for name, value in body.items():
            if name == "token_lifetime":
                self._instance.accounts.token_lifetime = float(value)
            else:
                setattr(self._instance.settings, name, kinds[name](value))
        return self._settings()

    def _put_records(self, request: Request) -> object:
        """Store rows exactly as given: at once, after `visible_after` seconds, or on release when that is null."""
        body = request.json_object()
        table = self._table(body["table"])
        ids = []
        for given in body["records"]:
            record = {name: as_text(value) for name, value in given.items() if name in table.fields}
            record.setdefault("sys_id", self._instance.new_id())
            self._stamp(table, record)
            ids.append(record["sys_id"])
            if "visible_after" not in body:
                self._instance.held.put(table, record)
            else:
                seconds = body["visible_after"]
                self._instance.held.hold(table, record, None if seconds is None else float(seconds))
        self._instance.displays.forget()
        return {"sys_ids": ids}

    def _stamp(self, table: Table, record: dict[str, str]) -> None:
        if self._instance.database.get(table, record["sys_id"]) is not None:
            return
        now = stamp(self._instance.clock.now())
        created = record.get("sys_created_on") or record.get("sys_updated_on") or now
        defaults = {
            "sys_created_on": created,
            "sys_updated_on": created,
            "sys_class_name": table.name,
            "sys_created_by": "system",
            "sys_updated_by": "system",
        }
        for name, value in defaults.items():
            if name in table.fields:
                record.setdefault(name, value)
        if table.number_prefix and "number" not in record:
            record["number"] = f"{table.number_prefix}{self._instance.database.next_number(table.number_prefix):07}"

    def _add_table(self, request: Request) -> object:
        """Declare a table, or further fields of one; see `declaring`."""
        table = self._instance.declare(declaration(self._instance.schema, request.json_object()))
        return {"name": table.name, "fields": list(table.fields)}

    def _revoke(self, request: Request) -> object:
        del request
        self._instance.accounts.revoke_all()
        return {"revoked": True}

    def _issue_api_key(self, request: Request) -> object:
        body = request.json_object()
        actor = self._instance.accounts.actor(as_text(body["user_name"]))
        if actor is None:
            raise ValueError(f"no active user {as_text(body['user_name'])}")
        key = self._instance.accounts.issue_api_key(actor.user_name, as_text(body.get("key")))
        return {"user_name": actor.user_name, "key": key}

    def _trust_key(self, request: Request) -> object:
        """Trust assertions of the OAuth client that this key's other half has signed. Raises ValueError."""
        pem = as_text(request.json_object()["public_key"])
        load_pem_public_key(pem.encode())
        keys = self._instance.accounts.client.public_keys
        self._instance.accounts.client.public_keys = [*keys, pem]
        return {"trusted": len(self._instance.accounts.client.public_keys)}

    def _table(self, name: object) -> Table:
        table = self._instance.schema.get(as_text(name))
        if table is None:
            raise ApiError(400, f"Invalid table {as_text(name)}")
        return table


def _identifier(request: Request) -> int | None:
    return request.number("id", 0) or None


def _check_zone(name: str) -> None:
    try:
        zone(name)
    except UnknownTimeZone as error:
        raise ValueError(f"unknown time zone {name}") from error
