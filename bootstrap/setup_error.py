"""The one error of set-up."""


class SetupError(Exception):
    """Set-up can't go on; says what happened, with which value, and what to do next."""
