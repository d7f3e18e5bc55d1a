"""Networks on the engine: created, looked at, connected with containers, removed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypedDict, Unpack

from docker.types import IPAMConfig, IPAMPool

from pytest_foodtrucks.clock import monotonic

from . import patience
from .asking import EngineClient, gone_is_fine
from .labels import NAME_LABEL
from .subnets import gateway_of

_CREATION_SECONDS: Final = 1.0
"""How long the engine may work on a network before the event that reports it."""


class FixedAddresses(TypedDict, total=False):
    """The addresses that a container is to have on a network; None lets the engine choose."""

    ipv4_address: str | None
    ipv6_address: str | None
    mac_address: str | None


class NetworkRequests(EngineClient):
    """What an engine is asked about networks."""

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
        """Create a network and return its id.

        `subnets` are subnets with their gateways; without one the engine takes one from its address pools. The gateway
        is asked for too, because otherwise the engine shows none until its next start.
        """
        all_labels = {**labels, NAME_LABEL: name}
        pools = [IPAMPool(subnet=subnet, gateway=gateway) for subnet, gateway in (subnets or {}).items()]
        about: dict[str, Any] = {
            "driver": driver,
            "internal": internal,
            "labels": all_labels,
            "check_duplicate": True,
            "ipam": IPAMConfig(pool_configs=pools) if pools else None,
            "enable_ipv6": ipv6,
            "options": dict(driver_opts) if driver_opts else None,
        }

        def create() -> dict[str, Any]:
            return self.api.create_network(name, **about)

        def find() -> dict[str, Any] | None:
            found = self.api.inspect_network(name)
            return found if found["Labels"] == all_labels else None

        return self._create_once(f"create the network {name}", create, find)

    def inspect_network(self, network: str) -> dict[str, Any]:
        """Return all that the engine shows of a network, as its API has it."""
        return dict(self._ask(f"inspect the network {network}", lambda: self.api.inspect_network(network)))

    def gateway_mode(self, network: str, address: str) -> str:
        """Return a bridge network's gateway mode for an address' family, such as routed; empty where none was set.

        See docs.docker.com/engine/network/drivers/bridge; `routed` came with Docker 27.
        """
        options = self.inspect_network(network).get("Options") or {}
        return str(options.get(f"com.docker.network.bridge.gateway_mode_ipv{6 if ':' in address else 4}", ""))

    def subnets(self) -> list[str]:
        """Return the subnets of all its networks."""
        return [subnet for _, subnet in self.subnets_by_network()]

    def subnets_by_network(self) -> list[tuple[str, str]]:
        """Return the subnets of all its networks, each with the network's name."""
        return [
            (network["Name"], config["Subnet"])
            for network in self._networks()
            for config in network["IPAM"]["Config"] or ()
            if "Subnet" in config
        ]

    def gateways(self) -> set[str]:
        """Return the addresses that the engine's machine has on its networks."""
        configs = [config for network in self._networks() for config in (network.get("IPAM") or {}).get("Config") or ()]
        return {gateway for config in configs if (gateway := gateway_of(config))}

    def _networks(self) -> list[dict[str, Any]]:
        return self._ask("list its networks", self.api.networks)

    def proxies(self) -> dict[str, str]:
        """Return the proxies that the engine itself uses, by the names of its settings."""
        about = self._ask("tell its proxies", self.api.info)
        return {name: about[name] for name in ("HttpProxy", "HttpsProxy") if about.get(name)}

    def attached(self, network: str) -> dict[str, str]:
        """Return the containers' names on a network by their addresses, of both families."""
        found = (self.inspect_network(network).get("Containers") or {}).values()
        return {
            about[family].partition("/")[0]: about["Name"]
            for about in found
            for family in ("IPv4Address", "IPv6Address")
            if about.get(family)
        }

    def networks_changed(self, seconds: float) -> bool:
        """Tell whether a network was created or removed in the last seconds, by the engine's own clock.

        Waits for what is going on now: the event of a creation comes after all that it does.
        """
        with self._asking("tell what happened to its networks"):
            began = monotonic()
            now = datetime.fromisoformat(self.api.info()["SystemTime"]).timestamp()
            since = now - seconds - (monotonic() - began)
            # fractions too, which docker-py's type hints don't know
            span: dict[str, Any] = {"since": since, "until": now + _CREATION_SECONDS}
            filters = {"type": "network", "event": ["create", "destroy"]}
            return any(True for _ in self.api.events(**span, filters=filters, decode=True))

    def connect(
        self, network: str, container: str, *, aliases: Sequence[str] = (), **addresses: Unpack[FixedAddresses]
    ) -> None:
        """Attach a container to a network."""
        with self._asking(f"connect {container} to {network}"):
            self.api.connect_container_to_network(container, network, aliases=list(aliases), **addresses)

    def disconnect(self, network: str, container: str, *, force: bool = False) -> None:
        """Detach a container from a network."""
        with self._asking(f"disconnect {container} from {network}"):
            self.api.disconnect_container_from_network(container, network, force=force)

    def clear_network(self, network: str) -> None:
        """Detach by force whatever is still attached to a network.

        What is left of a container that is gone is listed as `ep-…`, and goes by the container's name (moby#43286).
        """
        with gone_is_fine():
            for key, about in (self.inspect_network(network).get("Containers") or {}).items():
                with gone_is_fine():
                    self.disconnect(network, about["Name"] if key.startswith("ep-") else key, force=True)

    def remove_network(self, network: str) -> None:
        """Remove a network that has no containers; one that is gone already counts as removed."""
        with gone_is_fine():
            self._ask(
                f"remove the network {network}", lambda: self.api.remove_network(network), policy=patience.removal
            )
