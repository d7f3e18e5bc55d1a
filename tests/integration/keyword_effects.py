"""Each keyword of a service: a value, and where its effect is seen: by a command in the container, or by the engine."""

import platform
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from lab import IMAGE

WITHOUT_CONTAINER: Final[Mapping[str, str]] = {
    "timeout": "how long the start may take: tests/integration/test_own_services.py",
    "scheme": "what its URLs begin with: tests/integration/test_at_hand.py",
    "ready": "when it counts as ready: tests/integration/test_own_services.py",
    "reset": "what puts a kept service back: tests/integration/test_kept.py",
}
"""The keywords that say nothing of the container, and where their effect is seen."""

FIRST: Final = "first"
SECOND: Final = "second"
THIRD: Final = "third"
"""Three containers, each with the keywords that don't disturb each other there."""
CREATED: Final = "created"
"""One that is created and never started: what not every machine can run is seen in the engine's JSON."""


class Effect(NamedTuple):
    """A keyword's value, and how its effect is seen in the container `within`.

    `command` is for a shell in there, `shows` a pattern of all that it writes; in a container without the keyword it
    writes something else, unless it is `everywhere` the same. Where there is no `command`, `at` is the way to what the
    engine tells of the container, and `shows` is that; `why` says why nothing is seen in there.
    """

    value: Any
    shows: Any
    command: str = ""
    at: str = ""
    within: str = FIRST
    why: str = ""
    everywhere: bool = False


def _cgroup(newer: str, older: str) -> str:
    """Return the command that shows a file of the container's cgroup, of version 2 or 1."""
    return f"cat /sys/fs/cgroup/{newer} 2>/dev/null || cat /sys/fs/cgroup/{older}"


ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "AMD64": "amd64"}
_ARCHITECTURE: Final = ARCHITECTURES[platform.machine()]

_ASKED: Final = "asked=$(awk '/^Udp: [0-9]/ {print $3}' /proc/net/snmp)"
"""Counts the packets to ports of UDP where nobody listens, as a name server's at this container's own address."""

FILES: Final[Mapping[str, str]] = {
    "app.env": "A=file\nB='of the file'\n",
    "data/greeting": "hello",
    "effects-build/answer": "42",
}
"""Files in the folder where the paths begin."""

