"""A container's creation: it is created, started and removed."""

import errno
import re
import secrets
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.engine.versions import with_release
from pytest_foodtrucks.errors import EngineError, StartError

from .archives import PlacedFiles, place
from .compose import ContainerSpec, engine_config, newer_keywords
from .container import Container
from .endpoint_settings import EndpointSettings
from .mounted_files import FilesVolume, MountedFile
from .naming import naming

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

_PORT_TRIES: Final = 20
_NO_SOURCE: Final = "bind source path does not exist: "
"""What the engine says of a mount whose path it hasn't got; it makes no empty folder of it, as it does for a text."""
_REMEDY: Final = "mend in its definition what the engine refuses."
_REMEDIES: Final = {
    "user configured subnets": "give that network a subnet of its own, such as network(subnet='10.20.0.0/24'): the "
    "engine gives fixed addresses only there.",
    "Address already in use": "give an address that nobody else on that network has, nor its gateway; those count too "
    "that the engine chose for other containers, from the subnet's beginning on.",
}
"""What to do about a network that the engine refuses, by words in its answer."""
_PORTS: Final = range(20_000, 32_768)
"""These lie below the ports that Linux and macOS use for outgoing connections, which else would take ours."""


class Creation:
    """A container that is created with host ports of its own, then started, then removed.

    `title` is a part of its name, and stands for it in messages. `image` is a name, or the id if the image was built;
    `built_as` is the name of a built image. Host ports are chosen here, because the engine would choose others at each
    start. `endpoint` is what it has on its network, `further` are other networks by their names: it is on them before
    its process begins. `placed` are files that it has before its process begins, in a folder of its own.
    """

    def __init__(
        self,
        engine: "Engine",
        spec: ContainerSpec,
        *,
        image: str,
        network: str,
        title: str,
        labels: Mapping[str, str] | None = None,
        built_as: str | None = None,
        files: Sequence[MountedFile] = (),
        endpoint: EndpointSettings | None = None,
        further: Mapping[str, EndpointSettings] | None = None,
        placed: PlacedFiles | None = None,
    ) -> None:
        self._engine = engine
        self._spec = spec
        self._image = image
        self._built_as = built_as
        self._network = network
        self._title = title
        self._endpoint = endpoint if endpoint is not None else EndpointSettings()
        self._further = further if further is not None else {}
        self._labels = labels if labels is not None else {}
        self._name = f"foodtrucks-{title}-{secrets.token_hex(4)}"
        self._refuse_older_engine()
        self._placed = placed
        self._files = self._mounted(files) if files else None
        self.container = self._created()

    def _created(self) -> Container:
        """Create it; where that can't be, remove its secrets and configs."""
        try:
            return self._create()
        except BaseException:
            self._remove_files()
            raise

    def _mounted(self, files: Sequence[MountedFile]) -> FilesVolume:
        """Return the volume that has the files, and mount it."""
        try:
            made = FilesVolume(
                self._engine,
                files,
                image=self._image,
                platform=self._spec.platform,
                title=self._title,
                labels=self._labels,
            )
        except EngineError as error:
            raise self._start_error("given its secrets and configs", error) from error
        self._spec = replace(self._spec, volumes=(*self._spec.volumes, *made.mounts))
        return made

    def _refuse_older_engine(self) -> None:
        """Raise StartError for a keyword that the engine doesn't know; it would ignore that silently."""
        engine = self._engine
        for name, first in newer_keywords(self._spec, engine.api_version).items():
            raise StartError(
                f"The container of {self._title} can't be created: {name}= needs an engine whose API has version "
                f"{with_release(first)}, and the engine at {engine.url} has {engine.api_version} "
                f"({engine.version}). Remedy: leave {name}= out, or use a newer engine."
            )
        part = next((each for each in self._spec.volumes if each.subpath is not None), None)
        if part is not None and not engine.mounts_subpaths:
            raise StartError(
                f"The container of {self._title} can't be created: the volume {part.written} has a subpath, and the "
                f"engine at {engine.url} ({engine.version}) mounts whole volumes only; since API 1.45 (Docker 26.0) "
                "engines mount parts. Remedy: mount the whole one, or use a newer engine."
            )

    def _create(self) -> Container:
        host_ports = self._host_ports()
        at_once, later = (self._further, {}) if self._engine.attaches_at_creation else ({}, self._further)
        endpoints = {self._network: self._endpoint, **at_once}
        config = engine_config(
            self._spec,
            image=self._image,
            network=self._network,
            labels=self._labels,
            host_ports=host_ports,
            publish_on=self._engine.publish_on,
            endpoints={name: settings.body(self._spec.aliases) for name, settings in endpoints.items()},
        )
        try:
            container_id = self._engine.create_container(self._name, config, platform=self._spec.platform)
        except EngineError as error:
            raise self._start_error("created", error) from error
        for network, settings in later.items():
            self._connect(container_id, network, settings)
        if self._placed is not None:
            self._place(container_id, self._placed)
        return Container(self._engine, container_id, self._name, self._network)

    def _connect(self, container_id: str, network: str, settings: EndpointSettings) -> None:
        """Attach it to a further network; where the engine refuses that, remove it."""
        try:
            self._engine.connect(network, container_id, aliases=settings.names(self._spec.aliases), **settings.fixed)
        except EngineError as error:
            self._engine.remove_container(container_id)
            raise self._start_error(f"attached to {network}", error) from error

    def _place(self, container_id: str, placed: PlacedFiles) -> None:
        """Put files into it; where the engine refuses that, remove it."""
        try:
            place(self._engine, container_id, placed)
        except EngineError as error:
            self._engine.remove_container(container_id)
            raise self._start_error(f"given its files in {placed.folder}", error) from error

    def _host_ports(self) -> dict[int, int]:
        """Return the host port of each port: the fixed one, or a free one."""
        fixed = {port: each.published for port, each in self._spec.fixed_ports.items()}
        for port, of_host in fixed.items():
            address = self._spec.fixed_ports[port].address
            if self._engine.local and in_use(self._engine.publish_on if address is None else address, of_host):
                raise self._taken_error(port, of_host)
        taken = set(fixed.values())
        return {
            port: fixed[port] if port in fixed else free_port(self._engine, but=taken) for port in self._spec.tcp_ports
        }

    def _taken_error(self, port: int, of_host: int) -> StartError:
        return StartError(
            f"The container of {self._title} can't be started: its port {port} is to be at port {of_host} of the host, "
            "and that is taken. Remedy: end what listens there, or give the container's port alone, for a free one."
        )

    def start(self) -> Container:
        """Start it; if another process has taken one of its host ports, create it anew with other ports."""
        tries = 0
        while True:
            try:
                tries += 1
                with naming(self.container.id, self.container.name):
                    self._engine.start_container(self.container.id)
            except EngineError as error:
                self._refuse_taken(error)
                if tries == _PORT_TRIES or not port_taken(error):
                    raise self._start_error("started", error) from error
            else:
                return self.container
            self._engine.remove_container(self.container.id)
            self.container = self._create()

    def _refuse_taken(self, error: EngineError) -> None:
        """Raise StartError where a fixed port is taken: another one won't do."""
        for port, each in self._spec.fixed_ports.items():
            if port_taken(error) and re.search(rf":{each.published}\b", str(error)):
                raise self._taken_error(port, each.published) from error

    def _start_error(self, what: str, error: EngineError) -> StartError:
        if error.status is None:  # the engine didn't answer, and the message says what to do about that
            return StartError(self._named(str(error)))
        if not self._engine.local and _NO_SOURCE in error.reason:
            return self._elsewhere_error(error.reason.partition(_NO_SOURCE)[2])
        remedy = next((remedy for words, remedy in _REMEDIES.items() if words in error.reason), _REMEDY)
        return StartError(
            f"The container of {self._title} ({self._named(self._image)}) can't be {what}: "
            f"{self._named(error.reason)}. Remedy: {remedy}"
        )

    def _elsewhere_error(self, path: str) -> StartError:
        """Return the error for a folder that another machine's engine hasn't got."""
        volume = next((each.written for each in self._spec.volumes if each.source == path), repr(path))
        where = "" if path in volume else f" ({path})"
        return StartError(
            f"The container of {self._title} can't be created: its volume {volume}{where} isn't on the machine of the "
            f"engine at {self._engine.url}, which is where volumes= takes paths from. Remedy: put it into the image "
            "(build=, with COPY in its Dockerfile), or let that machine have it at the same path."
        )

    def _named(self, text: str) -> str:
        """Return a text with the id of an image that was built replaced by its name and short id."""
        image, name = self._image, self._built_as
        return text if name is None else text.replace(image, f"{name}, {image.removeprefix('sha256:')[:12]}")

    def remove(self) -> None:
        """Remove it, running or not, with its secrets and configs."""
        with naming(self.container.id, self.container.name):
            self._engine.remove_container(self.container.id)
        self._remove_files()

    def _remove_files(self) -> None:
        if self._files is not None:
            self._files.remove()


def free_port(engine: "Engine", *, but: Collection[int] = ()) -> int:
    """Return a host port for the engine's machine, none in `but`. If that is this machine, the port is free now."""
    for _ in range(_PORT_TRIES):
        port = secrets.choice(_PORTS)  # not of `random`: tests seed that, and count on what it gives them
        if port not in but and not (engine.local and in_use(engine.publish_on, port)):
            return port
    raise EngineError(f"No free port between {_PORTS.start} and {_PORTS.stop} in {_PORT_TRIES} tries.")


def in_use(address: str, port: int) -> bool:
    """Tell whether a port is taken. On another machine this can't be checked; the port then counts as free."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ports of connections closed just now are free
        try:
            attempt.bind((address, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def port_taken(error: EngineError) -> bool:
    """Tell whether the engine refused a start because another process has a host port."""
    return any(words in str(error) for words in ("port is already allocated", "address already in use"))
