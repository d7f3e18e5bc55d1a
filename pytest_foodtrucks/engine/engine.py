"""The container engine: whatever is said to it, by way of docker-py."""

import functools
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

import docker
import docker.errors
from docker.auth import AuthConfig, resolve_repository_name
from docker.types import IPAMConfig, IPAMPool
from docker.utils import parse_repository_tag
from requests.exceptions import RequestException, Timeout
from urllib3.exceptions import HTTPError, ProtocolError

from pytest_foodtrucks.errors import EngineError, NoAnswer
from pytest_foodtrucks.hostnames import addresses_of, loopback_among
from pytest_foodtrucks.values import checked, words_of_command

from . import limits, logs, patience
from .descriptors import close_quietly
from .endpoints import Endpoint
from .execs import ExecResult, ExecStream
from .labels import NAME_LABEL
from .patience import Patience, Worth
from .subnets import gateway_of

T = TypeVar("T")

Kind = Literal["containers", "networks"]

_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - the tests are elsewhere
"""Where ports are published that the tests reach at none of the addresses of the engine's machine that are known."""
_PIECE: Final = 64 * 1024
"""Bytes of a log that are read at once."""

_CREATION_SECONDS: Final = 1.0
"""What the engine may take from its work on a network to the event that tells of it."""


class Engine:
    """A container engine that answers.

    No public constructor: the fixture `foodtrucks_engine` yields one. `logins` are those of the registries that go
    before the ones in Docker's configuration file. `url` is without its user part, so that it may be shown.
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
        self.api = api
        self._process = os.getpid()
        self._patience = patience if patience is not None else Patience()
        self._logins = logins if logins is not None else AuthConfig({})
        self.kind = "docker"
        self.endpoint = endpoint
        self.url = endpoint.shown
        with self._asked("tell its version"):
            version = api.version()
        self.version: str = version["Version"]
        if any("podman" in component["Name"].lower() for component in version.get("Components") or ()):
            raise EngineError(
                f"The engine at {self.url} is Podman {self.version}, and this version of pytest-foodtrucks speaks to "
                "Docker only. Remedy: name a Docker engine with --foodtrucks-engine or DOCKER_HOST."
            )
        self.local = self.url.startswith(("unix://", "npipe://"))
        self.host = host if host is not None else self._default_host()

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
        try:
            mine = self.inspect_container(socket.gethostname())
        except EngineError as error:
            if error.status == HTTPStatus.NOT_FOUND:  # the engine is in here with us
                return
            raise
        if mine["HostConfig"]["NetworkMode"] == "host":
            return
        gateways = [about["Gateway"] for about in mine["NetworkSettings"]["Networks"].values() if about["Gateway"]]
        raise EngineError(
            "pytest runs in a container and has only the engine's socket, so published ports aren't at 127.0.0.1. "
            f"Remedy: set --foodtrucks-host to an address of the engine's machine, here {' or '.join(gateways)}."
        )

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

    def identity(self) -> str:
        """Return what the engine calls itself: the same after a restart, and at whatever address it is asked."""
        return self._identity

    @functools.cached_property
    def _identity(self) -> str:
        return self._patiently("tell its identity", lambda: str(self.api.info()["ID"]))

    def clock_difference(self) -> float:
        """Return by how many seconds the engine's clock is ahead of this machine's; negative where it is behind.

        Asked once: a clock that is set meanwhile isn't noticed.
        """
        return self._clock_difference

    @functools.cached_property
    def _clock_difference(self) -> float:
        def ask() -> float:
            began = time.time()
            told = datetime.fromisoformat(self.api.info()["SystemTime"])
            return told.timestamp() - (began + time.time()) / 2

        return self._patiently("tell the time", ask)

    @property
    def silent(self) -> bool:
        """Tell whether the engine gave no answer when it was asked last."""
        return self._patience.silent

    def close(self) -> None:
        """Let go of the connection."""
        close_quietly(self.api)

    # images

    def image_id(self, image: str) -> str | None:
        """Return the digest of the image's content; None where the engine hasn't got it."""
        try:
            found = self._patiently(f"look for the image {image}", lambda: self.api.inspect_image(image))  # type: ignore[no-untyped-call] # a gap of types-docker
        except EngineError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return str(found["Id"])

    def image_exists(self, image: str) -> bool:
        """Tell whether the engine has the image."""
        return self.image_id(image) is not None

    def pull(self, image: str) -> Iterator[dict[str, Any]]:
        """Pull an image, and yield the engine's progress events.

        Raises EngineError, also where the engine reports the error as the stream's last event only.
        """
        repository, tag = parse_repository_tag(image)
        with self._asked(f"pull {image}"):
            login = self._logins.resolve_authconfig(resolve_repository_name(repository)[0])
            events = self.api.pull(
                repository, tag if tag is not None else "latest", stream=True, decode=True, auth_config=login
            )
            yield from _checked(events, f"pull {image}")

    def build(self, folder: Path, *, dockerfile: str, args: Mapping[str, str], **more: Any) -> Iterator[str]:
        """Build an image through the engine's API, and yield its lines of output.

        `more` takes `tag`, `labels` and `target`.
        """
        with self._asked(f"build {folder}"):
            events = self.api.build(
                path=str(folder), dockerfile=dockerfile, buildargs=dict(args), rm=True, decode=True, **more
            )
            yield from (event["stream"] for event in _checked(events, f"build {folder}") if "stream" in event)

    def tag_image(self, image: str, name: str) -> None:
        """Give an image a name with tag; whichever had it loses it."""
        repository, tag = parse_repository_tag(name)
        self._patiently(f"name the image {name}", lambda: self.api.tag(image, repository, tag))

    def untag_image(self, name: str) -> None:
        """Take a name off an image; the last name of one that a container needs stays with it."""
        try:
            self._patiently(f"take the name {name} off", lambda: self.api.remove_image(name, noprune=True))
        except EngineError as error:
            if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                raise

    # networks

    def create_network(
        self, name: str, *, driver: str, internal: bool, labels: Mapping[str, str], subnet: str | None = None
    ) -> str:
        """Create a network and return its id; without a subnet the engine takes one from its address pools.

        With one the gateway is asked for too: otherwise the engine tells of none until its next start.
        """
        ipam = None
        if subnet is not None:
            ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=subnet, gateway=gateway_of({"Subnet": subnet}))])
        named = {**labels, NAME_LABEL: name}

        def create() -> dict[str, Any]:
            return self.api.create_network(
                name, driver=driver, internal=internal, labels=named, check_duplicate=True, ipam=ipam
            )

        def find() -> dict[str, Any] | None:
            found = self.api.inspect_network(name)
            return found if found["Labels"] == named else None

        return self._created(f"create the network {name}", create, find)

    def subnets(self) -> list[str]:
        """Return the subnets of all its networks."""
        found = self._patiently("list its networks", self.api.networks)
        return [
            config["Subnet"] for network in found for config in network["IPAM"]["Config"] or () if "Subnet" in config
        ]

    def inspect_network(self, network: str) -> dict[str, Any]:
        """Return what the engine tells of a network."""
        return dict(self._patiently(f"inspect the network {network}", lambda: self.api.inspect_network(network)))

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
        with self._asked("tell what happened to its networks"):
            began = time.monotonic()
            now = datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", self.api.info()["SystemTime"])).timestamp()
            filters = {"type": "network", "event": ["create", "destroy"]}
            since = now - seconds - (time.monotonic() - began)
            span: dict[str, Any] = {
                "since": since,
                "until": now + _CREATION_SECONDS,
            }  # fractions too, which the hints don't know
            return any(True for _ in self.api.events(**span, filters=filters, decode=True))

    def connect(self, network: str, container: str, *, aliases: Sequence[str] = ()) -> None:
        """Attach a container to a network."""
        with self._asked(f"connect {container} to {network}"):
            self.api.connect_container_to_network(container, network, aliases=list(aliases))

    def disconnect(self, network: str, container: str, *, force: bool = False) -> None:
        """Detach a container from a network."""
        with self._asked(f"disconnect {container} from {network}"):
            self.api.disconnect_container_from_network(container, network, force=force)

    def clear_network(self, network: str) -> None:
        """Detach by force whatever is still attached to a network.

        What is left of a container that is gone is listed as `ep-…`, and goes by the container's name (moby#43286).
        """
        with _gone_is_fine():
            for key, about in (self.inspect_network(network).get("Containers") or {}).items():
                with _gone_is_fine():
                    self.disconnect(network, about["Name"] if key.startswith("ep-") else key, force=True)

    def remove_network(self, network: str) -> None:
        """Remove a network that has no containers; one that is gone already counts as removed."""
        with _gone_is_fine():
            self._patiently(
                f"remove the network {network}", lambda: self.api.remove_network(network), worth=patience.removal
            )

    # containers

    def create_container(self, name: str, config: Mapping[str, Any]) -> str:
        """Create a container from the engine API's own JSON, and return its id."""
        labels = {**config["Labels"], NAME_LABEL: name}

        def create() -> dict[str, Any]:
            return dict(self.api.create_container_from_config({**config, "Labels": labels}, name))  # type: ignore[no-untyped-call] # a gap of types-docker

        def find() -> dict[str, Any] | None:
            found = self.api.inspect_container(name)
            return found if labels.items() <= found["Config"]["Labels"].items() else None

        return self._created(f"create the container {name} from {config['Image']}", create, find)

    def start_container(self, container: str) -> None:
        """Start a container: once, also where the answer got lost."""
        before = self._last_start(container)

        def start() -> None:
            if self._patience.silent and self._last_start(container) != before:
                return  # the answer that got lost was a yes
            with self._asked(f"start the container {container}"):
                self.api.start(container)

        self._patience.ask(start, patience.change)

    def _last_start(self, container: str) -> str:
        return str(self.inspect_container(container)["State"]["StartedAt"])

    def stop_container(self, container: str, *, timeout: int) -> None:
        """Ask a container's process to end, and kill it after `timeout` seconds; one that doesn't run is stopped."""
        with self._asked(f"stop the container {container}"):
            self.api.stop(container, timeout=timeout)

    def kill_container(self, container: str) -> None:
        """Kill a container's processes."""
        with self._asked(f"kill the container {container}"):
            self.api.kill(container)

    def pause_container(self, container: str) -> None:
        """Freeze a container's processes."""
        with self._asked(f"pause the container {container}"):
            self.api.pause(container)

    def unpause_container(self, container: str) -> None:
        """Let a container's frozen processes go on."""
        with self._asked(f"unpause the container {container}"):
            self.api.unpause(container)

    def inspect_container(self, container: str) -> dict[str, Any]:
        """Return what the engine tells of a container."""
        about = self._patiently(f"inspect the container {container}", lambda: self.api.inspect_container(container))
        return dict(about)

    def is_on(self, container: str, network: str) -> bool:
        """Tell whether a container was made for a network; one that is gone wasn't."""
        try:
            return bool(self.inspect_container(container)["HostConfig"]["NetworkMode"] == network)
        except EngineError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            raise

    def logs(self, container: str, *, since: float | None = None, tail: int | Literal["all"] = "all") -> str:
        """Return a container's log; `since` is in seconds of the epoch, by the engine's clock."""
        raw: bytes = self._patiently(
            f"read the log of {container}", lambda: self.api.logs(container, since=since, tail=tail)
        )
        return raw.decode(errors="replace")

    def read_log(
        self,
        container: str,
        take: Callable[[Iterable[bytes]], T],
        *,
        since: float | None = None,
        tail: int | Literal["all"] = "all",
        stamps: bool = False,
    ) -> T:
        """Hand a container's log to `take` in pieces, and return what it makes of them; of any size, since none stays.

        Where the engine is asked again `take` is called anew. With `stamps` each piece begins with its time; `since`
        is in seconds of the epoch, by the engine's clock. docker-py's own stream waits for a next piece without end.
        """
        asked = {"stdout": 1, "stderr": 1, "timestamps": int(stamps), "since": since, "tail": tail}

        def read() -> T:
            with closing(self._raw("/containers/{0}/logs", container, params=asked)) as answer:
                return take(logs.contents(answer.iter_content(_PIECE)))

        return self._patiently(f"read the log of {container}", read)

    def _raw(self, path: str, *names: str, params: Mapping[str, Any]) -> Any:
        """Ask by docker-py's own means for an answer that is read piece by piece."""
        api: Any = self.api
        answer = api._get(api._url(path, *names), params=params, stream=True)  # noqa: SLF001 - as its methods do
        api._raise_for_status(answer)  # noqa: SLF001 - likewise
        return answer

    def exec(self, container: str, argv: Sequence[str], *, timeout: float | None = None) -> ExecResult:
        """Run a command in a container as `exec_bytes` does; what is no UTF-8 is replaced in its words."""
        exit_code, *outputs = self.exec_bytes(container, argv, timeout=timeout)
        return ExecResult(exit_code, *(output.decode(errors="replace") for output in outputs))

    def exec_bytes(
        self, container: str, argv: Sequence[str], *, timeout: float | None = None, most: int | None = None
    ) -> tuple[int | None, bytes, bytes]:
        """Run a command in a container and wait for its end; never twice, whatever the engine answers.

        Returns its exit code, standard output and error. After `most` bytes of these it isn't listened to any longer;
        its exit code may be None then. Raises TimeoutError when it hasn't ended within `timeout` seconds; it goes on
        then, for the engine ends none. Raises DefinitionError for what is no list of words.
        """
        words = list(checked("argv", argv, words_of_command))
        with self._asked(f"run {words[0]!r} in the container {container}"):
            exec_id = self.api.exec_create(container, words)["Id"]
            with closing(ExecStream(self.api.exec_start(exec_id, socket=True))) as stream:
                outputs = stream.outputs(timeout, most=most)
            exit_code = self.api.exec_inspect(exec_id)["ExitCode"]
        return exit_code, *outputs

    def open_exec(self, container: str, argv: Sequence[str]) -> ExecStream:
        """Start a command in a container that reads its input, and return its two ends."""
        with self._asked(f"run {argv[0]!r} in the container {container}"):
            exec_id = self.api.exec_create(container, list(argv), stdin=True, tty=False)["Id"]
            return ExecStream(self.api.exec_start(exec_id, socket=True))

    def remove_container(self, container: str) -> None:
        """Kill and remove a container with its anonymous volumes; one that is gone counts as removed."""
        with _gone_is_fine():
            self._patiently(
                f"remove the container {container}",
                lambda: self.api.remove_container(container, force=True, v=True),
                worth=patience.removal,
            )

    # by label

    def labelled(self, kind: Kind, label: str, value: str) -> list[str]:
        """Return the ids of containers or networks whose label has the value."""
        return [thing for thing, found in self.labels(kind, label).items() if found == value]

    def labels(self, kind: Kind, label: str) -> dict[str, str]:
        """Return the ids of our containers or networks that have a label, and its values."""
        return {thing["Id"]: thing["Labels"][label] for thing in self._ours(kind, label)}

    def created(self, kind: Kind, label: str) -> dict[str, float]:
        """Return the ids of the same, and when each was created, in seconds of the epoch by the engine's clock."""
        return {thing["Id"]: _seconds(thing["Created"]) for thing in self._ours(kind, label)}

    def _ours(self, kind: Kind, label: str) -> list[dict[str, Any]]:
        """Return what the engine lists of our containers or networks that have a label.

        Each object's own labels are read: an old engine once ignored the filter (ryuk#32). What has another name than
        its label says isn't ours.
        """
        filters = {"label": label}

        def ask() -> Any:
            if kind == "containers":
                return self.api.containers(all=True, filters=filters)
            return self.api.networks(filters=filters)

        found = self._patiently(f"list the {kind} with the label {label}", ask)
        return [thing for thing in found if label in (thing.get("Labels") or {}) and _is_called_as_it_says(thing)]

    # about this process

    def running_since(self, container: str) -> str | None:
        """Return when a container was started, in the engine's words; None where it isn't there or doesn't run."""
        try:
            state = self.inspect_container(container)["State"]
        except EngineError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return str(state["StartedAt"]) if state["Running"] else None

    def command_lines(self, container: str) -> list[str]:
        """Return the command lines of the processes in a container; none where it isn't there or doesn't run."""
        with self._asked(f"list the processes of {container}"):
            try:
                return [" ".join(row) for row in self.api.top(container)["Processes"] or ()]
            except docker.errors.APIError as error:
                if error.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                    return []
                raise

    # how it is asked

    def _patiently(self, what: str, request: Callable[[], T], *, worth: Worth = patience.question) -> T:
        """Ask, and ask again where the engine is busy or away: for what does no harm when it is done twice."""

        def ask() -> T:
            with self._asked(what):
                return request()

        return self._patience.ask(ask, worth)

    def _created(
        self, what: str, create: Callable[[], dict[str, Any]], find: Callable[[], dict[str, Any] | None]
    ) -> str:
        """Create something, and return its id: once, also where the answer got lost.

        It was a yes if its name, which ends randomly, is taken now, by what has the same labels; `find` returns that.
        """
        lost = False

        def ask() -> str:
            nonlocal lost
            try:
                with self._asked(what):
                    return str(create()["Id"])
            except NoAnswer:
                lost = True
                raise
            except EngineError as error:
                found = None
                if lost and error.status == HTTPStatus.CONFLICT:
                    found = self._patiently(what, find, worth=patience.appearance)
                if found is None:
                    raise
                return str(found["Id"])

        return self._patience.ask(ask, patience.change)

    @contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        if os.getpid() != self._process:  # a forked child: the open connections are its parent's
            close_quietly(self.api)
            self._process = os.getpid()
        try:
            yield
        except docker.errors.APIError as error:
            self._heard(answer=True)
            raise _refused(what, words_of(error), error.status_code) from error
        except docker.errors.DockerException as error:
            raise EngineError(
                f"The engine could not be asked to {what}: {words_of(error)}. Remedy: look at Docker's configuration "
                "(config.json and its credential helpers) and at the names in that request."
            ) from error
        except (RequestException, HTTPError, ConnectionError) as error:
            self._heard(answer=False)
            limit = limits.reached(error)
            if limit is not None:
                raise NoAnswer(f"The engine at {self.url} could not be asked to {what}. {limit}") from error
            raise NoAnswer(
                f"The engine at {self.url} gave no answer when asked to {what}: {words_of(error)}. "
                "Remedy: see whether it still runs, and start it again.",
                late=isinstance(error, Timeout),
            ) from error
        else:
            self._heard(answer=True)

    def _heard(self, *, answer: bool) -> None:
        """Note whether the engine answered; one that didn't gets less time for the next answer."""
        self._patience.silent = not answer
        self.api.timeout = int(patience.ANSWER_SECONDS if answer else patience.BRIEF_SECONDS)


