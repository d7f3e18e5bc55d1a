"""Each keyword of a service: values that are right, values that are wrong, and what the engine is told."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_foodtrucks import ready


class Example(NamedTuple):
    """Values of a keyword. Of the wrong ones each was accepted once, or ended in a traceback.

    `body` is what the first right one becomes in the body of the engine's ContainerCreate, for a container on the
    network `net`; None for a keyword that isn't the container's.
    """

    right: Sequence[Any]
    wrong: Sequence[object]
    body: Mapping[str, Any] | None = None


def generates(service: object) -> Iterator[object]:
    """Be a function that would only begin."""
    yield service


EXAMPLES: Mapping[str, Example] = {
    "image": Example(
        right=["busybox", "registry.example:5000/team/app:1.2"],
        wrong=["", "Busybox", "a b", "a\0", 5, b"busybox", int, ["busybox"], True],
    ),
    "build": Example(
        right=["."],
        wrong=[
            5,
            "a\x00",
            "~nouser/x",
            "",
            {"context": 5},
            {"context": ".", "target": ""},
            {"context": ".", "target": 5},
            {"context": ".", "dockerfile": 5},
            {"context": ".", "args": 5},
            {"context": ".", "args": [5]},
            {"contxt": "."},
            "x" * 10000,
            "loop",
            b".",
        ],
    ),
    "command": Example(
        right=["sleep 9", ["sleep", "9"]],
        wrong=[5, b"sleep", [5], {"sleep": 9}, "a\0", ["a\0"], {"sleep"}, "\ud800"],
        body={"Cmd": ["sleep", "9"]},
    ),
    "entrypoint": Example(
        right=[["env"], []],
        wrong=[5, [None], True],
        body={"Entrypoint": ["env"]},
    ),
    "environment": Example(
        right=[{"A": 1}, ["A=1"]],
        wrong=[
            "A=1",
            5,
            b"A=1",
            {"A=B": 1},
            {"A\nB": 1},
            {"": 1},
            ["=1"],
            ["A =1"],
            {5: 1},
            {"A": b""},
            {"A": True},
            {"A": "\x00"},
            {"A": []},
            {"A": object()},
            {"A": int},
            {"A": {}},
            [5],
            [None],
            {"A": "\ud800"},
            {"A": lambda: 1},
        ],
        body={"Env": ["A=1"]},
    ),
    "aliases": Example(
        right=[["es"], ["es", "ES", "web.1"]],
        wrong=[5, [5], [None], b"es", [b"es"], {"es"}, {"es": 1}, True],
        body={"NetworkingConfig": {"EndpointsConfig": {"net": {"Aliases": ["es"]}}}},
    ),
    "ports": Example(
        right=[80, [80, 443], [], ["53/udp", "53/tcp"]],
        wrong=["80", "80/sctp", "0/udp", "53/udp/", True, float("nan"), {80}, [None], 10**30, b"80"],
        body={"ExposedPorts": {"80/tcp": {}}},
    ),
    "volumes": Example(
        right=[["/data", "/a:/b"], "./a:/b:ro"],
        wrong=[
            "./data",
            "~nouser/x:/x",
            "./data:",
            "./data:data",
            "./data:/",
            "./a:/b:rx",
            "data",
            "",
            "./a:/\0",
            {"a"},
        ],
        body={
            "Volumes": {"/data": {}},
            "HostConfig": {"Mounts": [{"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": False}]},
        },
    ),
    "tmpfs": Example(
        right=["/run:size=1m", ["/run"]],
        wrong=["data", "", "/", "/data:a:b", [5]],
        body={"HostConfig": {"Tmpfs": {"/run": "size=1m"}}},
    ),
    "mem_limit": Example(
        right=["64m", 2**30],
        wrong=[0, -1, 5, "5m", True, 1.5, float("nan"), float("inf"), "lots", "", 10**30, "9" * 5000, [], b"1g"],
        body={"HostConfig": {"Memory": 64 * 1024**2}},
    ),
    "user": Example(
        right=[1000, "1000:1000", "root"],
        wrong=["", "a b", "a:b:c", ":", True, -1, 2**31, 1.5, [], b"root", "a\n", "a\0"],
        body={"User": "1000"},
    ),
    "cap_add": Example(
        right=["NET_ADMIN", ["ALL"]],
        wrong=["", "NET-ADMIN", "a b", [5], {"NET_ADMIN"}, "NET_ADMIN\0"],
        body={"HostConfig": {"CapAdd": ["NET_ADMIN"]}},
    ),
    "dns": Example(
        right=["127.0.0.1", ["::1"]],
        wrong=["", "localhost", "127.0.0.1:53", "127.1", [5], {"127.0.0.1"}],
        body={"HostConfig": {"Dns": ["127.0.0.1"]}},
    ),
    "dns_search": Example(
        right=["example.com", ["."]],
        wrong=["", "a b", "-a", [5], {"example.com"}],
        body={"HostConfig": {"DnsSearch": ["example.com"]}},
    ),
    "healthcheck": Example(
        right=[{"test": "true"}],
        wrong=[
            {"interval": "5s"},
            {"test": "true", "intervall": "5s"},
            {"test": "true", "interval": "5"},
            {"test": "true", "interval": float("inf")},
            {"test": "true", "interval": float("nan")},
            {"test": "true", "interval": -1},
            {"test": "true", "interval": True},
            {"test": "true", "timeout": "1us"},
            {"test": "true", "start_period": 10**400},
            {"test": "true", "retries": "often"},
            {"test": "true", "retries": True},
            {"test": "true", "retries": 1.5},
            {"test": "true", "retries": -1},
            {"test": "true", "disable": "no"},
            {"test": ["wget", "localhost"]},
            {"test": ["CMD"]},
            {"test": ["CMD", 5]},
            {"test": []},
            {"test": ""},
            {"test": 5},
            {"test": None},
            {"test": b"true"},
            "wget localhost",
            5,
        ],
        body={"Healthcheck": {"Test": ["CMD-SHELL", "true"]}},
    ),
    "timeout": Example(
        right=[1, 0.5],
        wrong=[float("nan"), float("inf"), 10**400, 0, -1, True, "5", [], 10.0**10],
    ),
    "scheme": Example(
        right=["redis", "postgresql+psycopg"],
        wrong=["", "redis://", "Redis", "a b", "5", 5, True, b"redis", ["redis"], "redis\n"],
    ),
    "ready": Example(
        right=[ready.tcp(80), [ready.running(), ready.http("/")], print],
        wrong=[5, "tcp", [], [5], int, [None], lambda: None],
    ),
    "reset": Example(
        right=[print, lambda _: None],
        wrong=[5, "flushall", [print], int, lambda: None, generates],
    ),
}
