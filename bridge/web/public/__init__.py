"""The public listener: the pages that links in our mails lead to. No login, and no data but what the mail carries."""

from bridge.web.public.app import public_app

__all__ = ["public_app"]
