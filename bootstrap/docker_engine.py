"""The container engine: the one that the plugin would find, else one that is installed here."""

import os
import shutil

from pytest_foodtrucks.engine.discovery import find_engine
from pytest_foodtrucks.engine.endpoints import usual_sockets
from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.errors import EngineNotFound
from pytest_foodtrucks.settings import read_settings

from . import debian
from .daemon import Daemon, start
from .setup_error import SetupError
from .steps import step, tell

_SET_BY_HAND = ("the option engine", "DOCKER_HOST")


def ready_engine() -> Engine:
    """Return an engine that answers; one is installed and started where none is and nobody chose one.

    Raises SetupError where that can't be done, EngineError where a chosen engine doesn't answer.
    """
    with step("engine") as say:
        engine = _find()
        if engine is None:
            engine = _make()
        say(f"{engine.kind.capitalize()} {engine.version} at {engine.url}")
    return engine


def docker_host(engine: Engine) -> str | None:
    """Return the address that the plugin needs, None where it finds the engine by itself."""
    usual = f"unix://{usual_sockets(os.environ)[0]}"
    by_hand = engine.endpoint.set_by in _SET_BY_HAND
    return engine.url if by_hand and engine.url != usual else None


def _find() -> Engine | None:
    try:
        return find_engine(_option())
    except EngineNotFound as error:
        if error.set_by is not None:
            raise
    _refuse_where_access_is_all_that_lacks()
    return None


def _option() -> str:
    """Return the option engine as the plugin reads it; here only the environment may set it."""
    return read_settings(lambda _: None, os.environ, lambda _: None).engine


def _refuse_where_access_is_all_that_lacks() -> None:
    for socket in usual_sockets(os.environ):
        if socket.exists() and not os.access(socket, os.R_OK | os.W_OK):
            raise SetupError(
                f"There is an engine's socket, {socket}, and this user may not use it. Add the user to the group "
                "docker (sudo usermod -aG docker USER), log in again, then run again."
            )


def _make() -> Engine:
    root = debian.require_root(
        "no engine can be installed here: install Docker or Docker Desktop, start it, then run again."
    )
    if _lacks("dockerd") or _lacks("iptables"):
        tell("[setup] engine: none answers, installing docker.io and iptables ...")
        debian.install("docker.io", "iptables")
    tell("[setup] engine: starting dockerd ...")
    start(root, lambda: _find_started() is not None, daemon=Daemon())
    engine = _find()
    if engine is None:
        raise SetupError("The Docker daemon answered and is gone again. See its log, then run again.")
    return engine


def _find_started() -> Engine | None:
    """Return the engine once it answers; a socket without a listener is what a starting daemon shows."""
    try:
        return find_engine(_option())
    except EngineNotFound:
        return None


def _lacks(command: str) -> bool:
    return shutil.which(command, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None
