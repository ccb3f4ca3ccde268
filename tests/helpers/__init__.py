"""What several tests need: small pictures, archives, tables, a JupyterLab."""
