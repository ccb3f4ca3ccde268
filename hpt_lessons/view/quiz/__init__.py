"""Questions, answers that are kept, and cards that explain every wrong one."""
