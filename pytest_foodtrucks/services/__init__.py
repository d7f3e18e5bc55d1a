"""Networks and services: defined, started, asked, broken and healed."""
