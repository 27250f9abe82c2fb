"""The public listener: the pages that links in our mails lead to, and the webhooks of desks.

No login, and no data but what the mail carries.
"""

from bridge.web.public.app import public_app
from bridge.web.public.hooks import Hooks

__all__ = ["Hooks", "public_app"]
