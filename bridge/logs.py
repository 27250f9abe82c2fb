"""How the process logs: structlog events as JSON lines, or coloured for a person at a terminal."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog


def configure(form: Literal["json", "console"], level: str = "info") -> None:
    """Send every event to standard error; standard output belongs to the commands."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # APScheduler reports a late tick as a warning; ticks are coalesced, so it is of no interest.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    # msal quotes what a token server said, which may hold a token; what there is to say of it our own events say.
    logging.getLogger("msal").setLevel(logging.CRITICAL)
