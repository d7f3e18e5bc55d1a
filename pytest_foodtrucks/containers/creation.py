"""A container in the making: created, started, removed."""

import errno
import random
import secrets
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.errors import EngineError, StartError

from .compose import ContainerSpec, engine_config
from .container import Container

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.engine import Engine

_PORT_TRIES: Final = 20
_PORTS: Final = range(20_000, 32_768)
"""Below the range that Linux and macOS give to outgoing connections, so that those don't take our ports."""


class Creation:
    """A container in the making: created with host ports of its own, then started, then removed.

    `title` is in its name and in messages. `image` is the id of one that was built, and `built_as` its name then. Host
    ports are chosen here and not by the engine, because the engine gives new ones at each start.
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
    ) -> None:
        self._engine = engine
        self._spec = spec
        self._image = image
        self._built_as = built_as
        self._network = network
        self._title = title
        self._labels = labels if labels is not None else {}
        self._name = f"foodtrucks-{title}-{secrets.token_hex(4)}"
        self.container = self._create()

    def _create(self) -> Container:
        host_ports = {port: free_port(self._engine) for port in self._spec.ports}
        config = engine_config(
            self._spec,
            image=self._image,
            network=self._network,
            labels=self._labels,
            host_ports=host_ports,
            publish_on=self._engine.publish_on,
        )
        try:
            container_id = self._engine.create_container(self._name, config)
        except EngineError as error:
            raise self._failed("created", error) from error
        return Container(self._engine, container_id, self._name, self._network)

    def start(self) -> Container:
        """Start it; where somebody took a chosen port meanwhile, create it anew with others."""
        tries = 0
        while True:
            try:
                tries += 1
                self._engine.start_container(self.container.id)
            except EngineError as error:
                if tries == _PORT_TRIES or not port_taken(error):
                    raise self._failed("started", error) from error
            else:
                return self.container
            self.remove()
            self.container = self._create()

    def _failed(self, what: str, error: EngineError) -> StartError:
        if error.status is None:  # the engine didn't answer, and the message says what to do about that
            return StartError(self._named(str(error)))
        return StartError(
            f"The container of {self._title} ({self._named(self._image)}) can't be {what}: "
            f"{self._named(error.reason)}. Remedy: mend in its definition what the engine refuses here."
        )

    def _named(self, words: str) -> str:
        """Return words with the image's name, and its short id, where they have the id of one that was built."""
        image, name = self._image, self._built_as
        return words if name is None else words.replace(image, f"{name}, {image.removeprefix('sha256:')[:12]}")

    def remove(self) -> None:
        """Remove it, running or not."""
        self._engine.remove_container(self.container.id)


def free_port(engine: "Engine") -> int:
    """Choose a port of the engine's machine that is free at this moment, as far as can be seen from here."""
    for _ in range(_PORT_TRIES):
        port = random.choice(_PORTS)  # noqa: S311 - no secret
        if not (engine.local and in_use(engine.publish_on, port)):
            return port
    raise EngineError(f"No free port between {_PORTS.start} and {_PORTS.stop} in {_PORT_TRIES} tries.")


def in_use(address: str, port: int) -> bool:
    """Tell whether a port is taken; an address that isn't this machine's can't be asked, and counts as free."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections that linger don't count
        try:
            attempt.bind((address, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def port_taken(error: EngineError) -> bool:
    """Tell whether the engine refused a start because somebody else has a host port."""
    return any(words in str(error) for words in ("port is already allocated", "address already in use"))
