"""Halving, Hyperband and ASHA, step by step."""
