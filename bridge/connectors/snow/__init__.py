"""The parts of the ServiceNow connector: connection, login, session, queries, rows, and what is asked with them."""
