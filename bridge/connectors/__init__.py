"""The ways to the outside world: ServiceNow, desks by mail, desks by portal, and alarms."""
