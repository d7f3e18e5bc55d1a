"""One definition for all tests: finds where es_seed, es_on_net or web_on_net is overridden in two places."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

WATCHED: Final = ("es_seed", "es_on_net", "web_on_net")


class InUse:
    """Which function stands behind each watched fixture while it is set up.

    pytest keeps one instance of a session fixture, made by the definition that the first test saw. A later test that
    sees another definition would silently get the first one's.
    """

    def __init__(self) -> None:
        self._functions: dict[str, Callable[..., Any]] = {}

    def set_up(self, name: str, function: Callable[..., Any]) -> None:
        """Note a fixture's definition; an override that extends another one is set up first, and counts."""
        if name in WATCHED:
            self._functions.setdefault(name, function)

    def finished(self, name: str, function: Callable[..., Any]) -> None:
        """Note that a fixture is torn down."""
        if self._functions.get(name) is function:
            del self._functions[name]

    def conflict(self, functions: Mapping[str, Callable[..., Any]]) -> str | None:
        """Return what is wrong for a test that resolves fixtures to these functions, or None."""
        for name in WATCHED:
            used, wanted = self._functions.get(name), functions.get(name)
            if used is not None and wanted is not None and used is not wanted:
                return (
                    f"The fixture {name} has two definitions: {_file(used)} is in use for this session, and this test "
                    f"sees the one in {_file(wanted)}. Remedy: keep one of them, in the root conftest.py."
                )
        return None


def _file(function: Callable[..., Any]) -> Path:
    recipe = getattr(function, "recipe", None)
    return Path(function.__code__.co_filename) if recipe is None else recipe.file
