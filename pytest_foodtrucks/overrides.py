"""One definition for all tests: finds where es_seed, es_on_net or web_on_net is overridden in two places."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .callers import written_in

WATCHED: Final = ("es_seed", "es_on_net", "web_on_net")


class InUse:
    """Which functions stand behind each watched fixture while it is set up.

    pytest keeps one instance of a session fixture, made by the definition that the first test saw. A later test that
    sees another definition would silently get the first one's. An override that extends another (asks for its own
    name) counts as that one, but for es_seed: there the outermost alone is called.
    """

    def __init__(self) -> None:
        self._layers: dict[str, list[Callable[..., Any]]] = {}

    def set_up(self, name: str, function: Callable[..., Any]) -> None:
        """Note a fixture's definition; one that is extended is set up before the one that extends it."""
        if name in WATCHED:
            self._layers.setdefault(name, []).append(function)

    def finished(self, name: str, function: Callable[..., Any]) -> None:
        """Note that a fixture is torn down."""
        if function in self._layers.get(name, ()):
            self._layers[name].remove(function)

    def conflict(self, definitions: Mapping[str, Sequence[Callable[..., Any]]]) -> str | None:
        """Return what is wrong for a test that sees these definitions, the nearest last; None if nothing is."""
        for name in WATCHED:
            used, wanted = self._layers.get(name), _layers(name, definitions.get(name, ()))
            counts = -1 if name == "es_seed" else 0
            if used and wanted and used[counts] is not wanted[counts]:
                return (
                    f"The fixture {name} has two definitions: {_file(used[counts])} is in use for this session, and "
                    f"this test sees the one in {_file(wanted[counts])}. Remedy: keep one of them, in the root "
                    "conftest.py."
                )
        return None


def _layers(name: str, definitions: Sequence[Callable[..., Any]]) -> list[Callable[..., Any]]:
    """Return the nearest definition and those that it extends, the nearest last."""
    layers: list[Callable[..., Any]] = []
    for function in reversed(definitions):
        layers.insert(0, function)
        if name not in inspect.signature(function).parameters:
            break
    return layers


def _file(function: Callable[..., Any]) -> Path:
    recipe = getattr(function, "recipe", None)
    return written_in(function) if recipe is None else recipe.file
