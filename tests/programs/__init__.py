"""Programs that tests run in processes of their own, and that one can run by hand."""
