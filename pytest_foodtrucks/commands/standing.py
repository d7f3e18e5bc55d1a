"""Starts a stack for a subcommand as pytest would, and tells of it."""

import argparse
from collections.abc import Callable

from pytest_foodtrucks.errors import StartError
from pytest_foodtrucks.fixtures.stack_session import StandingStack, Wanted, with_stack
from pytest_foodtrucks.services.service import Service
from pytest_foodtrucks.stacks.stack import Stack

from .arguments import options_given
from .found import FoundStack, one_stack
from .output import Output
from .records import begin_record, folder_of, write_record


def stand(
    given: argparse.Namespace, work: Callable[[StandingStack, FoundStack], None], *, command: str, kept: bool
) -> None:
    """Start the stack of this folder, call `work` with it, and end it, or leave it where it is kept."""
    wanted = Wanted(
        options=[*options_given(given), *(["--foodtrucks-fresh"] if getattr(given, "fresh", False) else [])],
        tests=given.tests,
        services=getattr(given, "services", ()),
        name=given.name,
        kept=kept,
    )

    def begin(stack: Stack, project: str) -> None:
        begin_record(stack, project, command)

    def ready(standing: StandingStack) -> None:
        write_record(standing, command)
        work(standing, seen(standing))

    with_stack(wanted, ready, opened=begin)


def seen(standing: StandingStack) -> FoundStack:
    """Return a standing stack as the engine shows it."""
    stack = standing.stack
    return one_stack(stack.engine, stack.session.state_folder, folder_of(stack).name)


def refuse_passing(standing: StandingStack, found: FoundStack) -> None:
    """Raise StartError for services that wouldn't stay: a fixture that no factory made has started them."""
    staying = {service.alias for service in found.services}
    services = [value for value in standing.values.values() if isinstance(value, Service)]
    passing = [service.alias for service in services if service.alias not in staying]
    if passing:
        raise StartError(
            f"{', '.join(passing)} would go with this command: a fixture starts it by itself. Remedy: define it by the "
            "factory service(), or use foodtrucks up --foreground."
        )


def show(stack: FoundStack, output: Output) -> None:
    """Tell people where a stack's services are."""
    for network in stack.networks.values():
        output.say(f"network  {network}")
    for service in stack.services:
        where = service.where if service.record.scheme is None else service.url
        output.say(f"{service.alias}  {where or 'no published port'}")
