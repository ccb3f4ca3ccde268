"""A search: what it leaves in its folder, how it is watched and ended, and the loop that runs it right here."""
