"""Versions of the engine's API: which of two is newer, and which release of Docker first had one."""

from typing import Final

DOCKER_RELEASES: Final = {"1.40": "19.03", "1.41": "20.10", "1.42": "23.0", "1.43": "24.0", "1.44": "25.0"}
"""The first release of Docker that has a version of the API."""


def at_least(version: str, first: str) -> bool:
    """Tell whether a version of the API is `first`, or a later one."""
    return _numbers(version) >= _numbers(first)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def with_release(version: str) -> str:
    """Return a version of the API with the release of Docker, where that is known."""
    return f"{version} (Docker {DOCKER_RELEASES[version]})" if version in DOCKER_RELEASES else version
