"""The variables that programs find a stack by."""

import re
import shlex
from collections.abc import Iterator

from pytest_foodtrucks.fixtures.recipes import CONTRACT_ALIASES
from pytest_foodtrucks.stacks.lent_stack import VARIABLE

from .found import FoundService, FoundStack

_ELASTICSEARCH, _WEB = CONTRACT_ALIASES["es_on_net"], CONTRACT_ALIASES["web_on_net"]


def variables(stack: FoundStack) -> dict[str, str]:
    """Return the variables of a stack, by their names."""
    found = dict(_of_stack(stack))
    for service in stack.services:
        found.update(_of_service(service))
    return found


def _of_stack(stack: FoundStack) -> Iterator[tuple[str, str]]:
    """Yield the variables of the stack itself: of several networks, the first one's name.

    A kept stack isn't lent: pytest takes it over with --foodtrucks-reuse.
    """
    if stack.state != "kept":
        yield VARIABLE, stack.id
    for name in list(stack.networks.values())[:1]:
        yield "FOODTRUCKS_NETWORK", name


def _of_service(service: FoundService) -> Iterator[tuple[str, str]]:
    if service.url is None:
        return
    if service.alias == _ELASTICSEARCH:
        yield "FOODTRUCKS_ES_URL", service.url
        yield "ELASTICSEARCH_URL", service.url
        yield from _of_security(service)
    elif service.alias == _WEB:
        yield "FOODTRUCKS_WEB_URL", service.url
    else:
        word = re.sub(r"[^A-Za-z0-9]", "_", service.alias).upper()
        yield f"FOODTRUCKS_{word}_ENDPOINT", service.url.partition("://")[2]


def _of_security(service: FoundService) -> Iterator[tuple[str, str]]:
    given = (
        ("FOODTRUCKS_ES_USER", service.record.user),
        ("FOODTRUCKS_ES_PASSWORD", service.record.password),
        ("FOODTRUCKS_ES_CA_FILE", service.record.ca_file),
    )
    yield from ((name, value) for name, value in given if value is not None)


def shell_lines(found: dict[str, str], shell: str) -> list[str]:
    """Return the lines by which a shell sets variables."""
    if shell == "fish":
        return [f"set -gx {name} {_fish(value)}" for name, value in found.items()]
    return [f"export {name}={shlex.quote(value)}" for name, value in found.items()]


def _fish(value: str) -> str:
    """Quote a text for fish, which knows a backslash between single quotes."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
