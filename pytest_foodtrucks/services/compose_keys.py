"""What a service has no keyword for, though Compose or another tool has: why, and what to use instead."""

from collections.abc import Mapping
from typing import Final

_EQUIVALENTS: Final[Mapping[str, str]] = {
    "arguments": "command",
    "args": "command",
    "autostart": "requires",
    "capabilities": "cap_add",
    "cmd": "command",
    "container_image": "image",
    "context": "build",
    "cpu": "cpus",
    "cwd": "working_dir",
    "depends": "requires",
    "depends_on": "requires",
    "dns_options": "dns_opt",
    "dns_servers": "dns",
    "dockerfile": "build",
    "domain": "domainname",
    "env": "environment",
    "env_files": "env_file",
    "env_vars": "environment",
    "envs": "environment",
    "health_check": "healthcheck",
    "host": "hostname",
    "hosts": "extra_hosts",
    "ipc_mode": "ipc",
    "log_config": "logging",
    "log_driver": "logging",
    "memory": "mem_limit",
    "memory_limit": "mem_limit",
    "mount": "volumes",
    "mounts": "volumes",
    "pid_mode": "pid",
    "publish": "ports",
    "readonly": "read_only",
    "shm": "shm_size",
    "uid": "user",
    "variables": "environment",
    "wait": "ready",
    "wait_for": "ready",
    "workdir": "working_dir",
}
"""Other words for what a keyword does, by Docker's command line, docker-py, testcontainers and people's habit."""

_OTHER_SERVICES: Final = "requires= names the fixtures to be up first, and each service finds the others by their names"
_ONE_CONTAINER: Final = "a service is one container, whose life its fixture has"
_WINDOWS: Final = "it is for Windows' containers"

_REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "attach": (
        "nothing is attached to the terminal",
        "a failed test shows its services' logs; logs() has them in full",
    ),
    "blkio_config": ("it names the machine's disks, which differ from machine to machine", "leave it out"),
    "cgroup": ("where a container is in the machine's cgroups is the engine's matter", "leave it out"),
    "cgroup_parent": ("where a container is in the machine's cgroups is the engine's matter", "leave it out"),
    "container_name": (
        "containers have names that end randomly, so that sessions don't collide",
        "aliases= says what it is called on the network; service.container.name tells the other",
    ),
    "cpu_count": (_WINDOWS, "use cpus="),
    "cpu_percent": (_WINDOWS, "use cpus="),
    "cpu_period": ("cpus= says the same in one number", "use cpus=, which is cpu_quota divided by cpu_period"),
    "cpu_quota": ("cpus= says the same in one number", "use cpus=, which is cpu_quota divided by cpu_period"),
    "cpu_rt_period": ("few kernels have it", "use cpus= or cpu_shares="),
    "cpu_rt_runtime": ("few kernels have it", "use cpus= or cpu_shares="),
    "credential_spec": (_WINDOWS, "leave it out"),
    "deploy": (_ONE_CONTAINER, "use mem_limit=, mem_reservation=, cpus=, pids_limit= and gpus= for its resources"),
    "develop": ("a service is started anew for each session", "build= is built each time, so that changes are seen"),
    "device_cgroup_rules": ("it lets devices in that aren't there yet", "devices= names those that are"),
    "expose": ("a container's ports are all open to its network", "ports= names those that the test reaches too"),
    "extends": ("Python has functions", "write one that returns the keywords, service(**base())"),
    "external_links": ("a container of elsewhere has to be on the network", "use foodtrucks_net.connect(CONTAINER)"),
    "isolation": (_WINDOWS, "leave it out"),
    "label_file": ("labels= takes a mapping", "read the file, and give what is in it"),
    "links": (_OTHER_SERVICES, "leave it out"),
    "mem_swappiness": ("kernels with cgroup v2 don't have it", "use memswap_limit="),
    "models": ("no language model is run for a service", "write a service of one, and name it in requires="),
    "name": ("the name of its fixture is the service's", "name the fixture so, or use aliases="),
    "network_mode": (
        "a service is on the network of its fixture, where it is found by name",
        "network= names that; network(internal=True) makes one without a way out",
    ),
    "oom_kill_disable": ("kernels with cgroup v2 don't have it", "use oom_score_adj="),
    "post_start": (
        "what is run in a started container is Python here",
        "write a fixture that asks for the service and calls its exec(); seed= of elasticsearch_service() fills it",
    ),
    "pre_stop": ("what is run before the end is Python here", "write a fixture that calls exec() behind its yield"),
    "profiles": ("a service is started when a test asks for its fixture", "leave it out"),
    "provider": ("a service is a container", "write a fixture for what isn't"),
    "pull_policy": ("whether images are pulled is an option", "use --foodtrucks-pull=always, missing or never"),
    "network": ("what is within a block is on the network whose service() is called", "call the other network's"),
    "scope": ("what is within a block lives as long as the block", "leave it out"),
    "shared": ("what is within a block is this worker's own", "leave it out"),
    "requires": ("what is within a block is started when the block begins", "start before it what it needs"),
    "restart": (
        "a container that ends is to be seen, not started again",
        "service.restart() and the faults (`with service.stopped():`) start it again",
    ),
    "scale": (_ONE_CONTAINER, "write a fixture for each"),
    "storage_opt": ("few of the engine's storage drivers have it", "use tmpfs= with a size, such as /data:size=64m"),
    "use_api_socket": (
        "a container with the engine's socket can do all that the engine can",
        "mount it where that is meant, by volumes=['/var/run/docker.sock:/var/run/docker.sock']",
    ),
    "uts": ("a service's name is its own", "use hostname="),
    "volumes_from": ("a volume has a name that says who has it", "name the same one in volumes= of both"),
}
"""For each key why there is no such keyword, and the remedy."""


def instead_of(key: str) -> str | None:
    """Return what completes "A service has no keyword …" for a word of another tool; None for an unknown one."""
    if key in _REASONS:
        why, remedy = _REASONS[key]
        return f": {why}. Remedy: {remedy}."
    return f"; did you mean {_EQUIVALENTS[key]!r}?" if key in _EQUIVALENTS else None
