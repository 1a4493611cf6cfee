"""The only door to MongoDB: one collection a file; nothing outside sees ``_id``."""
