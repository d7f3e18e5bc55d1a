"""An engine in memory, with containers that run."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar, Unpack

from pytest_foodtrucks.engine.execs import ExecKeywords, ExecResult, ExecStream
from pytest_foodtrucks.engine.labels import NAME_LABEL, Kind
from pytest_foodtrucks.engine.logs import Frame, LogLine, Search, lines, search
from pytest_foodtrucks.errors import EngineError

from .agent import FakeAgent, stream_to
from .engine_networks import shown_endpoint
from .engine_volumes import FakeVolumes, listed_mounts
from .logs import stamped

T = TypeVar("T")


def _bytes(text: str) -> bytes:
    r"""Return what stands for a text; a byte that is no UTF-8 is written as Python shows it in a path, \udcff."""
    return text.encode(errors="surrogateescape")


def _endpoint(asked: Mapping[str, Any]) -> dict[str, Any]:
    fixed = asked.get("IPAMConfig", {})
    return shown_endpoint(
        asked.get("Aliases", ()),
        ipv4_address=fixed.get("IPv4Address"),
        ipv6_address=fixed.get("IPv6Address"),
        mac_address=asked.get("MacAddress"),
    )


class FakeEngine(FakeVolumes):
    """An engine in memory: a container is what it was created from, and runs once it was started.

    `answer` is what a command in a container says, `run_with` how each was run, and `agent` what an agent there does;
    `log` is each container's log, and `log_error` is raised where it is read. `created_at` is when everything was
    created.
    """

    def __init__(self, *, host: str = "127.0.0.1", local: bool = True) -> None:
        super().__init__(host=host, local=local)
        self.run_with: list[ExecKeywords] = []
        self.answer: Callable[[Sequence[str] | str], ExecResult] = lambda _: ExecResult(0, "", "")
        self.agent: Callable[[str, dict[str, Any]], Any] = FakeAgent()
        self.log = "a line of the log\n"
        self.log_error: EngineError | None = None
        self.closed = False
        self.clock_difference = 0.0
        self.created_at = 0.0
        self.identity = "one engine"
        self.is_silent = False

    def close(self) -> None:
        self.closed = True

    @property
    def silent(self) -> bool:
        return self.is_silent

    def create_container(self, name: str, config: Mapping[str, Any], *, platform: str | None = None) -> str:
        container_id = f"container{next(self._numbers)}"
        config = {**config, "Labels": {**config.get("Labels", {}), NAME_LABEL: name}}
        self.events.append(f"create {name.rpartition('-')[0]}")
        network = config["HostConfig"]["NetworkMode"]
        self.make_volumes(config)
        on = {network: {}, **config.get("NetworkingConfig", {}).get("EndpointsConfig", {})}
        self.containers[container_id] = {
            "Name": name,
            "Config": dict(config),
            "Platform": platform,
            "HostConfig": config["HostConfig"],
            "Mounts": list(listed_mounts(config)),
            "State": {"Status": "created", "ExitCode": 0, "OOMKilled": False, "Error": ""},
            "NetworkSettings": {"Networks": {name: _endpoint(asked) for name, asked in on.items()}},
        }
        return container_id

    def start_container(self, container: str) -> None:
        if self.start_errors:
            raise self.start_errors.pop(0)
        self.events.append(f"start {self.containers[container]['Name'].rpartition('-')[0]}")
        state: dict[str, Any] = {"Status": "running", "StartedAt": f"start {next(self._numbers)}"}
        if (self.containers[container]["Config"].get("Healthcheck") or {}).get("Test", ["NONE"]) != ["NONE"]:
            state["Health"] = {"Status": "starting"}
        self.containers[container]["State"].update(state)

    def stop_container(self, container: str, *, timeout: int) -> None:
        self._ended(container, f"stop within {timeout}")

    def kill_container(self, container: str) -> None:
        self._ended(container, "kill")

    def _ended(self, container: str, event: str) -> None:
        self.events.append(f"{event} {self.inspect_container(container)['Name'].rpartition('-')[0]}")
        self.containers[container]["State"].update(Status="exited", FinishedAt="2100-01-31T12:00:00.5Z")

    def pause_container(self, container: str) -> None:
        self.inspect_container(container)["State"]["Status"] = "paused"

    def unpause_container(self, container: str) -> None:
        self.inspect_container(container)["State"]["Status"] = "running"

    def inspect_container(self, container: str) -> dict[str, Any]:
        if container not in self.containers:
            raise EngineError(f"no such container: {container}", status=404)
        return self.containers[container]

    def logs(self, container: str, *, since: float | None = None, tail: int | Literal["all"] = "all") -> str:
        def take(pieces: Iterable[bytes]) -> str:
            return b"".join(pieces).decode()

        return self.read_log(container, take, since=since, tail=tail)

    def read_log(
        self,
        container: str,
        take: Callable[[Iterable[bytes]], T],
        *,
        since: float | None = None,
        tail: int | Literal["all"] = "all",
    ) -> T:
        return take([frame.content[31:] for frame in self._frames(container, since, tail)])

    def _frames(self, container: str, since: float | None, tail: int | Literal["all"] = "all") -> list[Frame]:
        del container
        if self.log_error is not None:
            raise self.log_error
        written = stamped(self.log, since=since)
        return written if tail == "all" else written[-tail:]

    def search_log(self, container: str, pattern: re.Pattern[str], *, since: float | None = None) -> Search:
        return search(self._frames(container, since), pattern)

    def log_lines(
        self, container: str, *, since: float | None = None, tail: int | Literal["all"] = "all"
    ) -> list[LogLine]:
        return list(lines(self._frames(container, since, tail)))

    def exec_bytes(
        self, container: str, argv: Sequence[str] | str, *, most: int | None = None, **how: Unpack[ExecKeywords]
    ) -> tuple[int | None, bytes, bytes]:
        del container, most
        self.run_with.append(how)
        result = self.answer(argv)
        return result.exit_code, _bytes(result.stdout), _bytes(result.stderr)

    def open_exec(self, container: str, argv: Sequence[str]) -> ExecStream:
        del argv
        self.inspect_container(container)
        return stream_to(self.agent)

    def remove_container(self, container: str) -> None:
        if self.containers.pop(container, None) is not None:
            self.events.append("remove")

    def running_since(self, container: str) -> str | None:
        about = self.containers.get(container)
        return None if about is None else str(about["State"].get("StartedAt", ""))

    def command_lines(self, container: str) -> list[str]:
        del container
        return []

    def created(self, kind: Kind, label: str) -> dict[str, float]:
        return dict.fromkeys(self.labels(kind, label), self.created_at)

    def labels(self, kind: Kind, label: str) -> dict[str, str]:
        networks = {key: about["Labels"] for key, about in self.networks.items()}
        containers = {key: about["Config"]["Labels"] for key, about in self.containers.items()}
        things = {"containers": containers, "networks": networks, "volumes": self.volumes}[kind]
        return {key: labels[label] for key, labels in things.items() if label in labels}
