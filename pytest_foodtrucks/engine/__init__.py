"""The container engine: how it is found, and all that is said to it."""
