"""A ServiceNow that runs on a laptop: the Table API and its neighbours, with a ledger and with faults on demand.

It is reached over HTTP only and imports nothing of the bridge, so that it can tell whether the bridge behaves.
"""

from bridge.sandbox.servicenow.instance import Identity
from bridge.sandbox.servicenow.server import ServiceNowSandbox

__all__ = ["Identity", "ServiceNowSandbox"]
