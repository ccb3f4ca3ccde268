"""What you see: plots and, later, widgets. Only notebooks import this."""
