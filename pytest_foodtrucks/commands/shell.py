"""`foodtrucks shell`: a shell in the container of a running stack's service, by the engine alone."""

import argparse
import json
import sys
from contextlib import closing
from typing import Final

from pytest_foodtrucks.fixtures.recipes import CONTRACT_ALIASES

from . import exit_codes
from .arguments import Command, add_name, add_where
from .completers import services_running
from .found import FoundService, FoundStack, NoService, own_stack
from .output import Output, write
from .typing_into import Typed
from .working_folder import engine_at, here

_SHELL: Final = ("/bin/sh", "-c", "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi")


def _add(parser: argparse.ArgumentParser) -> None:
    service = parser.add_argument(
        "service", nargs="?", metavar="SERVICE", help="in this one's container; default: the app, or the only one"
    )
    service.completer = services_running  # type: ignore[attr-defined] # where argcomplete looks
    add_name(parser)
    add_where(parser)


def _run(given: argparse.Namespace, output: Output) -> int:
    place = here(given)
    with engine_at(place, ports=False) as engine:
        service = _service(own_stack(engine, place, given.name), given.service)
        exec_id, stream = engine.open_terminal(service.container, _SHELL, terminal=sys.stdin.isatty())
        with closing(stream):
            Typed(engine, exec_id, stream).until_its_end()
        code = engine.exit_code_of(exec_id)
    if output.as_json:
        write(sys.stderr, json.dumps({"service": service.alias, "exit_code": code}))
    return exit_codes.FAILED if code is None else code


def _service(stack: FoundStack, alias: str | None) -> FoundService:
    """Return the service that was named; without a name the app, or the only one."""
    if alias is not None:
        return stack.service(alias)
    stack.refuse_empty()
    aliases = [service.alias for service in stack.services]
    web = CONTRACT_ALIASES["web_on_net"]
    if web in aliases or len(aliases) == 1:
        return stack.service(web if web in aliases else aliases[0])
    raise NoService(f"The stack has several services. Remedy: name one of {', '.join(aliases)}.")


COMMAND: Final = Command(
    description="Open a shell in a service's container: bash where there is one, else sh. What comes by a pipe is "
    "given to it as its input. Its exit code is this command's; 125 says that none could be opened.",
    examples=("foodtrucks shell", "foodtrucks shell es", "echo 'cat /etc/hosts' | foodtrucks shell es"),
    add=_add,
    run=_run,
    failed=exit_codes.COULD_NOT_RUN,
)
