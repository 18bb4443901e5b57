"""Times whole processes of this and other tools on the same files and the same server: `python -m benchmarks`."""
