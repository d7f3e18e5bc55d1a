"""What the lines of Elasticsearch's server have, by their version, as far as it matters to what is sent."""

from typing import Final

TYPELESS: Final = "_doc"
"""The type that documents have in a server that still wants one."""


def _numbers(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def needs_types(version: str) -> bool:
    """Tell whether a server wants a type with each document (elastic's "Removal of mapping types": until 6)."""
    return _numbers(version) < (7, 0)


def typeless(version: str) -> dict[str, str]:
    """Return the parameters of a request with mappings that makes a server take them without a type."""
    return {"include_type_name": "false"} if needs_types(version) else {}


def has_composable_templates(version: str) -> bool:
    """Tell whether a server has index templates of the kind that came with 7.8."""
    return _numbers(version) >= (7, 8)
