"""What BOHB's model thinks, and where it goes next."""
