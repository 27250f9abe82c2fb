"""Desks whose own system has a REST API, described by configuration alone."""
