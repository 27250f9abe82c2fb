"""What desks with a system of their own have in common, whichever it is."""
