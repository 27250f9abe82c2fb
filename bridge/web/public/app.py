"""The pages behind the links of our mails: one button each.

Mail scanners follow links, so reading a page changes nothing (RFC 9110, 9.2.1); only its button, a POST, does. What
is sent goes into the inbox as it came and is applied from there like any other word of the desk.
"""

from __future__ import annotations

import hashlib
import secrets
from http import HTTPStatus
from urllib.parse import parse_qs

import structlog
from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from bridge.connectors.mail.links import PATH, PURPOSES, LinkExpired, Links, LinkUnknown, Purpose
from bridge.domain.engagement import Engagement
from bridge.domain.facts import ReportKind
from bridge.mapping.answers import Answer, answer_item
from bridge.ports import Store
from bridge.web.public.body import body_of
from bridge.web.public.hooks import Hooks

#: characters of what may be written in a form
LONGEST_TEXT = 8_000
LONGEST_REFERENCE = 80
#: bytes of a form: a character is up to four, and each of them three when it is sent
LARGEST_FORM = 12 * LONGEST_TEXT + 4_096
_MISSING = "Please write a few words, so that the people at work on the case can go on."
_TOO_LONG = f"This is longer than the {LONGEST_TEXT:,} characters that fit here. Please shorten it, or reply by mail."
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
#: how the button's page asks for words; an acknowledgement needs none
_ASKS = {
    ReportKind.ACKNOWLEDGED: "",
    ReportKind.PROGRESS: "What is happening?",
    ReportKind.QUESTION: "What do you need to know?",
    ReportKind.WORKAROUND: "What helps meanwhile?",
    ReportKind.RESOLVED: "What was wrong, and what was done?",
    ReportKind.DECLINED: "Why is it not yours, and who may help?",
}

log = structlog.get_logger()


def public_app(store: Store, links: Links, hooks: Hooks | None = None) -> Starlette:
    """The public pages, on a store that other processes may use at the same time."""
    pages = _Pages(store, links)
    return Starlette(
        routes=[
            Route(f"{PATH}{{token}}", pages.show, methods=["GET", "HEAD"]),
            Route(f"{PATH}{{token}}", pages.take, methods=["POST"]),
            *([Route("/hooks/{desk}", hooks.take, methods=["POST"])] if hooks else []),
            Route("/health", _health, methods=["GET", "HEAD"]),
        ],
        exception_handlers={HTTPException: pages.refuse, Exception: pages.fail},
    )


async def _health(_: Request) -> Response:
    return PlainTextResponse("ok\n", headers=_HEADERS)


class _Pages:
    """Shows a page, and takes what its button sends."""

    def __init__(self, store: Store, links: Links) -> None:
        self._store = store
        self._links = links
        self._templates = ImmutableSandboxedEnvironment(
            loader=PackageLoader("bridge.web.public"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )

    async def show(self, request: Request) -> Response:
        """The page of a link; nothing is changed by looking at it."""
        return await run_in_threadpool(self._show, request.path_params["token"])

    async def take(self, request: Request) -> Response:
        """What the button of a page sends."""
        form = _fields(await body_of(request, LARGEST_FORM))
        return await run_in_threadpool(self._take, request.path_params["token"], form)

    async def refuse(self, _: Request, error: Exception) -> Response:
        """Whatever is not here, or not so."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        return self._page("refused", status, why=HTTPStatus(status).phrase, gone=status == 410, too_large=status == 413)

    async def fail(self, request: Request, error: Exception) -> Response:
        """Trouble of ours: nothing was kept, and the desk is told so."""
        log.error("public_page_failed", method=request.method, error=type(error).__name__)
        return self._page("failed", 503)

    def _show(self, token: str) -> Response:
        purpose, engagement = self._meant(token)
        return self._form(purpose, engagement)

    def _take(self, token: str, form: dict[str, str]) -> Response:
        purpose, engagement = self._meant(token)
        # A browser counts the end of a line as one character and sends two (HTML Standard, 4.10.22.8).
        text, reference = form.get("text", "").replace("\r\n", "\n").strip(), form.get("reference", "").strip()
        if _ASKS[purpose.report] and not text:
            return self._form(purpose, engagement, form, remark=_MISSING)
        if len(text) > LONGEST_TEXT or len(reference) > LONGEST_REFERENCE:
            return self._form(purpose, engagement, form, remark=_TOO_LONG)
        answer = Answer(purpose.engagement, purpose.report, text, reference)
        self._keep(answer, engagement, f"{token}:{form.get('once', '')}:{text}:{reference}")
        return self._page("taken", 200, **_told(purpose, engagement))

    def _meant(self, token: str) -> tuple[Purpose, Engagement]:
        with self._store.reading() as tx:
            try:
                purpose = self._links.read(token, tx.now())
            except LinkExpired:
                raise HTTPException(410) from None
            except LinkUnknown:
                raise HTTPException(404) from None
            engagement = tx.engagement(purpose.engagement)
        if engagement is None:
            raise HTTPException(404)
        return purpose, engagement

    def _keep(self, answer: Answer, engagement: Engagement, pressed: str) -> None:
        identity = hashlib.sha256(pressed.encode()).hexdigest()
        with self._store.transaction() as tx:
            item = tx.receive(answer_item(answer, identity, tx.now(), engagement.case))
        log.info("answer_by_link", engagement=engagement.id, report=answer.report.value, new=item is not None)

    def _form(
        self, purpose: Purpose, engagement: Engagement, form: dict[str, str] | None = None, *, remark: str = ""
    ) -> Response:
        form = form or {}
        return self._page(
            "form",
            422 if remark else 200,
            **_told(purpose, engagement),
            ask=_ASKS[purpose.report],
            remark=remark,
            asks_reference=purpose.report is ReportKind.ACKNOWLEDGED,
            text=form.get("text", ""),
            reference=form.get("reference", ""),
            once=form.get("once") or secrets.token_urlsafe(12),
            longest_text=LONGEST_TEXT,
            longest_reference=LONGEST_REFERENCE,
        )

    def _page(self, name: str, status: int, **words: object) -> Response:
        text = self._templates.get_template(f"{name}.html.j2").render(**words)
        return HTMLResponse(text, status, headers=_HEADERS)


def _told(purpose: Purpose, engagement: Engagement) -> dict[str, object]:
    """What a page says of the engagement: no more than the mail whose link leads to it."""
    return {
        "purpose": PURPOSES[purpose.report],
        "case_number": engagement.case_number,
        "our_reference": engagement.reference,
        "is_over": not engagement.is_open,
    }


def _fields(body: bytes) -> dict[str, str]:
    try:
        found = parse_qs(body.decode(), max_num_fields=10, errors="strict")
    except ValueError:
        raise HTTPException(400) from None
    return {name: values[-1] for name, values in found.items()}
