"""Who owns what is on the engine, and whether that owner lives."""
