"""The claims of the course, one function each that yields what the recorded trials say about it; see `findings`."""
