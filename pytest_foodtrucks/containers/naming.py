"""The engine's errors about a container or a network, with its name in place of its id."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_foodtrucks.errors import EngineError


@contextmanager
def naming(engines_id: str, name: str) -> Iterator[None]:
    """Name a container or a network in the engine's errors of a block."""
    try:
        yield
    except EngineError as error:
        if engines_id not in error.message:
            raise
        raise named(error, engines_id, name) from error


def named(error: EngineError, engines_id: str, name: str) -> EngineError:
    """Return an error of the engine with a name in place of an id."""
    found = copy.copy(error)
    found.message = error.message.replace(engines_id, name)
    found.reason = error.reason.replace(engines_id, name)
    found.args = (found.message,)
    return found