EFFECTS: Final[Mapping[str, Effect]] = {
    "image": Effect(IMAGE, "busybox", "basename $(readlink -f /bin/sh)", everywhere=True),
    "build": Effect(
        {
            "context": "effects-build",
            "dockerfile_inline": f"FROM {IMAGE}\nARG WHO\nCOPY answer /\nRUN echo $WHO > /who\n",
            "args": {"WHO": "me"},
            "network": "none",
            "platforms": [f"linux/{_ARCHITECTURE}"],
            "cache_from": [IMAGE],
        },
        "42me",
        "cat /answer /who",
        within=SECOND,
    ),
    "command": Effect(["-f", "/dev/null"], "tail -f /dev/null ", r"tr '\0' ' ' < /proc/1/cmdline"),
    "entrypoint": Effect(["tail"], "tail", r"tr '\0' '\n' < /proc/1/cmdline | head -n 1"),
    "environment": Effect({"A": "own", "C": 1}, "own 1", "echo $A $C"),
    "env_file": Effect("app.env", "own, of the file", 'echo "$A, $B"'),
    "aliases": Effect(
        ["effects-c", "effects-too"],
        "it is me",
        'ping -c 1 -w 5 effects-too | grep -q "($(hostname -i))" && echo it is me',
        within=THIRD,
    ),
    "ports": Effect(
        [7000], {"7000/tcp": {}}, at="Config.ExposedPorts", why="a container doesn't see where it is published"
    ),
    "volumes": Effect(["./data:/data:ro"], "hello", "cat /data/greeting"),
    "secrets": Effect(
        {"password": {"content": "s3cret", "mode": 0o440}},
        "s3cret440",
        "cd /run/secrets && cat password && stat -c %a *",
    ),
    "configs": Effect({"app.conf": "a = 1"}, "a = 1", "cat /app.conf"),
    "tmpfs": Effect("/scratch:size=1m,exec", ".*size=1024k.*", "grep ' /scratch ' /proc/mounts"),
    "mem_limit": Effect("64m", "67108864", _cgroup("memory.max", "memory/memory.limit_in_bytes")),
    "mem_reservation": Effect("32m", "33554432", _cgroup("memory.low", "memory/memory.soft_limit_in_bytes")),
    "memswap_limit": Effect(
        "96m", "33554432|100663296", _cgroup("memory.swap.max", "memory/memory.memsw.limit_in_bytes")
    ),
    "cpus": Effect(0.5, "50000( 100000)?", _cgroup("cpu.max", "cpu/cpu.cfs_quota_us")),
    "cpu_shares": Effect(512, "20|59|512", _cgroup("cpu.weight", "cpu/cpu.shares")),
    "cpuset": Effect("0", "0", "awk '/Cpus_allowed_list/ {print $2}' /proc/1/status"),
    "pids_limit": Effect(100, "100", _cgroup("pids.max", "pids/pids.max")),
    "oom_score_adj": Effect(500, "500", "cat /proc/1/oom_score_adj"),
    "ulimits": Effect(
        {"nofile": {"soft": 512, "hard": 1024}}, "512 1024", "awk '/open files/ {print $4, $5}' /proc/1/limits"
    ),
    "shm_size": Effect("8m", ".*size=8192k.*", "grep ' /dev/shm ' /proc/mounts"),
    "user": Effect("1234:1235", "1234 1235", "echo $(id -u) $(id -g)", within=SECOND),
    "group_add": Effect([4242], ".* 4242( .*)?", "echo '' $(grep Groups: /proc/1/status)"),
    "cap_add": Effect(["NET_ADMIN"], "0000000000001000", "awk '/CapBnd/ {print $2}' /proc/1/status", within=SECOND),
    "cap_drop": Effect(["ALL"], "0000000000001000", "awk '/CapBnd/ {print $2}' /proc/1/status", within=SECOND),
    "security_opt": Effect(
        ["no-new-privileges:true"], "1", "awk '/NoNewPrivs/ {print $2}' /proc/1/status", within=SECOND
    ),
    "dns": Effect(
        "127.0.0.1",
        "it was asked",
        f"{_ASKED}; before=$asked; timeout 1 nslookup nobody.example. > /dev/null 2>&1; {_ASKED}; "
        "test $asked -gt $before && echo it was asked",
    ),
    "mac_address": Effect("02:42:ac:11:99:05", ".*02:42:ac:11:99:05.*", "ip -o link show eth0"),
    "dns_search": Effect("trucks.example", "search trucks.example", "grep ^search /etc/resolv.conf"),
    "dns_opt": Effect(["ndots:3"], ".*ndots:3.*", "grep ^options /etc/resolv.conf"),
    "platform": Effect(f"linux/{_ARCHITECTURE}", "x86_64|aarch64", "uname -m", everywhere=True),
    "hostname": Effect("db-1", "db-1", "hostname"),
    "domainname": Effect("trucks.example", "db-1.trucks.example", "hostname -f"),
    "extra_hosts": Effect({"elsewhere": "198.51.100.7"}, r"198.51.100.7\s+elsewhere", "grep elsewhere /etc/hosts"),
    "sysctls": Effect({"net.core.somaxconn": 1024}, "1024", "cat /proc/sys/net/core/somaxconn"),
    "labels": Effect(
        {"com.example.team": "trucks"}, "trucks", at="Config.Labels.com.example.team", why="a container sees no label"
    ),
    "annotations": Effect(
        {"com.example.a": "b"},
        {"com.example.a": "b"},
        at="HostConfig.Annotations",
        within=CREATED,
        why="they are for the runtime, and engines before Docker 24 don't know them",
    ),
    "read_only": Effect(value=True, shows=".*Read-only file system", command="touch /here 2>&1"),
    "privileged": Effect(
        value=True,
        shows=True,
        at="HostConfig.Privileged",
        within=CREATED,
        why="a machine may not let containers have it all",
    ),
    "init": Effect(value=True, shows=".*init", command=r"tr '\0' '\n' < /proc/1/cmdline | head -n 1", within=SECOND),
    "tty": Effect(value=True, shows="/dev/(pts/0|console)", command="readlink /proc/$(pidof tail)/fd/1", within=SECOND),
    "stdin_open": Effect(value=True, shows=r"pipe:.*", command="readlink /proc/1/fd/0"),
    "working_dir": Effect("/scratch", "/scratch", "pwd"),
    "stop_signal": Effect(
        "SIGUSR1", "SIGUSR1", at="Config.StopSignal", why="its effect is an end: see the test of that below the table's"
    ),
    "stop_grace_period": Effect(
        "1500ms", 2, at="Config.StopTimeout", why="its effect is an end: see the test of that below the table's"
    ),
    "userns_mode": Effect(
        "host", "host", at="HostConfig.UsernsMode", why="without a daemon that maps users nothing is different in there"
    ),
    "ipc": Effect("none", "0", "grep -c ' /dev/shm ' /proc/mounts || true", within=SECOND),
    "pid": Effect("host", "another", "egrep -qx 'tail|sleep' /proc/1/comm || echo another", within=THIRD),
    "runtime": Effect(
        "runc",
        "runc",
        at="HostConfig.Runtime",
        within=CREATED,
        why="it is the engine's default, and others aren't here",
    ),
    "gpus": Effect(
        [{"count": 1}],
        [{"Driver": "", "Count": 1, "DeviceIDs": [], "Capabilities": [["gpu"]], "Options": {}}],
        at="HostConfig.DeviceRequests",
        within=CREATED,
        why="few machines have one",
    ),
    "logging": Effect(
        {"driver": "local", "options": {"max-size": "1m"}},
        {"Type": "local", "Config": {"max-size": "1m"}},
        at="HostConfig.LogConfig",
        within=THIRD,
        why="a container doesn't see what becomes of its output",
    ),
    "devices": Effect(["/dev/null:/dev/nothing:rw"], "c.*", "ls -l /dev/nothing"),
    "healthcheck": Effect(
        {"test": "test -e /bin/sh", "interval": "100ms"},
        "healthy",
        at="State.Health.Status",
        within=THIRD,
        why="its result is the engine's",
    ),
}
