"""Services and a source on networks in memory, which reach each other as a test says."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pytest_foodtrucks.containers.compose import ContainerSpec
from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.containers.creation import Creation
from pytest_foodtrucks.engine.execs import ExecStream
from pytest_foodtrucks.services.definitions import define
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.service import Service

from .agent import ABSENT, DROPPED, OPEN, FakeAgent, resolves_to, stream_to
from .engine import FakeEngine
from .session import new_stack

BEACON = "172.30.0.2"
"""The address of each probe."""


class Outside(FakeAgent):
    """What a source sees; `lit` and `lit_name` are what it sees of its beacon, `nobody` of a random name.

    `meanwhile` is called once, while it is asked for a target.
    """

    def __init__(self) -> None:
        super().__init__(other=DROPPED)
        self.lit: Any = OPEN
        self.lit_name: Any = resolves_to(BEACON)
        self.nobody: Any = ABSENT
        self.meanwhile: Callable[[], object] = lambda: None

    def outcomes(self, asked: dict[str, Any]) -> list[Any]:
        if (asked["address"], asked["port"]) == (BEACON, 7777):
            return [self.lit] * asked["tries"]
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return super().outcomes(asked)

    def name(self, name: str) -> Any:
        kinds = {"foodtrucks-nobody": self.nobody, "foodtrucks-probe": self.lit_name}
        return kinds.get(name.rpartition("-")[0]) if name.startswith("foodtrucks-") else super().name(name)


class World(FakeEngine):
    """An engine in memory whose containers see each other as its agents say.

    `outside` answers for whoever is on a network, `bridge` (by default the same) for whoever is on the default one, and
    `inside` for the target's own namespace.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outside = self.bridge = Outside()
        self.inside = FakeAgent()
        self.inside.sockets = [("tcp", "0.0.0.0", port) for port in (9200, 9300)]  # noqa: S104 - told, not bound

    def start_container(self, container: str) -> None:
        super().start_container(container)
        default = self.containers[container]["NetworkSettings"]["Networks"].get("bridge")
        if default is not None:
            default["IPAddress"] = "172.17.0.2"
        self.containers[container]["State"]["StartedAt"] = f"start {next(self._numbers)}"

    def open_exec(self, container: str, argv: Sequence[str]) -> ExecStream:
        super().open_exec(container, argv)
        network = self.containers[container]["HostConfig"]["NetworkMode"]
        on_network = self.bridge if network == "bridge" else self.outside
        return stream_to(self.inside if network.startswith("container:") else on_network)


HOME, ABROAD = "172.30.0.9", "172.31.0.9"


class Scene:
    """A service `es` on one network, and a source on another; `together` puts both on one."""

    def __init__(self) -> None:
        self.world = World()
        self.stack = new_stack(self.world)
        self.home = Network(self.stack, "home", "bridge", internal=False)
        self.abroad = Network(self.stack, "abroad", "bridge", internal=False)
        self.es = self.service("es", self.home, HOME)

    def service(self, alias: str, on: Network, address: str, ports: tuple[int, ...] = (9200,)) -> Service:
        """Start a service with an address."""
        spec = ContainerSpec(aliases=[alias], ports=ports)
        made = Creation(self.world, spec, image=alias, network=on.name, labels=self.stack.labels(), title=alias)
        made.start()
        self.world.containers[made.container.id]["NetworkSettings"]["Networks"][on.name]["IPAddress"] = address
        definition = define({"image": alias, "ports": ports}, alias=alias, folder=Path())
        return Service(
            self.stack, [on.ref], Container(self.world, made.container.id, f"{alias}-1", on.name), definition
        )

    def say(self, status: str) -> None:
        """Let the engine give `es` a status."""
        self.world.containers[self.es.container.id]["State"]["Status"] = status

    def together(self) -> None:
        """Let the source see `es` as on one network with it."""
        self.world.outside.names["es"] = resolves_to(HOME)
        self.world.outside.connections[HOME, 9200] = OPEN
