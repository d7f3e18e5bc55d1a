"""Questions asked from inside a network, and their verdicts."""
