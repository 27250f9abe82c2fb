"""One instance: its tables, users, rules and ledger, and the answer to each request, apart from any socket."""

from __future__ import annotations

import random
import re
import secrets
import sqlite3
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bridge.sandbox.servicenow import oauth_api
from bridge.sandbox.servicenow.accounts import Accounts, Actor, OAuthClient
from bridge.sandbox.servicenow.acl import AccessRules
from bridge.sandbox.servicenow.admin_api import AdminApi
from bridge.sandbox.servicenow.aggregate_api import AggregateApi
from bridge.sandbox.servicenow.attachment_api import AttachmentApi
from bridge.sandbox.servicenow.base_data import BRIDGE_USER, PEOPLE, BaseData
from bridge.sandbox.servicenow.batch_api import BatchApi
from bridge.sandbox.servicenow.case_api import CaseApi
from bridge.sandbox.servicenow.clock import Clock
from bridge.sandbox.servicenow.database import Database
from bridge.sandbox.servicenow.declaring import Declaration
from bridge.sandbox.servicenow.displays import Displays
from bridge.sandbox.servicenow.faults import Faults
from bridge.sandbox.servicenow.gates import HIBERNATING, Gates, RateRules
from bridge.sandbox.servicenow.held import HeldRows
from bridge.sandbox.servicenow.identifiers import generator
from bridge.sandbox.servicenow.ledger import Effect, Entry, Ledger
from bridge.sandbox.servicenow.market_data import Market, MarketData
from bridge.sandbox.servicenow.reading import Reading
from bridge.sandbox.servicenow.records import Records
from bridge.sandbox.servicenow.rules import BusinessRules
from bridge.sandbox.servicenow.schema import Table
from bridge.sandbox.servicenow.settings import Settings
from bridge.sandbox.servicenow.table_api import TableApi
from bridge.sandbox.servicenow.tables import base_schema
from bridge.sandbox.servicenow.web import ApiError, Request, Response, not_a_resource

_VERSIONED = re.compile(r"/api/now(?:/(v\d+))?/(table|attachment|stats|batch)(?:/(.*))?")
_CASE = re.compile(r"/api/sn_customerservice(?:/v\d+)?/case(?:/([^/]+))?")


@dataclass(frozen=True)
class Identity:
    """How to log in to a new instance; what is empty is made at random."""

    admin_password: str = ""
    client_id: str = ""
    client_secret: str = ""
    bridge_time_zone: str = "UTC"


