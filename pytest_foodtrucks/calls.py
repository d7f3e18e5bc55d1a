"""Functions that somebody gave: what calling one would do, seen before it is called and by what it returned."""

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

from .values import Unfit

_VALUE: Final = "give a value, or a function whose parameters are fixtures, such as `lambda es_on_net: es_on_net.alias`"
_BY_NAME: Final = frozenset({inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY})
_YET_TO_RUN: Final = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)


def fixtures_of(function: Callable[..., Any]) -> list[str]:
    """Return the names of the fixtures that a function asks for; a parameter with a default isn't one, as in pytest."""
    return [parameter.name for parameter in _without_default(function)]


def _without_default(function: Callable[..., Any]) -> list[inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return [parameter for parameter in parameters if parameter.default is inspect.Parameter.empty]


def function_of_fixtures(value: Any) -> Any:
    """Check a function whose parameters are fixtures."""
    if isinstance(value, type):
        raise Unfit(_VALUE, why=" is a class")
    if only_begins(value):
        raise Unfit(_VALUE, why=" is asynchronous, or a generator: called, it would only begin")
    try:
        parameters = _without_default(value)
    except (TypeError, ValueError):
        raise Unfit(_VALUE, why=" is a function that doesn't tell its parameters") from None
    if any(parameter.kind not in _BY_NAME for parameter in parameters):
        raise Unfit(_VALUE, why=" has parameters that can't be given by name")
    return value


def only_begins(function: object) -> bool:
    """Tell whether calling a function only makes what is yet to run: a coroutine, or a generator of any kind."""
    while isinstance(function, functools.partial):
        function = function.func
    called = getattr(type(function), "__call__", None)  # noqa: B004 - the method, not whether there is one
    return any(is_kind(each) for is_kind in _YET_TO_RUN for each in (function, called))


def takes_one(function: Callable[..., Any]) -> bool:
    """Tell whether a function can be called with one value, as far as it tells."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(None)
    except TypeError:
        return False
    return True


def has_only_begun(result: object) -> bool:
    """Tell whether what a function returned is yet to run, as coroutines and generators are; such a one is ended."""
    if inspect.iscoroutine(result) or inspect.isgenerator(result):
        result.close()  # else Python tells of it once more
        return True
    return isinstance(result, Awaitable | Iterator | AsyncIterator)
