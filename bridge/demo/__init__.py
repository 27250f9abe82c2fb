"""The demo: three cases on a laptop, with a real bridge, real SMTP and IMAP, and a ServiceNow of the sandbox's own."""

from bridge.demo.play import run_demo

__all__ = ["run_demo"]
