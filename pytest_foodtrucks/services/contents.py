"""What was put into a service: what a kept stack looks at and deletes between two sessions."""

from collections.abc import Iterable
from functools import singledispatch
from typing import Any


@singledispatch
def contents(service: Any) -> set[str]:
    """Return what was put into a service, as far as `restore` can delete it again."""
    del service  # only some kinds of services can be asked
    return set()


@singledispatch
def restore(service: Any, had: Iterable[str]) -> None:
    """Delete what was put into a service and isn't among the contents that it once had; StartError if that fails."""
    del service, had


def can_be_restored(kind: type[Any]) -> bool:
    """Tell whether `restore` does something for a kind of service."""
    return restore.dispatch(kind) is not restore.dispatch(object)
