"""A state folder that can't be used: one sentence, with the remedy for its trouble."""

import errno
import os
from pathlib import Path

import pytest

from pytest_foodtrucks import StateError
from pytest_foodtrucks.usable import usable


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room there"),
        (errno.EDQUOT, "make room there"),
        (errno.EACCES, "make it writable"),
        (errno.EROFS, "make it writable"),
    ],
)
def test_the_remedy_fits_the_trouble(number: int, remedy: str) -> None:
    words = f"The state folder /state can't be used: {os.strerror(number)}. Remedy: {remedy}, or choose another with"
    with pytest.raises(StateError, match=words), usable(Path("/state")):
        raise OSError(number, os.strerror(number))