class Instance:
    """A ServiceNow instance in this process. `directory=None` keeps everything in memory."""

    def __init__(self, seed: int = 1, identity: Identity | None = None, directory: Path | None = None) -> None:
        identity = identity or Identity()
        self.seed = seed
        self.settings = Settings()
        self.clock = Clock()
        self.schema = base_schema()
        self.database = Database(directory / "servicenow.db" if directory else None)
        self.displays = Displays(self.schema, self.database)
        self.access = AccessRules()
        self.rules = BusinessRules()
        self.faults = Faults(seed)
        self.rates = RateRules(self.clock)
        self.gates = Gates(self.settings)
        self.ledger = Ledger(self.clock, directory)
        self.accounts = self._accounts(identity)
        self.base_data = BaseData(self.schema, self.database, self.clock.stamp())
        self._fill(identity)
        # Restarted on kept data, the identifiers must not repeat those that were given before.
        written = len(self.ledger.effects())
        self.new_id = generator(random.Random(f"{seed}:{written}"))  # noqa: S311 - repeatable by seed, no secret
        self.records = Records(self.schema, self.database, self.rules, self.new_id)
        self.reading = Reading(self.schema, self.database, self.displays, self.access, self.clock)
        self.held = HeldRows(self.schema, self.database, self.ledger, self.clock)
        self.serve_at("http://sandbox.invalid")

    def serve_at(self, url: str) -> None:
        """Tell the instance its address, which appears in links."""
        self.url = url
        self.table_api = TableApi(self.reading, self.records, self.accounts, url)
        self.attachment_api = AttachmentApi(self.table_api, self.new_id)
        self.aggregate_api = AggregateApi(self.table_api)
        self.case_api = CaseApi(self.table_api)
        self.batch_api = BatchApi(self.answer, self.settings)
        self.admin_api = AdminApi(self)

    def close(self) -> None:
        """Close the storage."""
        self.database.close()

    def declare(self, wanted: Declaration) -> Table:
        """Add a table that the base does not have, or fields to one that it has."""
        table = wanted.table
        with self.database.transaction():
            self.schema.add(table)
            self.database.create(self.schema)
            self.database.add_columns(table, [table.fields[name] for name in wanted.added])
            self.base_data.describe(table, wanted.added)
            self.base_data.choices({table.name: wanted.choices})
        self.displays.forget()
        return table

    def seed_market(self, market: Market, table: str, seed: int, until: datetime) -> list[str]:
        """Make market-like records and give their sys_ids; the same for the same seed."""
        first = self.database.next_number(f"seeded {table}", market.cases)
        source = random.Random(f"{seed}:{table}:{first}")  # noqa: S311 - repeatable by seed, no secret
        maker = MarketData(self.database, generator(source))
        tables = self.schema.tables
        return maker.write(tables[table], tables["sys_journal_field"], market, source, until)

    def refusal(self, request: Request) -> Response | None:
        """The answer to a request that is not looked at: the instance hibernates, or a rate rule's hour is used up."""
        if self.settings.hibernating:
            return HIBERNATING
        request.user = self.accounts.claimed(request)
        exceeded = self.rates.count(request.user, request.path)
        return Response.error(exceeded) if exceeded else None

    def handle(self, request: Request, entry: Entry | None = None) -> Response:
        """Answer a request in one transaction and write its effects into the ledger, in the order of commits."""
        effects: list[Effect] = []
        with self.database.lock:
            self.held.release_due()
            response = self._guarded(lambda: self._transacted(request, effects), effects)
            self.ledger.commit(entry, effects)
        if entry is not None:
            entry.user = request.user
        return response

    def answer(self, request: Request, effects: list[Effect], most_bytes: int) -> Response | None:
        """Answer a request inside the caller's transaction; an error undoes what the request did, and no more.

        None, with nothing done, when the answer is larger than `most_bytes`.
        """
        known = len(effects)
        with self.database.savepoint() as savepoint:
            response = self._guarded(lambda: self._route(request, effects), effects, known)
            too_large = len(response.body) > most_bytes
            if too_large:
                del effects[known:]
            if len(effects) == known:
                savepoint.undo()
        return None if too_large else response

    def _transacted(self, request: Request, effects: list[Effect]) -> Response:
        with self.database.transaction():
            return self._route(request, effects)

    def _guarded(self, call: Callable[[], Response], effects: list[Effect], known: int = 0) -> Response:
        try:
            return call()
        except ApiError as error:
            failure = error
        except sqlite3.Error as error:
            failure = ApiError(400, "Exception while reading request", f"The request cannot be run: {error}")
        except Exception:  # noqa: BLE001 - a server answers, whatever happens; the cause goes to standard error
            traceback.print_exc(file=sys.stderr)
            failure = ApiError(500, "Internal Server Error", "Transaction aborted")
        del effects[known:]
        return Response.error(failure)

    def _route(self, request: Request, effects: list[Effect]) -> Response:
        path = request.path
        if path == "/oauth_token.do":
            return oauth_api.token(self.accounts, request)
        if path == "/sandbox/health":
            return Response.of({"ok": True})
        actor = self.accounts.authenticate(request)
        if path.startswith("/sandbox/"):
            return self.admin_api.answer(request, actor)
        versioned = _VERSIONED.fullmatch(path.rstrip("/"))
        if versioned:
            version, api, rest = versioned[1] or "", versioned[2], versioned[3] or ""
            return self._versioned(request, actor, version, (api, rest), effects)
        case = _CASE.fullmatch(path.rstrip("/"))
        if case:
            return self.case_api.answer(request, actor, case[1] or "", effects)
        raise not_a_resource()

    def _versioned(
        self, request: Request, actor: Actor, version: str, resource: tuple[str, str], effects: list[Effect]
    ) -> Response:
        api, rest = resource
        if api == "table" and rest and rest.count("/") <= 1:
            name, _, sys_id = rest.partition("/")
            return self.table_api.answer(request, actor, version, name, sys_id, effects)
        if api == "attachment":
            return self.attachment_api.answer(request, actor, version, rest, effects)
        if api == "stats" and rest:
            return self.aggregate_api.answer(request, actor, rest)
        if api == "batch" and not rest:
            return self.batch_api.answer(request, effects)
        raise not_a_resource()

    def _accounts(self, identity: Identity) -> Accounts:
        client = OAuthClient(
            identity.client_id or secrets.token_hex(16),
            identity.client_secret or secrets.token_urlsafe(18),
            BRIDGE_USER,
        )
        accounts = Accounts(self.database, client)
        for person in PEOPLE:
            chosen = identity.admin_password if person.user_name == "admin" else ""
            accounts.set_password(person.user_name, chosen or secrets.token_urlsafe(15))
        return accounts

    def _fill(self, identity: Identity) -> None:
        self.database.create(self.schema)
        if self.database.scalar("SELECT 1 FROM sys_user LIMIT 1") is None:
            self.base_data.write(identity.bridge_time_zone)
