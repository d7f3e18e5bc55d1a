"""What a session has on the engine: shared, kept for the next session, watched, removed."""
