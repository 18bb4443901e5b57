"""Pure rules: what a file and an object are, and what to do with a pair. Standard library only."""
