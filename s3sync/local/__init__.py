"""The file side: the sorted walk, reading, rendering, and what earlier runs knew (SQLite)."""
