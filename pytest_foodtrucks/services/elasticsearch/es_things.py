"""Templates, pipelines and the like: how each kind that an Elasticsearch tells of is put there again."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from .es_contents import kind_of

_TIMES: Final = frozenset(
    {
        "created_date",
        "created_date_millis",
        "modified_date",
        "modified_date_millis",
        "modified_date_string",
        "creation_date",
    }
)
"""What the server notes of a thing, and refuses to be told."""


def _within(key: str) -> Callable[[Any], Any]:
    return lambda about: about[key]


def _repository(about: Any) -> Any:
    return {key: about[key] for key in ("type", "settings")}


def _role(about: Any) -> Any:
    return {key: about[key] for key in about if key not in {"transient_metadata", "name"}}


_BODIES: Final[Mapping[str, Callable[[Any], Any]]] = {
    "_component_template": _within("component_template"),
    "_index_template": _within("index_template"),
    "_template": lambda about: about,
    "_scripts": lambda about: {"script": about},
    "_ingest/pipeline": lambda about: about,
    "_snapshot": _repository,
    "_slm/policy": _within("policy"),
    "_ilm/policy": lambda about: {"policy": about["policy"]},
    "_security/role": _role,
    "_security/user": lambda about: {key: about[key] for key in about if key != "username"},
    "_security/role_mapping": lambda about: about,
}
"""What makes a thing of a kind, given what the server tells of it. Of the kinds that aren't here, none can be put back
where a test changed or deleted one. In the order in which they can be put back: what uses something comes after it. The
server refuses a pipeline without its script, a snapshot policy without its repository, and a lifecycle policy without
the snapshot policy that it waits for."""


def body_of(path: str, about: Any) -> Any:
    """Return what makes the thing at a path; for a kind that can't be put back, what the server tells of it."""
    make = _BODIES.get(kind_of(path))
    return _without_times(about if make is None or about is None else make(about))


def is_user(path: str) -> bool:
    """Tell whether a thing is a user, given its path."""
    return kind_of(path) == "_security/user"


def can_be_put(path: str) -> bool:
    """Tell whether a thing can be put back, given its path."""
    return kind_of(path) in _BODIES


def put_order(path: str) -> int:
    """Return what orders paths of things that can be put back."""
    return [*_BODIES].index(kind_of(path))


def _without_times(body: Any) -> Any:
    """Leave out what the server notes beside what somebody gave; deeper down such a name is somebody's own."""
    return {key: body[key] for key in body if key not in _TIMES} if isinstance(body, Mapping) else body
