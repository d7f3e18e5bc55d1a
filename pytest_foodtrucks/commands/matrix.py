"""`foodtrucks matrix`: which service of a running stack reaches which, and what the default bridge reaches."""

import argparse
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.containers.progress import Progress, standard_error
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.isolation.matrix import reachability
from pytest_foodtrucks.isolation.tables import WORDS, Matrix
from pytest_foodtrucks.probes.beacons import probe_on_default_bridge
from pytest_foodtrucks.services.definitions import define
from pytest_foodtrucks.services.memberships import NetworkRef
from pytest_foodtrucks.services.service import Service
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.stacks.opening import end_session, opened_stack
from pytest_foodtrucks.stacks.stack import Stack

from . import exit_codes
from .arguments import WHERE, Command, add_name, add_options
from .found import FoundService, FoundStack, own_stack
from .output import Output
from .working_folder import Here, here

if TYPE_CHECKING:
    from pytest_foodtrucks.isolation.subjects import Source

_BRIDGE: Final = "the default bridge"
_FORMATS: Final[Mapping[str, Callable[[Matrix], str]]] = {
    "text": str,
    "markdown": Matrix.to_markdown,
    "html": Matrix.to_html,
}


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=tuple(_FORMATS), default="text", help="how the table is drawn; default: text"
    )
    add_name(parser)
    add_options(parser, (*WHERE, "probe_image", "pull", "image_prefix"))


def _run(given: argparse.Namespace, output: Output) -> int:
    place = here(given)
    with _asking(place) as stack:
        found = own_stack(stack.engine, place, given.name)
        found.refuse_empty()
        matrix = _matrix(stack, found)
    output.say(_FORMATS[given.format](matrix))
    output.result(_as_json(matrix))
    return exit_codes.DONE


@contextmanager
def _asking(place: Here) -> Iterator[Stack]:
    """Yield a stack of this process's own, for what asks; it goes at the end, by its watchdog if need be."""
    settings = place.settings._replace(reuse=False)
    session, progress = Session.begin(place.state), Progress(standard_error())
    stack = None
    try:
        stack = opened_stack(settings, session, project=os.devnull, worker=None, progress=progress)
        yield stack
    finally:
        end_session(stack, session, settings, lambda: progress)


def _matrix(stack: Stack, found: FoundStack) -> Matrix:
    services = {each.alias: _service(stack, found, each) for each in found.services if each.seen.status == "running"}
    targets = {alias: service for alias, service in services.items() if service.__foodtrucks__.container_ports}
    if not targets:
        raise DefinitionError(f"The stack {found.id} has no running service with a port. Remedy: see `foodtrucks ps`.")
    for service in services.values():
        stack.services.append(service)
    with probe_on_default_bridge(stack) as bridge:
        sources: dict[str, Source] = {**services, _BRIDGE: bridge}
        try:
            return reachability(sources, targets)
        finally:
            for service in services.values():
                service.__foodtrucks__.close()


def _service(stack: Stack, found: FoundStack, seen: FoundService) -> Service:
    """Return a container that somebody else's session started as a service that can be asked about."""
    ids = {name: network for network, name in found.networks.items()}
    names = [attachment.network for attachment in seen.seen.attachments]
    refs = [_network(stack, ids[name], name) for name in names if name in ids]
    keywords: dict[str, Any] = {"image": "unknown", "aliases": [seen.alias], "ports": list(seen.ports)}
    definition = define(keywords, alias=seen.alias, folder=Path())
    container = Container(stack.engine, seen.container, seen.name, refs[0].name)
    return Service(stack, refs, container, definition)


def _network(stack: Stack, network: str, name: str) -> NetworkRef:
    return NetworkRef(network, name, bool(stack.engine.inspect_network(network).get("Internal")))


def _as_json(matrix: Matrix) -> dict[str, Any]:
    cells = [
        {
            "source": source,
            "target": target,
            "verdict": WORDS[cell.sign],
            "kind": str(cell.verdict.kind),
            "way": cell.way,
            "evidence": cell.verdict.evidence,
        }
        for (source, target), cell in matrix.cells.items()
    ]
    return {"sources": list(matrix.sources), "targets": list(matrix.targets), "cells": cells}


COMMAND: Final = Command(
    description="Ask each service of this folder's running stack, and the engine's default bridge, for each other "
    "service's first port, by name and by address, and draw the table.",
    examples=("foodtrucks matrix", "foodtrucks matrix --format markdown", "foodtrucks matrix --json"),
    add=_add,
    run=_run,
)
