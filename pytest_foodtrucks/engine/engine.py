"""The container engine, as people and the rest of the package see it."""

import functools
import socket
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import docker
from docker.auth import AuthConfig

from pytest_foodtrucks.clock import wall
from pytest_foodtrucks.engine.hostnames import addresses_of, loopback_among
from pytest_foodtrucks.errors import EngineError

from .archives import ArchiveRequests
from .asking import if_found
from .endpoints import Endpoint
from .images import ImageRequests
from .inspected import Inspected
from .listing import ListRequests
from .networks import NetworkRequests
from .own_container import possible_containers
from .patience import Patience
from .terminals import TerminalRequests
from .versions import at_least
from .volumes import VolumeRequests

_SEVERAL_NETWORKS: Final = "1.44"
"""The version of the API since which a container is created on more than one network."""
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - the tests are elsewhere
"""Where ports are published that the tests reach at none of the addresses of the engine's machine that are known."""


class Engine(ImageRequests, NetworkRequests, ArchiveRequests, TerminalRequests, ListRequests, VolumeRequests):
    """A container engine that answers.

    No public constructor: the fixture `foodtrucks_engine` yields one. `host` is where the tests reach its published
    ports, `local` whether it has a socket on this machine.
    """

    def __init__(
        self,
        api: docker.APIClient,
        endpoint: Endpoint,
        host: str | None,
        *,
        logins: AuthConfig | None = None,
        patience: Patience | None = None,
    ) -> None:
        super().__init__(api, endpoint.shown, logins=logins, patience=patience)
        self.kind = "docker"
        self.endpoint = endpoint
        with self._asking("tell its version"):
            version = api.version()
        self.version: str = version["Version"]
        self.api_version: str = version["ApiVersion"]
        if any("podman" in component["Name"].lower() for component in version.get("Components") or ()):
            raise EngineError(
                f"The engine at {self.url} is Podman {self.version}, and this version of pytest-foodtrucks speaks to "
                "Docker only. Remedy: name a Docker engine with --foodtrucks-engine or DOCKER_HOST."
            )
        self.local = self.url.startswith(("unix://", "npipe://"))
        self.host = host if host is not None else self._default_host()

    @property
    def attaches_at_creation(self) -> bool:
        """Tell whether a container can be created on several networks, with a fixed MAC address on each."""
        return at_least(self.api_version, _SEVERAL_NETWORKS)

    def __repr__(self) -> str:
        return f"<Engine {self.kind} {self.version} at {self.url}>"

    def _default_host(self) -> str:
        name = urlsplit(self.url).hostname
        if not self.local and name is not None:
            return name
        if Path("/.dockerenv").exists():
            self._refuse_from_sibling()
        return "127.0.0.1"

    def _refuse_from_sibling(self) -> None:
        """Refuse where this process is in a container of the same engine: 127.0.0.1 is the container itself then."""
        found = map(self._if_found, dict.fromkeys([*possible_containers(), socket.gethostname()]))
        mine = next((each for each in found if each is not None), None)
        if mine is None or mine.network_mode == "host":  # None: the engine is in this container too
            return
        gateways = [gateway for attachment in mine.attachments for gateway in attachment.gateways]
        here = f", here {' or '.join(gateways)}" if gateways else ""
        raise EngineError(
            "pytest runs in a container and has only the engine's socket, so published ports aren't at 127.0.0.1. "
            f"Remedy: set --foodtrucks-host to an address of the engine's machine{here}."
        )

    def _if_found(self, container: str) -> Inspected | None:
        return if_found(lambda: self.inspected(container))

    def refuse_unknown_host(self) -> None:
        """Raise EngineError where the host of published ports has no address for this machine."""
        try:
            addresses_of(self.host)
        except OSError as error:
            raise EngineError(
                f"Published ports are to be reached at {self.host}, the host of the engine's address {self.url}, and "
                f"that name doesn't resolve here ({error}). Remedy: set --foodtrucks-host to an address of the "
                "engine's machine that this machine reaches."
            ) from error

    @functools.cached_property
    def publish_on(self) -> str:
        """The address of the engine's machine on which ports are published."""
        try:
            addresses = addresses_of(self.host)
        except OSError:  # a name of the engine's URL that something else knows, such as ssh's configuration
            return _EVERYWHERE
        loopback = loopback_among(addresses)
        if loopback is not None:
            return loopback
        if self.host not in addresses:
            return _EVERYWHERE
        everywhere = "::" if ":" in self.host else _EVERYWHERE
        return self.host if self.local else everywhere

    @functools.cached_property
    def identity(self) -> str:
        """What the engine calls itself: the same after a restart, and at whatever address it is asked."""
        return self._ask("tell its identity", lambda: str(self.api.info()["ID"]))

    @functools.cached_property
    def clock_difference(self) -> float:
        """By how many seconds the engine's clock is ahead of this machine's; negative where it is behind.

        Asked once: a clock that is set meanwhile isn't noticed. 0 where the engine's time is one at which it was asked:
        a busy engine takes seconds to answer, and that is no difference.
        """

        def ask() -> float:
            began = wall()
            engine_time = datetime.fromisoformat(self.api.info()["SystemTime"]).timestamp()
            ended = wall()
            return 0.0 if began <= engine_time <= ended else engine_time - (began + ended) / 2

        return self._ask("tell the time", ask)
