"""Mail: how messages to desks are written and sent, how their mails are collected and read."""
