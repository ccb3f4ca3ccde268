"""How the tables were recorded: the plans, the builder, the cards, and the check against single trainings (torch)."""
