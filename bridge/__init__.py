"""cpsd-bridge: carries cases between Elexon's ServiceNow and the service desks of other organisations."""

__version__ = "0.1.0"
