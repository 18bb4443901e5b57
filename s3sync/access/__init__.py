"""Who is meant to read an object. Standard library only."""
