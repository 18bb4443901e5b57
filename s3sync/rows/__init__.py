"""The side of the database: which fields hold names of files, and what their rows say. Asks no bucket and no disk."""
