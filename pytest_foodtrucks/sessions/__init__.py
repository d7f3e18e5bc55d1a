"""Test sessions: the state folder, what each session writes there, and whether it lives."""
