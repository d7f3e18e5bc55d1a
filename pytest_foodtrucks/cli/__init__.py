"""The command `foodtrucks`."""

from .main import main

__all__ = ["main"]
