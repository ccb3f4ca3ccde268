"""What is tuned: the data, the networks, and one training function (torch; no ray but one thin report hook)."""
