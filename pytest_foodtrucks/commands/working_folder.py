"""The folder in which the command is run: its root, its settings, its stacks' names; and the engine there."""

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_foodtrucks.engine.discovery import find_engine
from pytest_foodtrucks.fixtures.folder_options import options_of_folder
from pytest_foodtrucks.sessions.state_folder import prepare, state_folder
from pytest_foodtrucks.settings import Settings, read_settings

from .arguments import options_given

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine


@dataclass(frozen=True)
class Here:
    """The root folder as pytest finds it, the settings there, and the state folder, which is there."""

    root: Path
    settings: Settings
    state: Path


def here(given: argparse.Namespace) -> Here:
    """Read the options where pytest would; SettingsError for what can't be, StateError for a state folder."""
    root, command_line, ini = options_of_folder(list(options_given(given)))
    settings = read_settings(_texts(command_line), os.environ, ini)
    state = state_folder(settings.state_dir, os.environ)
    prepare(state)
    return Here(root, settings, state)


def _texts(command_line: Callable[[str], object]) -> Callable[[str], str | None]:
    def text(field: str) -> str | None:
        value = command_line(field)
        return value if isinstance(value, str) else None

    return text


@contextmanager
def engine_at(place: Here, *, ports: bool = True) -> "Iterator[Engine]":
    """Find the engine, and close the connection at the end; EngineNotFound where none answers.

    `ports` tells that it matters where published ports are reached.
    """
    host = place.settings.host if ports else "127.0.0.1"
    with closing(find_engine(place.settings.engine, host=host)) as engine:
        yield engine
