"""What is served over HTTP: the public pages, and the operators' console, by two listeners and never one."""
