"""The images that the tests use: pulled where a registry answers, else made here."""
