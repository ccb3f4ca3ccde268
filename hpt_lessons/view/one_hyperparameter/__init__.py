"""One hyperparameter only: bet, and see."""
