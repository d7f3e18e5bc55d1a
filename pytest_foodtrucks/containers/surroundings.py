"""The checks of the keywords for what surrounds a container's process: names, namespaces, labels, how it ends."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from pytest_foodtrucks.engine.hostnames import is_address, refuse_no_host_name
from pytest_foodtrucks.engine.labels import SESSION_LABEL
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.values import Unfit, entries, is_list, matching, nanoseconds, shown, text, texts, whole

from .keywords import environment, one_or_texts, user

# names

_LONGEST_HOSTNAME: Final = 63
"""Characters; the kernel has room for one more."""


def hostname(value: Any) -> str:
    """Check the name that a container has for itself."""
    return _own_name(value, "hostname")


def domain_name(value: Any) -> str:
    """Check the domain that a container has for itself."""
    return _own_name(value, "domainname")


def _own_name(value: Any, keyword: str) -> str:
    name = text(value)
    if len(name) > _LONGEST_HOSTNAME:
        raise Unfit(f"use at most {_LONGEST_HOSTNAME} characters", why=" is longer than the kernel takes")
    _refuse_url(name)
    refuse_no_host_name(name, what=keyword, final_dot=False)
    return name


_HOST_GATEWAY: Final = "host-gateway"
"""The engine writes the address of its own machine for it."""
_EXTRA_HOST: Final = re.compile(r"([^:=]+)[:=](.+)")


def extra_hosts(value: Any) -> tuple[str, ...]:
    """Check names with addresses for a container's hosts file, and return them as name:address."""
    if isinstance(value, Mapping):
        pairs = [
            (name, each)
            for name, addresses in entries(value.items())
            for each in (entries(addresses) if is_list(addresses) else [addresses])
        ]
    else:
        pairs = [_host_and_address(each) for each in texts(value)]
    return tuple(f"{_host(name)}:{_host_address(address, name)}" for name, address in pairs)


def _host_and_address(entry: str) -> tuple[str, str]:
    match = _EXTRA_HOST.fullmatch(entry)
    if match is None:
        raise Unfit("write NAME=ADDRESS, such as db=10.0.0.5", why=f" has {shown(entry)}")
    return match[1].strip(), match[2].strip()


def _refuse_url(name: Any) -> None:
    """Refuse a URL in a message that shows no password of it."""
    if "://" in str(name):
        raise Unfit("use the host's name alone", why=" has a URL")


def _host(name: Any) -> str:
    _refuse_url(name)
    refuse_no_host_name(name, what="extra_hosts name", final_dot=False)
    return str(name)


def _host_address(value: Any, name: str) -> str:
    address = value.removeprefix("[").removesuffix("]") if isinstance(value, str) else value
    if address != _HOST_GATEWAY and not is_address(address):
        raise Unfit(f"give an address, or {_HOST_GATEWAY}", why=f" has for {shown(name)} {shown(value)}")
    return str(address)


def resolver_options(value: Any) -> tuple[str, ...]:
    """Check options of the resolver, such as ndots:2."""
    options = one_or_texts(value)
    if not all(re.fullmatch(r"[a-z0-9-]+(:[0-9]+)?", each) for each in options):
        raise Unfit("give options of resolv.conf, such as ['ndots:2', 'rotate']")
    return options


# labels and the like


def labels(value: Any) -> dict[str, str]:
    """Check labels; one without a value has an empty one, as in Compose.

    Ours are refused: they say who removes the container.
    """
    plain = environment(_with_empty_values(value), keyword="labels")
    ours = [name for name in plain if name == SESSION_LABEL or name.startswith(f"{SESSION_LABEL}.")]
    if ours:
        raise DefinitionError(
            f"labels has {shown(ours[0])}, and by labels with that beginning the plugin knows whose a container is. "
            "Remedy: use another name."
        )
    return plain


def _with_empty_values(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: "" if content is None else content for name, content in entries(value.items())}
    if is_list(value):
        return [f"{each}=" if isinstance(each, str) and "=" not in each else each for each in entries(value)]
    return value


def annotations(value: Any) -> dict[str, str]:
    """Check annotations for the runtime."""
    return environment(value, keyword="annotations")


_SYSCTLS: Final = frozenset(
    (
        *("kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax"),
        *("kernel.shmmni", "kernel.shm_rmid_forced"),
    )
)
_SYSCTL_TREES: Final = ("net.", "fs.mqueue.")
"""What a container has of its own; the engine refuses all others, for they are the machine's."""


def sysctls(value: Any) -> dict[str, str]:
    """Check parameters of the kernel that a container has of its own."""
    plain = environment(value, keyword="sysctls")
    for name in plain:
        if name not in _SYSCTLS and not name.startswith(_SYSCTL_TREES):
            raise Unfit(
                f"use one that a container has of its own: {', '.join((*_SYSCTL_TREES, *sorted(_SYSCTLS)))}",
                why=f" has {shown(name)}",
            )
    return plain


def logging(value: Any) -> dict[str, Any]:
    """Check the log's driver and its options, and return it in the engine's form."""
    if not isinstance(value, Mapping) or value.keys() - {"driver", "options"} or not value:
        raise Unfit("write it as Compose does: {'driver': 'local', 'options': {'max-size': '1m'}}", why=" is none")
    options = environment(value["options"], keyword="logging options") if value.get("options") is not None else {}
    return {"Type": _driver(value.get("driver", "")), "Config": options}


def _driver(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][\w.:/@-]*|", value):
        raise Unfit("name a driver, such as 'local'", why=f" has the driver {shown(value)}")
    return value


# namespaces, rights


