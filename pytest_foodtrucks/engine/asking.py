"""How one request is made to the engine: its time-out, further tries, and errors turned into ours."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final, TypeVar

import docker
import docker.errors
from docker.auth import AuthConfig
from docker.credentials import StoreError
from requests.exceptions import RequestException, Timeout
from urllib3.exceptions import HTTPError, ProtocolError

from pytest_foodtrucks.errors import EngineError, NoAnswer

from . import limits, patience
from .descriptors import close_quietly
from .patience import Patience, RetryPolicy
from .ssh import is_without_channel, ssh_errors

T = TypeVar("T")

_OF_CREDENTIALS: Final = (StoreError, UserWarning)
"""What docker-py raises of a credential helper that is missing, where it doesn't wrap it; a warning may be an error."""


class EngineClient:
    """What every request to an engine goes through; the requests themselves are in a subclass for each noun.

    `url` is without its user part, so that it may be shown. `logins`, to registries, take precedence over those
    in Docker's configuration file.
    """

    def __init__(
        self, api: docker.APIClient, url: str, *, logins: AuthConfig | None, patience: Patience | None
    ) -> None:
        self.api = api
        self.url = url
        self._logins = logins if logins is not None else AuthConfig({})
        self._patience = patience if patience is not None else Patience()
        self._process = os.getpid()

    @property
    def silent(self) -> bool:
        """Tell whether the engine gave no answer when it was asked last."""
        return self._patience.silent

    def close(self) -> None:
        """Close the connections."""
        close_quietly(self.api)

    def _ask(self, what: str, request: Callable[[], T], *, policy: RetryPolicy = patience.question) -> T:
        """Make a request; repeat it if the engine is busy or away. Only for requests that may be made twice."""

        def ask() -> T:
            with self._asking(what):
                return request()

        return self._patience.ask(ask, policy)

    def _create_once(
        self, what: str, create: Callable[[], dict[str, Any]], find: Callable[[], dict[str, Any] | None]
    ) -> str:
        """Create something, and return its id: once, also where the answer got lost.

        After a lost answer, `find` looks whether the name is taken by something with the same labels. Names end
        in random characters, so what is found was created by the lost request.
        """
        lost = False

        def ask() -> str:
            nonlocal lost
            try:
                with self._asking(what):
                    return str(create()["Id"])
            except NoAnswer:
                lost = True
                raise
            except EngineError as error:
                if not lost or error.status != HTTPStatus.CONFLICT:
                    raise
                found = self._ask(what, find, policy=patience.appearance)
                if found is None:
                    raise
                return str(found["Id"])

        return self._patience.ask(ask, patience.change)

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Make one request in this block; `what` completes "The engine could not …" in the message of its error."""
        self._reconnect_after_fork()
        try:
            yield
        except docker.errors.APIError as error:
            self._note(answered=True)
            raise refused_error(what, message_of(error), error.status_code) from error
        except (docker.errors.DockerException, *_OF_CREDENTIALS) as error:
            raise EngineError(
                f"The engine could not be asked to {what}: {message_of(error)}. Remedy: look at Docker's configuration "
                "(config.json and its credential helpers) and at the names in that request."
            ) from error
        except _unanswered() as error:
            self._note(answered=is_without_channel(error))
            raise self._no_answer_error(what, error) from error
        else:
            self._note(answered=True)

    def _reconnect_after_fork(self) -> None:
        """Close the connections in a forked child, because they are its parent's; docker-py opens new ones."""
        if os.getpid() != self._process:
            close_quietly(self.api)
            self._process = os.getpid()

    def _note(self, *, answered: bool) -> None:
        """Note whether the engine answered; one that didn't gets less time for the next answer."""
        self._patience.silent = not answered
        self.api.timeout = int(patience.ANSWER_SECONDS if answered else patience.BRIEF_SECONDS)

    def _no_answer_error(self, what: str, error: Exception) -> NoAnswer:
        limit = limits.reached(error)
        if limit is not None:
            return NoAnswer(f"The engine at {self.url} could not be asked to {what}. {limit}")
        if is_without_channel(error):
            return NoAnswer(
                f"The engine could not be asked to {what}: sshd at {self.url} allows no "
                f"session ({message_of(error)}). Remedy: allow more there (MaxSessions and MaxStartups in sshd_config)."
            )
        return NoAnswer(
            f"The engine at {self.url} gave no answer when asked to {what}: {message_of(error)}. "
            "Remedy: see whether it still runs, and start it again.",
            late=isinstance(error, Timeout),
        )


def _unanswered() -> tuple[type[Exception], ...]:
    return (RequestException, HTTPError, ConnectionError, *ssh_errors())


def refused_error(what: str, message: str, status: int | None) -> EngineError:
    """Return the error for a request that the engine refused with a message."""
    return EngineError(f"The engine could not {what}: {message}", status=status, reason=message)


def if_found(request: Callable[[], T]) -> T | None:
    """Return what a request returns; None where the engine hasn't got what it is about."""
    try:
        return request()
    except EngineError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return None


@contextmanager
def gone_is_fine() -> Iterator[None]:
    """Ignore in this block that a thing is gone already, or is being removed by somebody else."""
    try:
        yield
    except EngineError as error:
        if error.status != HTTPStatus.NOT_FOUND and not patience.is_being_removed(error):
            raise


def message_of(error: Exception) -> str:
    """Return the message of an error of docker-py, as a part of a sentence."""
    explanation = getattr(error, "explanation", None)
    broken = error.args[0] if isinstance(error, RequestException) and error.args else None
    if isinstance(broken, ProtocolError) and len(broken.args) > 1:
        explanation = broken.args[1]  # what happened to the connection
    return str(explanation if explanation is not None else error).strip().rstrip(".")
