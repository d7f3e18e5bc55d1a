"""docker-py's client for an engine's address: what it takes from the environment, how many connections it has."""

import importlib.util
import threading
from collections.abc import Mapping
from typing import Any, Final

import docker
from docker.context import ContextAPI
from docker.utils import kwargs_from_env
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from pytest_foodtrucks.errors import EngineNotFound

from . import patience
from .endpoints import Endpoint
from .ssh import Sessions, connecting
from .urls import is_on_loopback

_KEPT_CONNECTIONS: Final = 128
"""How many connections wait for the next request. urllib3 warns where there are more, and there is nothing to do."""

_REQUESTS_OVER_SSH: Final = 5
"""How many requests are made at a time over ssh: each has a session of sshd, as each probe has.

sshd allows 10 of them on a connection (MaxSessions). The others wait.
"""


def client_for(endpoint: Endpoint, environ: Mapping[str, str]) -> docker.APIClient:
    """Return a client that has asked the engine for its version.

    Raises EngineNotFound where ssh lacks paramiko, and what docker-py, requests and paramiko raise.
    """
    is_ssh = endpoint.url.startswith("ssh://")
    if is_ssh and importlib.util.find_spec("paramiko") is None:
        raise EngineNotFound(
            f"The engine at {endpoint.shown}, set by {endpoint.set_by}, can't be asked: docker-py needs paramiko for "
            "ssh. Remedy: pip install 'pytest-foodtrucks[ssh]'.",
            set_by=endpoint.set_by,
        )
    kind = _ClientOverSsh if is_ssh else _ClientOnLoopback if is_on_loopback(endpoint.url) else _Client
    settings = _where(endpoint, environ) | {"timeout": int(patience.ANSWER_SECONDS)}
    client = kind(**settings) if is_ssh else kind(**settings, max_pool_size=_KEPT_CONNECTIONS)
    _keep_connections(client)
    return client


def _where(endpoint: Endpoint, environ: Mapping[str, str]) -> dict[str, Any]:
    if endpoint.context is None:
        return dict(kwargs_from_env({**environ, "DOCKER_HOST": endpoint.url}))
    context = ContextAPI.get_context(endpoint.context)  # None: removed since the engine was found
    tls = None if context is None else context.TLSConfig
    return {"base_url": endpoint.url, "tls": tls if tls is not None else False}


def _keep_connections(client: docker.APIClient) -> None:
    """Let a client over TCP keep as many connections; docker-py gives `max_pool_size` to sockets only."""
    for prefix in [prefix for prefix in client.adapters if prefix in {"http://", "https://"}]:
        client.adapters[prefix].close()
        client.mount(prefix, HTTPAdapter(pool_maxsize=_KEPT_CONNECTIONS))


class _Client(docker.APIClient):
    """A client that verifies the engine by what the engine's address says, whatever CA the environment names.

    requests would let REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE overrule it. They count where no CA was given.
    """

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Return what requests would, with the client's own `verify`."""
        own = self.verify if verify is None else verify
        return super().merge_environment_settings(url, proxies, stream, False if own is None else own, cert)


class _ClientOnLoopback(_Client):
    """A client that asks no proxy of the environment, as Docker's own doesn't for loopback (Go's httpproxy).

    It is a class, because the first question is asked before somebody could set an attribute.
    """

    @property
    def trust_env(self) -> bool:
        """Whether requests reads proxies from the environment."""
        return False

    @trust_env.setter
    def trust_env(self, value: bool) -> None:
        """Take no other value, as requests sets one itself."""


class _ClientOverSsh(_Client):
    """A client that makes few requests at a time."""

    def __init__(self, **settings: Any) -> None:
        self._turns = threading.BoundedSemaphore(_REQUESTS_OVER_SSH)
        super().__init__(**settings)
        adapter: Any = self.get_adapter(self.base_url)
        if hasattr(adapter, "ssh_client"):
            adapter.pools.clear()  # they know the one connection
            adapter.ssh_client = Sessions(adapter.ssh_client, connecting(adapter.ssh_client, adapter.ssh_params))

    def send(self, request: PreparedRequest, **settings: Any) -> Response:
        """Send a request once it is its turn."""
        with self._turns:
            return super().send(request, **settings)

    def close(self) -> None:
        """Close it, and begin anew, as a forked child does: its parent's threads never give their turns back to it."""
        self._turns = threading.BoundedSemaphore(_REQUESTS_OVER_SSH)
        super().close()
