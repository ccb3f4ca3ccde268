"""At scale: the same search on Ray Tune, on one machine or many."""
