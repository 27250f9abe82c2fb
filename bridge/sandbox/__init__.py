"""What a laptop needs to see the bridge work: a ServiceNow, a mail server and a desk, imitated over the wire."""
