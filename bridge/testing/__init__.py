"""What those who write connectors test them with."""
