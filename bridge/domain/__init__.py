"""The words and rules of the bridge: pure values and functions, no input or output, no clock, no randomness."""
