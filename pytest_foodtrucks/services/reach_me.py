"""`reach_me`: containers on a network reach a server that the test's process runs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_foodtrucks.callers import calling_place
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import shown

from .definitions import errors_at
from .network import Network

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from .port_forward import PortForward


def reach_me(
    port: int | None = None,
    *,
    network: Network | None = None,
    ports: Mapping[int, int] | None = None,
    alias: str | None = None,
) -> "AbstractContextManager[PortForward]":
    """Let containers on `network` reach a TCP server of this process, for the length of a `with` block.

    The rest is as in `Network.reach_me`; the fixture `reach_me` is that of `foodtrucks_net`. Raises DefinitionError
    without a network: a function can't know which one is meant.
    """
    if not isinstance(network, Network):
        with errors_at(calling_place()):
            raise DefinitionError(
                f"reach_me was given network={shown(network)}, which is no network. Remedy: give "
                "network=foodtrucks_net, or let the test ask for the fixture reach_me."
            )
    return network.reach_me(port, ports=ports, alias=alias)
