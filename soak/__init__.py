"""Soak runs: long, opt-in trials of the promises; what they count goes into docs/reliability.md. Not shipped."""
