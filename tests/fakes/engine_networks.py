"""The images and networks of an engine in memory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

from pytest_foodtrucks.engine.endpoints import Endpoint
from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.engine.images import ImageFacts
from pytest_foodtrucks.engine.labels import NAME_LABEL
from pytest_foodtrucks.engine.networks import FixedAddresses
from pytest_foodtrucks.errors import EngineError


def shown_endpoint(
    aliases: Sequence[str],
    *,
    ipv4_address: str | None = None,
    ipv6_address: str | None = None,
    mac_address: str | None = None,
) -> dict[str, Any]:
    """Return what an engine shows of a container on a network, given what it was to have there."""
    return {
        "IPAddress": ipv4_address if ipv4_address is not None else "172.30.0.2",
        "GlobalIPv6Address": ipv6_address if ipv6_address is not None else "",
        "MacAddress": mac_address if mac_address is not None else "02:42:ac:1e:00:02",
        "Aliases": list(aliases),
    }


class Version:
    """What an engine is asked for when it is found: its version."""

    def version(self) -> dict[str, Any]:
        return {"Version": "27.0", "ApiVersion": "1.46"}


class FakeNetworks(Engine):
    """The images and networks of an engine in memory, and the containers that are on the networks.

    `start_errors` are raised by the next starts and connections, `network_errors` by the next creations of networks;
    `images` are there, `named` has the ids of those that were built, `registry` can be pulled; of those without a name,
    in `dangling`, some are in use. `changes` tells, one question after the other, whether networks were created
    meanwhile. Each image is for every platform, but for those in `platforms`, and `facts` is what images tell of
    themselves. `pool` is the subnet that it gives by itself.
    """

    pool: Mapping[str, str] = {"Subnet": "172.30.0.0/16", "Gateway": "172.30.0.1"}

    def __init__(self, *, host: str, local: bool) -> None:
        api: Any = Version()
        super().__init__(api, Endpoint("unix:///run/fake.sock"), host)
        self.local = local
        self.images: set[str] = set()
        self.named: dict[str, str] = {}
        self.platforms: dict[str, str] = {}
        self.facts: dict[str, ImageFacts] = {}
        self.dangling: dict[str, bool] = {}
        self.registry: dict[str, list[dict[str, Any]]] = {"busybox": [], "python:3.13-slim": []}
        self.containers: dict[str, dict[str, Any]] = {}
        self.networks: dict[str, dict[str, Any]] = {}
        self.start_errors: list[EngineError] = []
        self.network_errors: list[EngineError] = []
        self.events: list[str] = []
        self.changes: list[bool] = []
        self._numbers = iter(range(1_000_000))  # unlike itertools.count it can be pickled in Python 3.14

    def image_id(self, image: str) -> str | None:
        return self.named.get(image, f"sha256:{image}" if image in self.images else None)

    def image_exists(self, image: str, platform: str | None = None) -> bool:
        return self.image_id(image) is not None and platform in {None, self.platforms.get(image, platform)}

    def image_facts(self, image: str) -> ImageFacts:
        return self.facts.get(image, ImageFacts({}, "amd64"))

    def image_names(self) -> list[str]:
        return sorted({*self.images, *self.named})

    def tag_image(self, image: str, name: str) -> None:
        self.named[name] = image

    def untag_image(self, name: str) -> bool:
        del self.named[name]
        return True

    def dangling_images(self, label: str) -> list[str]:
        del label
        return sorted(self.dangling)

    def remove_image(self, image: str) -> bool:
        if self.dangling[image]:
            return False
        del self.dangling[image]
        return True

    def pull(self, image: str, platform: str | None = None) -> Iterator[dict[str, Any]]:
        if image not in self.registry:
            raise EngineError(f"The engine could not pull {image}: manifest unknown", status=404)
        self.events.append(f"pull {image}" if platform is None else f"pull {image} for {platform}")
        yield from self.registry[image]
        self.images.add(image)

    def create_network(
        self,
        name: str,
        *,
        driver: str,
        internal: bool,
        labels: Mapping[str, str],
        subnets: Mapping[str, str] | None = None,
        ipv6: bool = False,
        driver_opts: Mapping[str, str] | None = None,
    ) -> str:
        if self.network_errors:
            raise self.network_errors.pop(0)
        network_id = f"network{next(self._numbers)}"
        asked = [{"Subnet": subnet, "Gateway": gateway} for subnet, gateway in (subnets or {}).items()]
        own = [] if any(":" not in subnet for subnet in subnets or ()) else [self.pool]
        config = [*asked, *own] if self.attaches_at_creation else [*own, *asked]  # as newer and older engines show it
        self.networks[network_id] = {
            "Name": name,
            "Driver": driver,
            "Internal": internal,
            "EnableIPv6": ipv6,
            "Options": dict(driver_opts or {}),
            "Labels": {**labels, NAME_LABEL: name},
            "IPAM": {"Config": config},
            "Containers": {},
        }
        return network_id

    def subnets_by_network(self) -> list[tuple[str, str]]:
        return [(net["Name"], config["Subnet"]) for net in self.networks.values() for config in net["IPAM"]["Config"]]

    def proxies(self) -> dict[str, str]:
        return {}

    def gateways(self) -> set[str]:
        return {"172.30.0.1"}

    def inspect_network(self, network: str) -> dict[str, Any]:
        if network not in self.networks:
            raise EngineError(f"no such network: {network}", status=404)
        return self.networks[network]

    def connect(
        self, network: str, container: str, *, aliases: Sequence[str] = (), **addresses: Unpack[FixedAddresses]
    ) -> None:
        if self.start_errors:
            raise self.start_errors.pop(0)
        network = self._id_of(network)
        self.networks[network]["Containers"][container] = {"Name": container, "Aliases": list(aliases)}
        if container in self.containers:
            self._endpoints(container)[self.networks[network]["Name"]] = shown_endpoint(aliases, **addresses)

    def _id_of(self, network: str) -> str:
        named = [key for key, about in self.networks.items() if about.get("Name") == network]
        return named[0] if named else network

    def disconnect(self, network: str, container: str, *, force: bool = False) -> None:
        self.events.append(f"disconnect {container}{' by force' if force else ''}")
        self.networks[network]["Containers"].pop(container, None)
        if container in self.containers:
            del self._endpoints(container)[self.networks[network]["Name"]]

    def _endpoints(self, container: str) -> dict[str, Any]:
        endpoints: dict[str, Any] = self.containers[container]["NetworkSettings"]["Networks"]
        return endpoints

    def clear_network(self, network: str) -> None:
        for container in list(self.networks[network]["Containers"]):
            self.disconnect(network, container, force=True)

    def remove_network(self, network: str) -> None:
        if self.networks[network]["Containers"]:
            raise EngineError(f"network {network} has active endpoints", status=403)
        del self.networks[network]

    def networks_changed(self, seconds: float) -> bool:
        del seconds
        return self.changes.pop(0) if self.changes else False
