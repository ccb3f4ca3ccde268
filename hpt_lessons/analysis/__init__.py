"""What it means: statistics over pictures and seeds (numpy only)."""
