"""How to search: spaces, layouts, early stopping, models (numpy; SciPy only where used)."""