def _is_called_as_it_says(thing: Mapping[str, Any]) -> bool:
    """Tell whether a container or network of a listing has the name that its label says."""
    names = [name.removeprefix("/") for name in thing.get("Names") or [thing.get("Name", "")]]
    return thing["Labels"].get(NAME_LABEL) in names


def _seconds(created: float | str) -> float:
    """Read when something was created: a listing has seconds for containers, and a text for networks."""
    if isinstance(created, str):
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", created)).timestamp()
    return created


def _checked(events: Iterator[dict[str, Any]], what: str) -> Iterator[dict[str, Any]]:
    """Pass events through; an error among them counts as the answer that the engine would have given earlier.

    It is raised at the stream's end, so that the connection is free again.
    """
    errors = []
    for event in events:
        if "error" in event:
            errors.append(event["error"].strip().rstrip("."))
        else:
            yield event
    if errors:
        raise _refused(what, errors[0], HTTPStatus.INTERNAL_SERVER_ERROR)


def _refused(what: str, words: str, status: int | None) -> EngineError:
    return EngineError(f"The engine could not {what}: {words}", status=status, reason=words)


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    try:
        yield
    except EngineError as error:
        if error.status != HTTPStatus.NOT_FOUND and not patience.is_being_removed(error):
            raise


def words_of(error: Exception) -> str:
    """Return what an error of docker-py says, as a part of a sentence."""
    explanation = getattr(error, "explanation", None)
    broken = error.args[0] if isinstance(error, RequestException) and error.args else None
    if isinstance(broken, ProtocolError) and len(broken.args) > 1:
        explanation = broken.args[1]  # what befell the connection
    return str(explanation if explanation is not None else error).strip().rstrip(".")
