"""Alembic's entry: runs the revisions in the transaction of whoever called, on both databases alike."""

from alembic import context

from bridge.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite's DDL is transactional once the driver's own transactions are switched off, as the engine does.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
