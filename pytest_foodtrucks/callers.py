"""What is known of user code: the line that called us, a function's file, the fixtures that a function asks for.

Relative paths in definitions begin at the calling file, and messages point to the calling line. Each session imports
this whose conftest calls a factory, so it imports nothing that pytest hasn't.
"""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any, NamedTuple

_PACKAGE = f"{Path(__file__).parent}{os.sep}"
_READY_MADE = f"{_PACKAGE}plugin.py"
"""Where the ready-made fixtures are written, as others are in a user's conftest: what they call points to there."""
_CALLERS = frozenset({"_pytest", "pluggy"})
"""Who calls tests, fixtures and hooks."""


class Place(NamedTuple):
    """A line of a file; as text `FILE:LINE`, relative to the current folder where it is below it.

    It is no dataclass, because making one that has an order takes ten times as long.
    """

    file: Path
    line: int

    def __str__(self) -> str:
        try:
            folder = Path.cwd()
        except OSError:  # a test may have removed it
            return f"{self.file}:{self.line}"
        below = self.file.relative_to(folder) if self.file.is_relative_to(folder) else self.file
        return f"{below}:{self.line}"

    def is_ready_made(self) -> bool:
        """Tell whether it is in this package."""
        return str(self.file).startswith(_PACKAGE)


def calling_place() -> Place:
    """Return the line of the nearest caller outside this package, where a call of many lines begins."""
    frame = _calling_frame()
    return Place(_file_of(frame.f_code, frame.f_globals), frame.f_lineno)


def called_in_class() -> str | None:
    """Return the name of the class in whose body the nearest caller outside this package is; None for other callers."""
    frame = _calling_frame()
    in_function = frame.f_code.co_flags & inspect.CO_OPTIMIZED
    return None if in_function or "__qualname__" not in frame.f_locals else str(frame.f_locals["__qualname__"])


def called_in_function() -> str | None:
    """Return the name of the function, of a test or a fixture, in which the nearest caller outside this package runs.

    None for a call that the import of a module makes, if only by way of functions, and for pytest's hooks.
    """
    frame: FrameType | None = _calling_frame()
    function = None
    while frame is not None and frame.f_code.co_name != "<module>":
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in _CALLERS:
            return None if function is None or function.startswith("pytest_") else function
        function = frame.f_code.co_name
        frame = frame.f_back
    return None


def calling_names() -> dict[str, Any]:
    """Return the names of the module of the nearest caller outside this package."""
    return _calling_frame().f_globals


def _calling_frame() -> FrameType:
    frame = sys._getframe(1)  # noqa: SLF001 - inspect.stack reads the sources of all frames for the same answer
    while frame.f_back is not None and _passed_over(frame):
        frame = frame.f_back
    return frame


def place_in(traceback: TracebackType | None) -> Place | None:
    """Return the line from which an error's way led into this package; None where there is none."""
    place = None
    while traceback is not None and not _passed_over(traceback.tb_frame):
        frame = traceback.tb_frame
        place = Place(_file_of(frame.f_code, frame.f_globals), traceback.tb_lineno)
        traceback = traceback.tb_next
    return place


def written_in(function: Callable[..., Any]) -> Path:
    """Return the file that a function was written in."""
    return _file_of(function.__code__, function.__globals__)


def written_at(function: Any) -> Place | None:
    """Return the line that a function was written on; None for what has no code of Python's."""
    code = getattr(function, "__code__", None)
    return None if code is None else Place(written_in(function), code.co_firstlineno)


def name_and_place(function: Any) -> str:
    """Return what people call a function, and where it is, such as `es_seed` (conftest.py:7).

    One within another has that one's name: a fixture's function is the fixture.
    """
    while isinstance(function, functools.partial):
        function = function.func
    own = hasattr(function, "__code__")
    called = function if own else getattr(type(function), "__call__")  # noqa: B004, B009 - the method
    name = (function if own else type(function)).__qualname__.partition(".<locals>")[0]
    place = written_at(called)
    return f"`{name}`" if place is None else f"`{name}` ({place})"


def is_function(keyword: str, value: object) -> bool:
    """Tell whether a keyword's value is a function of fixtures; a readiness check and a reset are of the service."""
    return callable(value) and keyword not in {"ready", "reset"}


def fixtures_of(function: Callable[..., Any]) -> list[str]:
    """Return the names of the fixtures that a function asks for."""
    return [parameter.name for parameter in fixture_parameters(function)]


def fixture_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return a function's parameters that are fixtures; one with a default isn't, as in pytest.

    Raises TypeError or ValueError for a function that doesn't tell its parameters.
    """
    parameters = inspect.signature(function).parameters.values()
    return [parameter for parameter in parameters if parameter.default is inspect.Parameter.empty]


def _passed_over(frame: FrameType) -> bool:
    file = _path_of(frame.f_code, frame.f_globals)
    return file.startswith(_PACKAGE) and file != _READY_MADE


def _file_of(code: CodeType, names: Mapping[str, Any]) -> Path:
    return Path(_path_of(code, names))


def _path_of(code: CodeType, names: Mapping[str, Any]) -> str:
    """Return the file of some code: where its module is now, if that has the same name.

    What pytest rewrites and caches has the path that it had then: in a checkout that was copied with its __pycache__
    that is the old checkout's. pytest mends that since 9.2.
    """
    written, module = code.co_filename, names.get("__file__")
    if module == written or not isinstance(module, str) or Path(module).stem != Path(written).stem:
        return written
    return str(Path(module).with_name(Path(written).name))
