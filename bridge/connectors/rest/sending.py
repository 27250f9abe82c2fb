"""Taking the steps of a message at a portal, and finding out which were taken."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

import orjson

from bridge.connectors.rest.answers import Path, text_of
from bridge.connectors.rest.lists import Item, Lists
from bridge.connectors.rest.plan import TICKET, Request, mark_of, revealed
from bridge.connectors.rest.session import Session, is_login_refused
from bridge.connectors.rest.templates import TemplateProblem
from bridge.domain.delivery import Delivery, DeliveryStatus, Receipt
from bridge.domain.errors import BridgeError, FarSideError, NotBegun, NotFound, OutcomeUnknown, TryLater
from bridge.domain.facts import MessageKind
from bridge.domain.ids import reference
from bridge.mapping.marks import mark_in
from bridge.ports import Frozen

Json: TypeAlias = Any

_MOST_REMEMBERED = 1000
#: when what was never begun was written
_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Plan:
    """A message's requests, as they were frozen."""

    told: Mapping[str, Json]

    @classmethod
    def read(cls, content: bytes) -> Plan:
        """From the bytes that `planned` made."""
        return cls(orjson.loads(content))

    @property
    def delivery(self) -> str:
        return str(self.told["delivery"])

    @property
    def values(self) -> dict[str, str]:
        """What a search may use."""
        return {name: str(self.told[name]) for name in ("reference", "mark", "delivery")}


