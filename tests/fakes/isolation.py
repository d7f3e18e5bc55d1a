"""Services and a source on networks in memory, which reach each other as a test says."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_foodtrucks.containers.compose import ContainerSpec
from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.containers.creation import Creation
from pytest_foodtrucks.engine.execs import ExecResult, ExecStream
from pytest_foodtrucks.services.definitions import define
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.service import Service

from .engine import FakeEngine
from .session import new_stack
from .shell import ABSENT, DROPPED, OPEN, REFUSED, RESOLVER_FILES, FakeStream, resolves_to


class World(FakeEngine):
    """An engine in memory whose containers see each other as its attributes say.

    `names` and `knocks` are what the source sees of names, and of addresses with ports; `inside` what the sidecar sees
    of the target; `lit` and `lit_name` what the source sees of its beacon, `nobody` of a random name. `meanwhile` is
    called once, while the source is asked for the target. A list in `knocks` has an answer for each try.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, ExecResult] = {}
        self.knocks: dict[tuple[str, int], ExecResult | list[ExecResult]] = {}
        self.inside = OPEN
        self.lit = OPEN
        self.lit_name = resolves_to("172.30.0.2")
        self.nobody = ABSENT
        self.meanwhile: Callable[[], object] = lambda: None

    def start_container(self, container: str) -> None:
        super().start_container(container)
        self.containers[container]["State"]["StartedAt"] = f"start {next(self._numbers)}"

    def open_exec(self, container: str, argv: Sequence[str]) -> ExecStream:
        super().open_exec(container, argv)
        beside = self.containers[container]["HostConfig"]["NetworkMode"].startswith("container:")
        return FakeStream(lambda argv: self._inside(argv) if beside else self._outside(argv))

    def _inside(self, argv: Sequence[str]) -> ExecResult:
        return RESOLVER_FILES if argv[0] == "settings" else self.inside

    def _outside(self, argv: Sequence[str]) -> ExecResult:
        if argv[0] == "settings":
            return RESOLVER_FILES
        if argv[0] == "nslookup":
            name = argv[1].rstrip(".")
            kinds = {"foodtrucks-nobody": self.nobody, "foodtrucks-probe": self.lit_name}
            return self.names.get(name, kinds.get(name.rpartition("-")[0], ABSENT))
        if argv[2] == "7777":
            return self.lit
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        if argv[0] == "recount":
            return REFUSED
        result = self.knocks.get((argv[1], int(argv[2])), DROPPED)
        return result.pop(0) if isinstance(result, list) else result


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
        return Service(self.stack, on.ref, Container(self.world, made.container.id, f"{alias}-1", on.name), definition)

    def say(self, status: str) -> None:
        """Let the engine give `es` a status."""
        self.world.containers[self.es.container.id]["State"]["Status"] = status

    def together(self) -> None:
        """Let the source see `es` as on one network with it."""
        self.world.names["es"] = resolves_to(HOME)
        self.world.knocks[HOME, 9200] = OPEN
