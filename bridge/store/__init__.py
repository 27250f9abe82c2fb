"""Durable state on SQLite or PostgreSQL: one code path, one schema, one set of guarantees."""

from bridge.store.schema import SchemaState, migrate, schema_state
from bridge.store.store import SqlStore, open_store
from bridge.store.transaction import SqlTransaction

__all__ = ["SchemaState", "SqlStore", "SqlTransaction", "migrate", "open_store", "schema_state"]
