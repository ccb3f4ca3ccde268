"""A search while it runs."""
