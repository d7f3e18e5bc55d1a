"""Each keyword of a service: values that are right, values that are wrong, and what the engine is told."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
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


MOUNTED_FILES_WRONG: Sequence[object] = [
    "password",
    5,
    b"a",
    ["password"],
    [{"content": "a"}],
    [{"source": 5, "content": "a"}],
    {5: "a"},
    {"": "a"},
    {"a/b": "a"},
    {"..": "a"},
    {"a": 5},
    {"a": None},
    {"a": "\ud800"},
    {"a": Path("gone")},
    {"a": {}},
    {"a": {"content": "a", "file": "b"}},
    {"a": {"content": 5}},
    {"a": {"file": 5}},
    {"a": {"file": "gone"}},
    {"a": {"file": "."}},
    {"a": {"file": "loop"}},
    {"a": {"environment": "FOODTRUCKS_NOBODY_SETS_THIS"}},
    {"a": {"content": "a", "modus": 0o400}},
    {"a": {"content": "a", "mode": 400}},
    {"a": {"content": "a", "mode": "rw"}},
    {"a": {"content": "a", "uid": "root"}},
    {"a": {"content": "a", "gid": -1}},
    {"a": {"content": "a", "target": "../a"}},
    {"a": {"content": "a", "target": "/"}},
    {"a": {"content": "a", "target": 5}},
    {"a": "b", "c": {"content": "d", "target": "a"}},
]
"""Of secrets and of configs."""

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
    "secrets": Example(
        right=[
            {"password": "hunter2", "key": b"\0", "empty": ""},
            {"password": {"content": "a", "target": "/etc/app/pw", "uid": "1000", "gid": 1000, "mode": 0o400}},
            [{"source": "password", "content": "a", "target": "pw", "mode": "0440"}],
            {"home": {"environment": "PATH"}},
            {},
        ],
        wrong=MOUNTED_FILES_WRONG,
    ),
    "configs": Example(
        right=[{"app.conf": "a = 1"}, {"app.conf": {"content": "a", "target": "/etc/app.conf"}}],
        wrong=MOUNTED_FILES_WRONG,
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
        right=[
            80,
            [80, 443],
            [],
            ["53/udp", "53/tcp"],
            ["8080:80", "127.0.0.1:8443:443/tcp", "[::1]:8444:444"],
            [{"target": 80}, {"target": 443, "published": "8443", "host_ip": "127.0.0.1", "protocol": "tcp"}],
        ],
        wrong=[
            *("80", "80/sctp", "0/udp", "53/udp/", True, float("nan"), {80}, [None], 10**30, b"80"),
            *("8080:", ":80", "8080-8081:80-81", "localhost:8080:80", "1.2.3:8080:80", "70000:80", "8053:53/udp"),
            *({"published": 80}, {"target": None}, {"target": 80, "publish": 1}, {"target": 80, "published": "x"}),
            *({"target": 80, "published": 1, "host_ip": "host"}, {"target": True}, {"target": 80, "published": True}),
            ["8080:80", 80],
            ["8080:80", "8080:81"],
        ],
        body={"ExposedPorts": {"80/tcp": {}}},
    ),
    "volumes": Example(
        right=[
            ["/data", "/a:/b", "data:/c"],
            "./a:/b:ro",
            "data:/data:ro,nocopy",
            [
                {"type": "bind", "source": "a", "target": "/a", "read_only": True, "bind": {"propagation": "rslave"}},
                {"type": "volume", "source": "data", "target": "/b", "volume": {"nocopy": True, "subpath": "logs"}},
                {"type": "volume", "target": "/c", "read_only": False},
                {"type": "tmpfs", "target": "/d", "tmpfs": {"size": "64m", "mode": 0o1777}},
            ],
        ],
        wrong=[
            "data:/b:rx",
            "data:b",
            "da/ta:/b",
            ["/a:/b", "data:/b/"],
            [{}],
            [{"type": "cluster", "target": "/a"}],
            [{"type": ["bind"], "target": "/a"}],
            [{"type": "volume"}],
            [{"type": "volume", "target": "a"}],
            [{"type": "volume", "source": "./a", "target": "/a"}],
            [{"type": "bind", "target": "/a"}],
            [{"type": "bind", "source": "/a", "target": "/a", "volume": {}}],
            [{"type": "bind", "source": "/a", "target": "/a", "bind": "shared"}],
            [{"type": "bind", "source": "/a", "target": "/a", "bind": {"propagation": "often"}}],
            [{"type": "bind", "source": "/a", "target": "/a", "bind": {"create_host_path": True}}],
            [{"type": "bind", "source": "/a", "target": "/a", "read_only": "yes"}],
            [{"type": "volume", "source": "a", "target": "/a", "volume": {"subpath": "../b"}}],
            [{"type": "tmpfs", "source": "a", "target": "/a"}],
            [{"type": "tmpfs", "target": "/a", "tmpfs": {"size": "much"}}],
            [{"type": "tmpfs", "target": "/a", "tmpfs": {"mode": 1777}}],
            [5],
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
            "HostConfig": {
                "Mounts": [
                    {"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": False},
                    {"Type": "volume", "Source": "data", "Target": "/c", "ReadOnly": False},
                ]
            },
        },
    ),
    "tmpfs": Example(
        right=["/run:size=1m", ["/run"], {"target": "/run", "size": "1m", "mode": 0o1777}],
        wrong=[
            *("data", "", "/", "/data:a:b", [5], {}, {"target": "data"}, {"target": 5}),
            *({"target": "/run", "sise": 1}, {"target": "/run", "size": "much"}, {"target": "/run", "mode": "rwx"}),
        ],
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
    "ready": Example(
        right=[ready.tcp(80), [ready.running(), ready.http("/")], print],
        wrong=[5, "tcp", [], [5], int, [None], lambda: None],
    ),
    "reset": Example(
        right=[print, lambda _: None],
        wrong=[5, "flushall", [print], int, lambda: None, generates],
    ),
}
