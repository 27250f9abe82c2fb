"""Switches that operators set, and signs of life of the workers."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from bridge.store.columns import Instant, Words
from bridge.store.tables.base import metadata, words

control = Table(
    "control",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("at", Instant, nullable=False),
)

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    words("what"),
)
