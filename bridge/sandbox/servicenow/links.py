"""The Link header of a page, in the platform's own form."""

from __future__ import annotations

from urllib.parse import quote

from bridge.sandbox.servicenow.web import Request


def link_header(base: str, request: Request, limit: int, offset: int, total: int | None, taken: int) -> str | None:
    """first, prev, next, last without a blank before `;rel=`; None for a single page.

    With a limit of one the first page has a `prev` at offset -1, as recordings of real instances show. Without a count
    there is no `last`, and `next` is guessed from a full page.
    """
    more = offset + limit < total if total is not None else taken >= limit
    if offset <= 0 and not more:
        return None
    pages = [("first", 0)]
    if offset > 0:
        pages.append(("prev", max(offset - limit, 0)))
    elif limit == 1:
        pages.append(("prev", -1))
    if more:
        pages.append(("next", offset + limit))
    if total is not None:
        pages.append(("last", max(total - 1, 0) // limit * limit))
    kept = [(name, value) for name, value in request.pairs if name not in ("sysparm_limit", "sysparm_offset")]
    fixed = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in kept]
    address = f"{base}{quote(request.path)}?" + "".join(f"{pair}&" for pair in fixed)
    return ",".join(f'<{address}sysparm_limit={limit}&sysparm_offset={at}>;rel="{rel}"' for rel, at in pages)
