"""Small real stand-ins for what the package speaks to, by what they stand in for."""
