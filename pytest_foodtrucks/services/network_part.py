"""A network's life: created on a free subnet, had in common by workers or kept, removed."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.engine.subnets import free_subnet, host_routes
from pytest_foodtrucks.errors import EngineError
from pytest_foodtrucks.stacks import parts
from pytest_foodtrucks.stacks.bulk_removal import remove_network
from pytest_foodtrucks.stacks.stack import PartLabel
from pytest_foodtrucks.stacks.volumes import remove_unused_volumes

from .network import Network

if TYPE_CHECKING:
    from pytest_foodtrucks.stacks.stack import Stack

_POOLS_USED_UP: Final = ("fully subnetted", "could not find an available")
_SUBNET_TRIES: Final = 5


@contextmanager
def throwaway_network(
    stack: "Stack", *, driver: str = "bridge", internal: bool = False, shared_as: str | None = None
) -> Iterator[Network]:
    """Create a network, yield it, and remove it.

    With a name in `shared_as` xdist workers have it in common, and it stays until their controller ends, or for the
    next session.
    """
    if shared_as is not None and stack.parts_outlive_fixtures:
        part = NetworkPart(stack=stack, title=shared_as, driver=driver, internal=internal)
        with parts.shared(stack, part) as network:
            network.shared = stack.worker is not None
            try:
                yield network
            finally:
                network.dismiss()
    else:
        network, undo = _started_network(stack, driver, internal=internal, for_session=shared_as is not None)
        with undo:
            yield network


@dataclass(frozen=True, kw_only=True)
class NetworkPart:
    """A network as a part of its stack; `title` is its fixture's name."""

    stack: "Stack"
    title: str
    driver: str
    internal: bool

    @property
    def name(self) -> str:
        """What finds it again."""
        return f"network {self.title}"

    @property
    def key(self) -> str:
        """What tells it from others: another driver is another network."""
        return f"network {self.title} {self.driver} {self.internal}"

    @property
    def values(self) -> Mapping[str, object]:
        """Nothing more: the key has all of it."""
        return {}

    @property
    def is_kept(self) -> bool:
        """Yes: nothing is in it."""
        return True

    def made_from(self) -> Mapping[str, object]:
        """Return what makes it another network."""
        return {"driver": self.driver, "internal": self.internal, "engine": self.stack.engine.url}

    def start(self) -> Network:
        """Create it."""
        return _started_network(self.stack, self.driver, internal=self.internal, part=PartLabel(self.name))[0]

    def dump(self, network: Network) -> Mapping[str, Any]:
        """Return where it is."""
        return {"id": network.id, "name": network.name}

    def load(self, about: Mapping[str, Any]) -> Network:
        """Return the network that somebody else created."""
        return Network(self.stack, about["name"], self.driver, internal=self.internal, network_id=about["id"])

    def take_over(self, network: Network, about: Mapping[str, Any]) -> None:
        """See that it is still there."""
        del about
        self.stack.engine.inspect_network(network.id)

    def clear(self, kept: Mapping[str, Any] | None) -> None:
        """Remove what an earlier session kept under this name, with all that is on it."""
        if kept is not None:
            self.stack.remove_containers_on(kept["name"])
            remove_unused_volumes(self.stack, self._volumes_on(kept["name"]))
            remove_network(self.stack.engine, kept["id"])

    def _volumes_on(self, network: str) -> Iterator[str]:
        """Yield the volumes of the kept services on a network: they are made anew with it."""
        kept = self.stack.kept_stack
        values = [record["value"] for record in kept.records()] if kept is not None else []
        for value in values:
            if value.get("network") == network:
                yield from value.get("volumes", ())


def _started_network(
    stack: "Stack", driver: str, *, internal: bool, part: PartLabel | None = None, for_session: bool = True
) -> tuple[Network, ExitStack]:
    name = f"foodtrucks-net-{secrets.token_hex(4)}"
    about = {"driver": driver, "internal": internal, "labels": stack.labels(part=part)}
    network_id = stack.created(partial(_created, stack, name, **about), stack.engine.remove_network)
    network = Network(stack, name, driver, internal=internal, network_id=network_id, for_session=for_session)
    undo = ExitStack()
    undo.callback(_remove, network)
    return network, undo


def _created(stack: "Stack", name: str, **about: Any) -> str:
    """Create a network; where the engine's address pools are used up (moby#29239), on a free subnet chosen here."""
    try:
        return stack.engine.create_network(name, **about)
    except EngineError as error:
        if not any(words in str(error) for words in _POOLS_USED_UP):
            raise
        refused = error
    for _ in range(_SUBNET_TRIES):
        subnet = free_subnet([*stack.engine.subnets(), *host_routes()])
        if subnet is None:
            break
        try:
            network_id = stack.engine.create_network(name, **about, subnet=subnet)
        except EngineError as error:
            if "overlap" not in str(error):
                raise
            continue  # somebody took it meanwhile
        stack.say(f"the engine's address pools are used up; {name} is on {subnet}, which was free")
        return network_id
    raise EngineError(
        f"{refused}. No free subnet was found either: networks, and this machine's routes, have all private ones. "
        "Remedy: remove networks that nobody needs (docker network prune); see whose the routes are (ip route).",
        status=refused.status,
    ) from refused


def _remove(network: Network) -> None:
    """Remove a network, with whatever the tests attached and left there."""
    network.dismiss()
    stack = network.stack
    stack.undo(lambda: remove_network(stack.engine, network.id))
