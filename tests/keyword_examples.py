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
            {"context": ".", "dockerfile": "a", "dockerfile_inline": "FROM a"},
            {"context": ".", "dockerfile_inline": " "},
            {"context": ".", "cache_from": 5},
            {"context": ".", "network": "a b"},
            {"context": ".", "platforms": ["Linux"]},
            {"context": ".", "dockerfile_inline": "FROM a", "additional_contexts": {"base": "service:base"}},
            {"context": ".", "dockerfile_inline": "FROM a", "additional_contexts": {"base": "missing"}},
            {"context": ".", "dockerfile_inline": "FROM a", "secrets": ["token"]},
            {"context": ".", "dockerfile_inline": "FROM a", "secrets": {"token": "missing"}},
            {"context": ".", "dockerfile_inline": "FROM a", "secrets": {"token": {"environment": "NOBODY_SET_IT"}}},
            {"context": ".", "dockerfile_inline": "FROM a", "secrets": {"token": {"content": "hunter2"}}},
            {"context": ".", "dockerfile_inline": "FROM a", "ssh": {"deploy": "missing"}},
            {"context": ".", "dockerfile_inline": "FROM a", "ssh": 5},
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
    "mac_address": Example(
        right=["02:42:AC:11:00:05", "02-42-ac-11-00-05"],
        wrong=["", "02:42", "01:42:ac:11:00:05", "00:00:00:00:00:00", "02:42:ac:11:00:0g", 5, b"02", ["02:42"]],
        body={"MacAddress": "02:42:ac:11:00:05"},
    ),
    "dns_opt": Example(
        right=["ndots:2", ["rotate"]],
        wrong=["", "ndots=2", "a b", [5], {"rotate"}, b"rotate"],
        body={"HostConfig": {"DnsOptions": ["ndots:2"]}},
    ),
    "platform": Example(
        right=["linux/amd64", "linux", "linux/arm/v7"],
        wrong=["", "Linux/amd64", "linux/", "linux/amd64/v1/x", "a b", 5, ["linux"], b"linux", True],
        body={},
    ),
    "hostname": Example(
        right=["db", "db-1.internal"],
        wrong=["", "a b", "-a", "127.0.0.1", "a.", "a" * 64, "ä", 5, ["db"], b"db", "a\0"],
        body={"Hostname": "db"},
    ),
    "domainname": Example(
        right=["example.com"],
        wrong=["", "a b", "-a", "::1", "a" * 64, 5, ["a"], b"a"],
        body={"Domainname": "example.com"},
    ),
    "extra_hosts": Example(
        right=[{"db": "10.0.0.5", "here": "host-gateway"}, ["db=10.0.0.5", "six=[::1]", "seven:::1"], {"a": ["::1"]}],
        wrong=["db=10.0.0.5", ["db"], ["=10.0.0.5"], ["db=nobody"], {"d b": "::1"}, {"db": 5}, {5: "::1"}, [5], 5],
        body={"HostConfig": {"ExtraHosts": ["db:10.0.0.5", "here:host-gateway"]}},
    ),
    "sysctls": Example(
        right=[{"net.core.somaxconn": 1024}, ["kernel.msgmax=65536"]],
        wrong=["net.core.somaxconn=1", {"vm.swappiness": 1}, ["kernel.pid_max=5"], {"net.a": None}, {5: 1}, [5], 5],
        body={"HostConfig": {"Sysctls": {"net.core.somaxconn": "1024"}}},
    ),
    "labels": Example(
        right=[{"com.example.team": "trucks", "com.example.empty": None}, ["com.example.team=trucks", "com.example.b"]],
        wrong=[
            {"pytest-foodtrucks": "mine"},
            ["pytest-foodtrucks.owner=me"],
            {"pytest-foodtrucks.image": None},
            "a=b",
            {"": "b"},
            {5: "b"},
            {"a": []},
            {"a": "\0"},
            [5],
            5,
        ],
        body={"Labels": {"com.example.team": "trucks", "com.example.empty": ""}},
    ),
    "annotations": Example(
        right=[{"com.example.a": "b"}, ["com.example.a=b"]],
        wrong=["a=b", {"": "b"}, {5: "b"}, {"a": None}, ["a"], {"a": "\0"}, 5],
        body={"HostConfig": {"Annotations": {"com.example.a": "b"}}},
    ),
    "env_file": Example(
        right=[{"path": "x.env", "required": False}, [{"path": "x.env", "format": "raw", "required": False}], []],
        wrong=[
            "missing.env",
            Path("missing.env"),
            ["missing.env"],
            {"path": "x.env", "format": "json"},
            {"path": "x.env", "required": "no"},
            {"required": False},
            {"path": 5},
            {"path": "", "required": False},
            "loop",
            "x" * 10000,
            "a\0",
            5,
            [5],
            b"x.env",
        ],
    ),
    "read_only": Example(
        right=[True, False],
        wrong=["true", 1, 0, [], "ro"],
        body={"HostConfig": {"ReadonlyRootfs": True}},
    ),
    "privileged": Example(
        right=[True, False],
        wrong=["true", 1, []],
        body={"HostConfig": {"Privileged": True}},
    ),
    "init": Example(
        right=[True, False],
        wrong=["true", 1, [], "/sbin/init"],
        body={"HostConfig": {"Init": True}},
    ),
    "tty": Example(
        right=[True, False],
        wrong=["true", 1, []],
        body={"Tty": True},
    ),
    "stdin_open": Example(
        right=[True, False],
        wrong=["true", 1, []],
        body={"OpenStdin": True},
    ),
    "working_dir": Example(
        right=["/app", "/"],
        wrong=["", "app", "./app", "C:\\app", 5, ["/app"], b"/app", "/a\0", "/a\nb", Path("/app")],
        body={"WorkingDir": "/app"},
    ),
    "stop_signal": Example(
        right=["SIGINT", "int", 2, "2", "SIGRTMIN+3"],
        wrong=["", "SIGNOTHING", 0, 65, -1, True, 1.5, "SIGRTMIN+99", [], b"SIGINT", "9" * 5000],
        body={"StopSignal": "SIGINT"},
    ),
    "stop_grace_period": Example(
        right=["1m30s", 2, 0.5, "500ms", 0],
        wrong=["", "5", "often", -1, True, float("nan"), float("inf"), 10**400, [], b"5s"],
        body={"StopTimeout": 90},
    ),
    "group_add": Example(
        right=[["audio", 1000]],
        wrong=["audio", 5, ["a b"], ["1:2"], [True], [-1], [2**31], [None], {"audio"}],
        body={"HostConfig": {"GroupAdd": ["audio", "1000"]}},
    ),
    "cap_drop": Example(
        right=["ALL", ["NET_RAW", "CHOWN"]],
        wrong=["", "NET-RAW", "a b", [5], {"ALL"}, "ALL\0"],
        body={"HostConfig": {"CapDrop": ["ALL"]}},
    ),
    "security_opt": Example(
        right=[
            ["no-new-privileges", "seccomp:unconfined", "label=user:me", "systempaths=unconfined"],
            "no-new-privileges:true",
        ],
        wrong=["", "no-new-privileges:maybe", "seccomp", "seccomp:missing.json", "smack:x", [5], {"seccomp"}, 5, "a\0"],
        body={
            "HostConfig": {
                "SecurityOpt": ["no-new-privileges=true", "seccomp=unconfined", "label=user:me"],
                "MaskedPaths": [],
                "ReadonlyPaths": [],
            }
        },
    ),
    "userns_mode": Example(
        right=["host"],
        wrong=["", "private", "keep-id", 5, ["host"], b"host"],
        body={"HostConfig": {"UsernsMode": "host"}},
    ),
    "ipc": Example(
        right=["none", "private", "shareable", "host", "container:db"],
        wrong=["", "service:db", "container:", "container:a b", 5, ["host"], b"host"],
        body={"HostConfig": {"IpcMode": "none"}},
    ),
    "pid": Example(
        right=["host", "container:db"],
        wrong=["", "private", "service:db", "container:", 5, ["host"], b"host"],
        body={"HostConfig": {"PidMode": "host"}},
    ),
    "runtime": Example(
        right=["runc", "io.containerd.runc.v2"],
        wrong=["", "a b", 5, ["runc"], b"runc", "runc\n"],
        body={"HostConfig": {"Runtime": "runc"}},
    ),
    "logging": Example(
        right=[{"driver": "local", "options": {"max-size": "1m"}}, {"driver": "none"}, {"options": {"max-file": 2}}],
        wrong=[
            "local",
            {},
            {"driver": 5},
            {"driver": "a b"},
            {"driver": None},
            {"driver": "local", "options": 5},
            {"driver": "local", "options": {"max-size": None}},
            {"driver": "local", "opts": {}},
            ["local"],
            5,
        ],
        body={"HostConfig": {"LogConfig": {"Type": "local", "Config": {"max-size": "1m"}}}},
    ),
    "shm_size": Example(
        right=["64m", 2**20],
        wrong=[0, "0", -1, True, 1.5, "lots", "", 10**30, [], b"1g"],
        body={"HostConfig": {"ShmSize": 64 * 1024**2}},
    ),
    "mem_reservation": Example(
        right=["32m", 2**25],
        wrong=[0, -1, 5, "5m", True, 1.5, "lots", "", 10**30, [], b"1g"],
        body={"HostConfig": {"MemoryReservation": 32 * 1024**2}},
    ),
    "memswap_limit": Example(
        right=["96m", -1, "-1"],
        wrong=["64m", 0, "0", -2, True, 1.5, "lots", "", 10**30, [], b"1g"],
        body={"HostConfig": {"MemorySwap": 96 * 1024**2}},
    ),
    "cpus": Example(
        right=[0.5, "1.5", 2],
        wrong=[0, "0", -1, 0.001, True, "many", "", "nan", float("nan"), float("inf"), 10**400, "9" * 5000, [], b"1"],
        body={"HostConfig": {"NanoCpus": 500_000_000}},
    ),
    "cpuset": Example(
        right=["0", "0-1", "0,1"],
        wrong=["", "0-", "all", "0;1", 0, [0], b"0"],
        body={"HostConfig": {"CpusetCpus": "0"}},
    ),
    "cpu_shares": Example(
        right=[512, "512"],
        wrong=[0, 1, -1, True, 0.5, "half", "", 10**30, [], b"512"],
        body={"HostConfig": {"CpuShares": 512}},
    ),
    "pids_limit": Example(
        right=[100, "100", -1],
        wrong=[0, -2, True, 0.5, "many", "", 10**30, [], b"5"],
        body={"HostConfig": {"PidsLimit": 100}},
    ),
    "oom_score_adj": Example(
        right=[500, "-500", 0],
        wrong=[1001, -1001, True, 0.5, "high", "", [], b"5"],
        body={"HostConfig": {"OomScoreAdj": 500}},
    ),
    "ulimits": Example(
        right=[{"nofile": {"soft": 1024, "hard": 2048}, "core": -1}, {"nproc": "512"}],
        wrong=[
            "nofile=1024",
            ["nofile=1024"],
            {"files": 1024},
            {5: 1024},
            {"nofile": -2},
            {"nofile": "many"},
            {"nofile": True},
            {"nofile": {"soft": 5}},
            {"nofile": {"soft": 5, "hard": 4}},
            {"nofile": {"soft": 4, "hard": 5, "firm": 6}},
            {"nofile": None},
            {"nofile": [1, 2]},
            5,
        ],
        body={
            "HostConfig": {
                "Ulimits": [{"Name": "core", "Soft": -1, "Hard": -1}, {"Name": "nofile", "Soft": 1024, "Hard": 2048}]
            }
        },
    ),
    "devices": Example(
        right=[
            ["/dev/null:/dev/nothing:r", "/dev/fuse"],
            "/dev/fuse",
            [{"source": "/dev/null", "target": "/dev/nothing", "permissions": "r"}, {"source": "/dev/fuse"}],
        ],
        wrong=[
            "null",
            "/dev/null:nothing",
            "/dev/null:/dev/nothing:x",
            "vendor.com/gpu=all",
            {"target": "/dev/a"},
            {"source": "/dev/a", "mode": "r"},
            {"source": 5},
            {"source": "/dev/a", "permissions": ["r"]},
            [5],
            5,
            {"/dev/a"},
        ],
        body={
            "HostConfig": {
                "Devices": [
                    {"PathOnHost": "/dev/null", "PathInContainer": "/dev/nothing", "CgroupPermissions": "r"},
                    {"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rwm"},
                ]
            }
        },
    ),
    "gpus": Example(
        right=["all", [{"count": 2, "driver": "nvidia", "capabilities": ["utility"]}], [{"device_ids": ["0", "1"]}]],
        wrong=[
            "some",
            2,
            {"count": 1},
            [{"count": 0}],
            [{"count": "some"}],
            [{"count": 1, "device_ids": ["0"]}],
            [{"device_ids": "0"}],
            [{"capabilities": 5}],
            [{"driver": 5}],
            [{"options": ["a"]}],
            [{"options": {"a": 5}}],
            [{"gpu": 1}],
            [5],
        ],
        body={
            "HostConfig": {
                "DeviceRequests": [
                    {"Driver": "", "Count": -1, "DeviceIDs": [], "Capabilities": [["gpu"]], "Options": {}}
                ]
            }
        },
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