class Sending:
    """Sends and finds messages at one portal. `within` are the seconds that one attempt may take."""

    def __init__(self, session: Session, lists: Lists, *, within: float) -> None:
        self._session = session
        self._settings = session.settings
        self._lists = lists
        self._within = within
        self._began = session.monotonic()
        self._written: dict[str, float] = {}
        self._lock = threading.Lock()

    def send(self, frozen: Frozen, attempt: int) -> Receipt:
        """Take every step that was not taken; at a first attempt none was.

        A file that the portal refuses is named in the receipt's `files_refused`, and stops nothing else.
        """
        plan = Plan.read(frozen.content)
        until = self._session.monotonic() + self._within
        ticket = Item({"id": plan.told["record"]}, None)
        if attempt == 1:
            self._remember(plan.delivery, _NEVER)
        refused: dict[str, str] = {}
        for number, step in enumerate(plan.told["steps"]):
            found, done = self._was_taken(plan, step, ticket.id) if attempt > 1 else (None, False)
            if attempt > 1 and not done and step["do"] == "open":
                self._wait_for_search(plan)
            if not done:
                try:
                    found = self._take(plan, step, ticket.id, number, until)
                except FarSideError as error:
                    if step["do"] != "attachment":
                        raise
                    if is_login_refused(error):
                        raise self._later(error) from None
                    refused[str(step["proof"]["name"])] = error.message
            ticket = found or ticket
        receipt = self._receipt(plan.told["kind"], ticket)
        return replace(receipt, detail={**receipt.detail, "files_refused": refused}) if refused else receipt

    def find(self, delivery: Delivery) -> Receipt | None:
        """Whether all of a message is there. Raises `OutcomeUnknown` while a search may still miss it."""
        if delivery.frozen is None:
            return self._find_unwritten(delivery)
        plan = Plan.read(delivery.frozen)
        ticket = Item({"id": plan.told["record"]}, None)
        for step in plan.told["steps"]:
            if delivery.status is DeliveryStatus.DONE and step["do"] == "attachment":
                # A file that was refused is not there, and was said not to be.
                continue
            found, done = self._was_taken(plan, step, ticket.id)
            ticket = found or ticket
            if not done:
                if step["do"] == "open":
                    self._certainly_absent(plan.delivery, plan.told["at"] if delivery.attempts <= 1 else None)
                return None
        return self._receipt(plan.told["kind"], ticket)

    def _find_unwritten(self, delivery: Delivery) -> Receipt | None:
        """A delivery whose bytes a restored store does not know: by its references, which do not depend on them."""
        if delivery.engagement is None:
            return None
        mark = mark_of(delivery.id)
        values = {"reference": reference(delivery.engagement), "mark": mark, "delivery": delivery.id}
        found = self._lists.found(values)
        if not found:
            self._certainly_absent(delivery.id, None)
            return None
        kind = str(delivery.payload.get("kind", ""))
        if kind != MessageKind.OPEN.value and not self._has_message(found[0].id, mark):
            return None
        return self._receipt(kind, found[0])

    # ── what was done ────────────────────────────────────────────────────────────────────────────────────────────

    def _was_taken(self, plan: Plan, step: Mapping[str, Json], record: str) -> tuple[Item | None, bool]:
        """The ticket, as far as this step tells of it, and whether the step was taken."""
        try:
            return self._looked(plan, step, record)
        except NotFound:
            # Nothing can have been done to a ticket that is not there; trying it again says so in the portal's words.
            return None, False

    def _looked(self, plan: Plan, step: Mapping[str, Json], record: str) -> tuple[Item | None, bool]:
        proof = step["proof"]
        match step["do"]:
            case "open":
                found = self._lists.found(plan.values)
                return (found[0], True) if found else (None, False)
            case "message":
                return None, self._has_message(record, str(proof["mark"]))
            case "attachment":
                files = self._lists.files(record)
                same = (one for one in files if one.text("name") == proof["name"])
                return None, any(one.text("size") in {"", str(proof["size"])} for one in same)
            case _:
                return None, self._lists.ticket(record).text("status") == proof["status"]

    def _has_message(self, record: str, mark: str) -> bool:
        for item in reversed(self._lists.messages(record)):
            text = item.text("text") or self._lists.message(record, item).text("text")
            found = mark_in(text)
            if found is not None and mark == f"[cpsd:{found}]":
                return True
        return False

    def _wait_for_search(self, plan: Plan) -> None:
        """Raises `TryLater` while a search may still miss what an earlier attempt has written."""
        wait = self._hidden_for(plan.delivery, None)
        if wait > 0:
            raise TryLater(f"what was written may not be found by {self._session.desk} yet", retry_after=wait)

    def _certainly_absent(self, delivery: str, frozen_at: str | None) -> None:
        """Raises `OutcomeUnknown` while a search may still miss it."""
        if self._hidden_for(delivery, frozen_at) > 0:
            raise OutcomeUnknown(
                f"it is not found at {self._session.desk}, whose search comes after what is written",
                remedy="it is asked for again",
                desk=self._session.desk,
            )

    def _hidden_for(self, delivery: str, frozen_at: str | None) -> float:
        """Seconds for which a search may miss what was written; after a restart nobody knows when that was."""
        lag = self._settings.find_lag
        if not lag:
            return 0.0
        with self._lock:
            written = self._written.get(delivery)
        if written is None and frozen_at is not None:
            passed = (self._session.now() - datetime.fromisoformat(frozen_at)).total_seconds()
        else:
            passed = self._session.monotonic() - (self._began if written is None else written)
        return max(0.0, lag - passed)

    # ── doing it ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _take(self, plan: Plan, step: Mapping[str, Json], record: str, number: int, until: float) -> Item | None:
        """Make the requests of a step; for `open` the ticket that it made."""
        known: dict[str, Json] = {TICKET: record} if record else {}
        payload: Json = None
        wrote = False
        for place, call in enumerate(step["calls"]):
            request = revealed(call, plan.told["hidden"], known)
            try:
                if number or place:
                    self._in_time(until)
                payload = self._made(plan, request, call, f"{number}.{place}")
            except NotBegun as error:
                if not wrote:
                    raise
                what = f"only a part of one thing was done: {error.message}"
                raise OutcomeUnknown(what, remedy="it is asked for again", desk=self._session.desk) from None
            wrote = wrote or request.method != "GET"
            known |= _kept(call, payload)
        if step["do"] != "open":
            return None
        record = text_of(known.get("id"))
        if not record:
            raise OutcomeUnknown(
                f"{self._session.desk} does not say which ticket it made", remedy="ask whether it was carried out"
            )
        return Item({name: value for name, value in known.items() if name != TICKET}, payload)

    def _later(self, refused: BridgeError) -> TryLater:
        """A login that ends while files are sent refuses none of them; the next attempt sends what is missing."""
        return TryLater(refused.message, remedy=refused.remedy, desk=self._session.desk)

    def _in_time(self, until: float) -> None:
        """Raises `NotBegun` where another request might take longer than this attempt may."""
        if self._session.monotonic() + self._settings.timeout > until:
            raise NotBegun("the rest of the message would take too long now", retry_after=1.0)

    def _made(self, plan: Plan, request: Request, call: Mapping[str, Json], place: str) -> Json:
        if request.method == "GET":
            return self._session.read(request).payload
        if header := self._settings.idempotency:
            headers = {**request.headers, header: f"{plan.delivery}.{place}"}
            request = Request(request.method, request.path, request.query, headers, request.body)
        before = self._remember(plan.delivery, self._session.monotonic())
        try:
            payload = self._session.write(request).payload
        except TryLater:
            if before is not None:
                self._remember(plan.delivery, before)
            raise
        if call["refused"] and (said := Path(call["refused"]).of(payload)):
            raise FarSideError(
                f"{self._session.desk} refused it: {text_of(said) or said}",
                remedy="compare the agreement's rest: with what the portal allows",
                desk=self._session.desk,
            )
        return payload

    def _remember(self, delivery: str, at: float) -> float | None:
        """When a delivery was written last, by the monotonic clock; what was remembered before."""
        with self._lock:
            if len(self._written) >= _MOST_REMEMBERED:
                self._written.pop(next(iter(self._written)))
            before = self._written.pop(delivery, None)
            self._written[delivery] = at
        return before

    def _receipt(self, kind: str, ticket: Item) -> Receipt:
        record = ticket.id
        if kind != MessageKind.OPEN.value:
            return Receipt(record)
        values = {**{name: value for name, value in ticket.parts.items() if value is not None}, "item": ticket.told}
        common = {"settings": dict(self._settings.settings), "url": self._settings.url}
        detail: dict[str, str] = {}
        for name, leaf in (("reference", self._settings.reference), ("link", self._settings.link)):
            if leaf is None:
                continue
            try:
                detail[name] = leaf.line({**common, **values, "id": record})
            except TemplateProblem:
                # The ticket is made, and what it is called does not change that; it is read from the ticket itself.
                detail[name] = ""
        return Receipt(record, detail)


def _kept(call: Mapping[str, Json], payload: Json) -> dict[str, Json]:
    """What an answer tells that later requests use. An answer that cannot be read proves nothing."""
    try:
        found = {name: Path(source).of(payload) for name, source in call["keep"].items()}
    except BridgeError as error:
        raise OutcomeUnknown(error.message, remedy="ask whether it was carried out") from None
    return {name: value for name, value in found.items() if value is not None}