def _mode(*modes: str, others: bool, own: str) -> Callable[[Any], str]:
    """Return a check of whose namespace a container is in; with `others`, another container's too."""
    known = (*modes, "container:NAME") if others else modes

    def check(value: Any) -> str:
        mode = text(value)
        if mode not in modes and not (others and re.fullmatch(r"container:[A-Za-z0-9][A-Za-z0-9_.-]*", mode)):
            why = (
                ", and no service knows here what the container of another one is called" if "service:" in mode else ""
            )
            raise Unfit(f"use one of {', '.join(known)}; leave it out for {own}", why=why)
        return mode

    return check


ipc: Final = _mode("none", "private", "shareable", "host", others=True, own="the engine's default")
pid: Final = _mode("host", others=True, own="a namespace of its own")
user_namespace: Final = _mode("host", others=False, own="the engine's default")
runtime: Final = matching(r"[A-Za-z0-9][A-Za-z0-9_./-]*", "name a runtime that the engine knows, such as 'runc'")

_SECURITY: Final = ("no-new-privileges", "seccomp", "apparmor", "label", "systempaths")


def security_options(value: Any) -> tuple[str, ...]:
    """Check options of the kernel's security modules, and return each as KIND=VALUE."""
    return tuple(map(_security_option, one_or_texts(value)))


def _security_option(option: str) -> str:
    match = re.fullmatch(r"([a-z-]+)(?:[:=](.+))?", option, re.DOTALL)
    kind, content = match.groups() if match is not None else ("", None)
    if kind == "no-new-privileges" and content is None:
        content = "true"
    right = {"no-new-privileges": {"true", "false"}, "systempaths": {"unconfined"}}
    if kind not in _SECURITY or content is None or content not in right.get(kind, {content}):
        raise Unfit(
            "give no-new-privileges:true, seccomp:unconfined, seccomp:PATH, apparmor:PROFILE, label:WHAT or "
            "systempaths=unconfined",
            why=f" has {shown(option)}",
        )
    return f"{kind}={content}"


def with_profiles(options: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Return security options with the content of a seccomp profile in place of its path, which begins at `folder`.

    Raises DefinitionError for one that can't be read.
    """
    return tuple(map(partial(_with_profile, folder=folder), options))


def _with_profile(option: str, *, folder: Path) -> str:
    kind, _, content = option.partition("=")
    if kind != "seccomp" or content in {"unconfined", "builtin"} or content.startswith("{"):
        return option
    try:
        return f"seccomp={json.dumps(json.loads((folder / content).read_text(encoding='utf-8')))}"
    except (OSError, ValueError, RuntimeError) as error:
        raise DefinitionError(
            f"security_opt has the seccomp profile {shown(str(folder / content))}, which can't be read "
            f"({type(error).__name__}). Remedy: mend the path, or what is in that file: JSON."
        ) from None


def security_body(options: Sequence[str]) -> Mapping[str, Any]:
    """Return the piece of the engine API's ContainerCreate that they become; of `systempaths` it has fields."""
    told = [option for option in options if not option.startswith("systempaths=")]
    paths: dict[str, list[str]] = {"MaskedPaths": [], "ReadonlyPaths": []} if len(told) < len(options) else {}
    return {"HostConfig": {**({"SecurityOpt": told} if told else {}), **paths}}


_PLATFORM: Final = r"[a-z0-9]+(/[a-z0-9_]+(/[a-z0-9.]+)?)?"
platform: Final = matching(_PLATFORM, "write OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as 'linux/arm64'")


# the process

working_dir: Final = matching(r"/[^\0\n]*", "give an absolute path in the container, such as /app")


def groups(value: Any) -> tuple[str, ...]:
    """Check groups that a container's user is in besides: names and numbers."""
    if not is_list(value):
        raise Unfit("write it as a list, such as ['audio', 1000]", why=" is no list")
    return tuple(map(_group, entries(value)))


def _group(value: Any) -> str:
    try:
        name = user(value)
    except Unfit:
        name = ":"
    if ":" in name:
        raise Unfit("give names and numbers", why=f" has {shown(value)}")
    return name


_SIGNALS: Final = frozenset(
    f"SIG{name}"
    for name in (
        *(
            "ABRT",
            "ALRM",
            "BUS",
            "CHLD",
            "CLD",
            "CONT",
            "FPE",
            "HUP",
            "ILL",
            "INT",
            "IO",
            "IOT",
            "KILL",
            "PIPE",
            "POLL",
        ),
        *("PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG"),
        *("USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX"),
    )
)
"""Linux' own, whatever this machine has."""
_LAST_SIGNAL: Final = 64


def stop_signal(value: Any) -> str:
    """Check the signal that asks the process to end: a name or a number."""
    remedy = "give a signal's name or number, such as 'SIGINT'"
    if isinstance(value, int) or (isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value)):
        try:
            return str(whole(int(value) if isinstance(value, str) else value, least=1, most=_LAST_SIGNAL))
        except Unfit:
            raise Unfit(remedy) from None
    name = text(value).upper()
    name = name if name.startswith("SIG") else f"SIG{name}"
    if name not in _SIGNALS and not re.fullmatch(r"SIGRTMIN\+([1-9]|1[0-5])|SIGRTMAX-([1-9]|1[0-4])", name):
        raise Unfit(remedy)
    return name


def whole_seconds(value: Any) -> int:
    """Check a duration, and return it in seconds, rounded up as Compose does."""
    try:
        return -(-nanoseconds(value) // 10**9)
    except ValueError:
        raise Unfit("use Compose's form, such as 1m30s, or seconds") from None
