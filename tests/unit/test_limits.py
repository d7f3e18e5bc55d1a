"""The system's limits: which of them an error is about, however it was wrapped."""

import errno
import os

import docker.errors
import pytest
import requests
import urllib3

from pytest_foodtrucks.engine import limits
from pytest_foodtrucks.errors import NoAnswer

FILES = OSError(errno.EMFILE, "Too many open files")


def raised_from(error: Exception, cause: Exception) -> Exception:
    """Return an error with its cause."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        FILES,
        raised_from(NoAnswer("away"), FILES),
        requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", FILES)),
        raised_from(docker.errors.DockerException("Error while fetching server API version"), FILES),
    ],
)
def test_a_process_without_files_gets_a_message_with_its_limit(error: Exception) -> None:
    assert limits.reached(error) == (
        f"This process may open no more than {os.sysconf('SC_OPEN_MAX')} files. Remedy: allow it more (ulimit -n 1024)."
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENFILE, "Too many open files in system"), "The machine may open no more files"),
        (RuntimeError("can't start new thread"), "No more threads or processes"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "No more threads or processes"),
        (MemoryError(), "No memory is left"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "No memory is left"),
    ],
)
def test_each_limit_has_its_remedy(error: Exception, words: str) -> None:
    message = limits.reached(error)
    assert message is not None
    assert message.startswith(words)
    assert "Remedy: " in message


def test_other_errors_are_of_no_limit() -> None:
    circle = raised_from(ValueError("a"), RuntimeError("b"))
    circle.__context__ = circle
    for error in (circle, FileNotFoundError(errno.ENOENT, "no"), ConnectionRefusedError(errno.ECONNREFUSED, "no")):
        assert limits.reached(error) is None
