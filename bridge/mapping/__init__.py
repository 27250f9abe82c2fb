"""Between a case and what desks say and are told: routing, completeness, messages, notes, commands. Pure."""
