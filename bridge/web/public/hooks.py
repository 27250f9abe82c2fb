"""`POST /hooks/DESK`: a desk's system tells that something has changed there.

What is told is stored and believed in one thing only: that it is worth a look. The desk's records are then read as they
stand, so neither the order of the calls matters nor how often one comes, and a stolen secret sets no status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bridge.connectors.portals.hooks import HookRefused, proven
from bridge.domain.contacts import HookRules
from bridge.domain.ids import DeskName
from bridge.ports import HOOK_SOURCE, RawItem, Store
from bridge.web.public.body import body_of

LARGEST_HOOK = 1_000_000
"""Bytes of a call; what it is about is read at the desk anyway."""

log = structlog.get_logger()


class Hooks:
    """Takes what desks' systems tell by themselves."""

    def __init__(self, store: Store, rules: Mapping[DeskName, HookRules], wake: Callable[[], object]) -> None:
        """`wake` lets the bridge look at once; it must not block."""
        self._store = store
        self._rules = rules
        self._wake = wake

    async def take(self, request: Request) -> Response:
        """Store one call; 200 once it is stored, also for one that came before."""
        desk = DeskName(request.path_params["desk"])
        rules = self._rules.get(desk)
        if rules is None:
            raise HTTPException(404)
        body = await body_of(request, LARGEST_HOOK)
        try:
            new = await run_in_threadpool(self._store_call, desk, rules, request.headers, body)
        except HookRefused as error:
            log.warning(error.code, desk=desk, why=error.message)
            return PlainTextResponse("refused\n", 401)
        self._wake()
        return PlainTextResponse("stored\n" if new else "known\n")

    def _store_call(self, desk: DeskName, rules: HookRules, headers: Mapping[str, str], body: bytes) -> bool:
        with self._store.reading() as tx:
            hook = proven(rules, headers, body, tx.now())
        with self._store.transaction() as tx:
            engagement = tx.engagement(found) if (found := tx.by_desk_record(desk, hook.record)) else None
            case = engagement.case if engagement else None
            item = tx.receive(RawItem(f"{HOOK_SOURCE}{desk}", hook.identity, body, tx.now(), case))
        log.info("hook_received", desk=desk, new=item is not None, known_record=engagement is not None)
        return item is not None
