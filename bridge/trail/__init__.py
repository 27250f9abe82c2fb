"""The append-only history: how its events are sealed, told and, where they are personal, erased."""
