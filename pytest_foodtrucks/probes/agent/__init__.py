"""The agent: a program that asks from inside a network namespace, and who speaks to it."""
