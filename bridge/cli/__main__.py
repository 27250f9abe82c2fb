"""`python -m bridge.cli`, the same as `cpsd-bridge`."""

from bridge.cli.program import main

if __name__ == "__main__":
    main()
