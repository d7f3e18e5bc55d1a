"""The services that a shell completes: of the running stack, and those that the folder defines."""

import argparse
from typing import Final

from pytest_foodtrucks.errors import FoodtrucksError
from pytest_foodtrucks.fixtures.recipes import CONTRACT_ALIASES

_READY_MADE: Final = tuple(CONTRACT_ALIASES.values())


def services_running(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Return the aliases of this folder's running stack; none where nothing can be told: a shell shows no errors."""
    from .found import own_stack  # noqa: PLC0415 - needs much: only for a shell that completes a service
    from .working_folder import engine_at, here  # noqa: PLC0415 - likewise

    try:
        place = here(parsed_args)
        with engine_at(place) as engine:
            return [service.alias for service in own_stack(engine, place, parsed_args.name).services]
    except FoodtrucksError:
        return []


def services_defined(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Return the ready-made services, with those of the running stack."""
    return sorted({*_READY_MADE, *services_running(parsed_args)})
