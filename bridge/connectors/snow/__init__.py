"""The parts of the ServiceNow connector: connection, login, session, queries, rows, and what is asked with them."""

import warnings

# pysnow says on being imported that libmagic is missing, with which it would guess the types of attachments. The bridge
# uploads none through it, and whoever runs a command should not be told.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Missing the python-magic library", category=UserWarning)
    import pysnow as _pysnow  # noqa: F401 - imported here first, so that it is quiet everywhere
