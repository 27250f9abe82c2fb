"""The steps by which data travels, one module each: facts are read, pure code decides, one short transaction writes."""
