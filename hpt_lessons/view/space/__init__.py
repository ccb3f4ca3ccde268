"""The search-space editor."""
