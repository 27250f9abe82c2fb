"""Where all tables are listed, and how their constraints are named."""

from __future__ import annotations

from sqlalchemy import Column, MetaData

from bridge.store.columns import Words

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s_unique",
        "ck": "%(table_name)s_%(constraint_name)s",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)


def words(name: str) -> Column[str]:
    """A column of text that is empty where nothing is known."""
    return Column(name, Words, nullable=False, server_default="")
