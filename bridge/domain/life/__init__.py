"""The rows of the table of transitions, by who brings the fact."""
