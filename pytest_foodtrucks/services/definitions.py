"""A service's definition: the keywords of the factories, checked and in their plain form."""

import copy
import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypedDict, TypeVar

from pytest_foodtrucks.containers import build_keys
from pytest_foodtrucks.containers.building import Build
from pytest_foodtrucks.containers.compose import (
    CONTAINER_KEYWORDS,
    ContainerSpec,
    checks_of,
    keyword_field,
    refuse_contradictions,
    refuse_same_paths,
)
from pytest_foodtrucks.containers.deriving import Derivation
from pytest_foodtrucks.containers.env_files import EnvFile, env_files, variables_of
from pytest_foodtrucks.containers.keywords import host_names
from pytest_foodtrucks.containers.mounted_files import MountedFile, checked_configs, checked_secrets, in_folder
from pytest_foodtrucks.containers.surroundings import with_profiles
from pytest_foodtrucks.errors import DefinitionError, EngineNotFound, FoodtrucksError, NoAnswer
from pytest_foodtrucks.ready import as_checks
from pytest_foodtrucks.values import (
    Unfit,
    checked,
    image_name,
    matching,
    only_begins,
    seconds,
    shown,
    takes_one,
    unrolled,
)

from . import compose_keys

if TYPE_CHECKING:
    from pytest_foodtrucks.callers import Place
    from pytest_foodtrucks.engine.engine import Engine
    from pytest_foodtrucks.ready import Check

    from .access import Security

T = TypeVar("T")
Value: TypeAlias = T | Callable[..., T]
"""A value, or a function whose parameters are fixtures and which returns it."""


class ServiceKeywords(TypedDict, total=False):
    """The keywords of `service()`, `elasticsearch_service()` and `Network.service()`."""

    image: Value[str | None]
    build: Value[str | Path | Mapping[str, Any] | None]
    command: Value[Sequence[str] | str | None]
    entrypoint: Value[Sequence[str] | str | None]
    environment: Value[Mapping[str, object] | Sequence[str]]
    aliases: Value[Sequence[str]]
    ports: Value[Sequence[int | str | Mapping[str, Any]] | Mapping[str, Any] | int]
    volumes: Value[Sequence[str | Mapping[str, Any]]]
    tmpfs: Value[Sequence[str | Mapping[str, Any]] | Mapping[str, Any] | str]
    secrets: Value[Mapping[str, Any] | Sequence[Mapping[str, Any]]]
    configs: Value[Mapping[str, Any] | Sequence[Mapping[str, Any]]]
    mem_limit: Value[str | int | None]
    user: Value[str | int | None]
    cap_add: Value[Sequence[str]]
    dns: Value[Sequence[str]]
    dns_search: Value[Sequence[str] | str]
    dns_opt: Value[Sequence[str] | str]
    platform: Value[str | None]
    hostname: Value[str | None]
    domainname: Value[str | None]
    extra_hosts: Value[Mapping[str, str | Sequence[str]] | Sequence[str]]
    sysctls: Value[Mapping[str, object] | Sequence[str]]
    labels: Value[Mapping[str, object] | Sequence[str]]
    annotations: Value[Mapping[str, object] | Sequence[str]]
    env_file: Value[str | Path | Mapping[str, Any] | Sequence[str | Path | Mapping[str, Any]] | None]
    read_only: Value[bool | None]
    privileged: Value[bool | None]
    init: Value[bool | None]
    tty: Value[bool | None]
    stdin_open: Value[bool | None]
    working_dir: Value[str | None]
    stop_signal: Value[str | int | None]
    stop_grace_period: Value[str | float | None]
    group_add: Value[Sequence[str | int]]
    cap_drop: Value[Sequence[str] | str]
    security_opt: Value[Sequence[str] | str]
    userns_mode: Value[str | None]
    ipc: Value[str | None]
    pid: Value[str | None]
    runtime: Value[str | None]
    logging: Value[Mapping[str, Any] | None]
    shm_size: Value[str | int | None]
    mem_reservation: Value[str | int | None]
    memswap_limit: Value[str | int | None]
    cpus: Value[float | str | None]
    cpuset: Value[str | None]
    cpu_shares: Value[int | str | None]
    pids_limit: Value[int | str | None]
    oom_score_adj: Value[int | str | None]
    ulimits: Value[Mapping[str, int | str | Mapping[str, int | str]]]
    devices: Value[Sequence[str | Mapping[str, str]]]
    gpus: Value[str | Sequence[Mapping[str, Any]]]
    healthcheck: Value[Mapping[str, Any] | None]
    mac_address: Value[str | None]
    timeout: Value[float | None]
    scheme: Value[str | None]
    ready: "Check | Iterable[Check] | None"
    reset: Callable[[Any], object] | None


_scheme: Final = matching(
    r"[a-z][a-z0-9+.-]*", "give what stands before :// in its URLs, in lower case, such as 'redis'"
)


def _ready(value: Any) -> Any:
    as_checks(value)
    return value


def _reset(value: Any) -> Any:
    """Check a function that puts a service back."""
    if not callable(value) or isinstance(value, type) or not takes_one(value):
        raise Unfit("give a function that takes the service and puts it back, such as `lambda _: None`", why=" is none")
    if only_begins(value):
        raise Unfit("give a plain function", why=" is asynchronous, or a generator: called, it would only begin")
    return value


@dataclass(frozen=True, kw_only=True)
class ServiceDefinition:
    """A service's definition: the keywords of its container in `spec`, and those that only a service has.

    Relative paths begin at `folder`. `runs_once` means a job, whose start is over when it has ended. `name` is the name
    of the service's fixture, `where` the file and line of its definition, both for messages.
    """

    folder: Path
    name: str = ""
    where: str = ""
    runs_once: bool = False
    spec: ContainerSpec
    derivation: Derivation | None = None
    """What is added to its image."""
    surroundings: "Callable[[Engine, str, ContainerSpec], ContainerSpec] | None" = None
    """Returns `spec` with what depends on the engine and on the image, which is there."""
    image: str | None = keyword_field(image_name, form="a name", at="Image")
    build: Build | None = keyword_field(
        build_keys.build,
        form=f"a folder, or a mapping of {', '.join(f'`{key}`' for key in build_keys.KEYS)}",
        at="Image",
    )
    env_file: Sequence[EnvFile] = keyword_field(
        env_files, form="a path, a mapping of `path`, `required`, `format`, or a list of these", at="Env", default=()
    )
    """What is in these files is in the environment of `spec`."""
    secrets: Sequence[MountedFile] = keyword_field(
        checked_secrets,
        form="a mapping of names to a text, bytes or a `Path`, or to `content`, `file` or `environment` with `target`, "
        "`uid`, `gid`, `mode`; or a list of these with `source`",
        at="HostConfig.Mounts",
        default=(),
    )
    configs: Sequence[MountedFile] = keyword_field(
        checked_configs, form="as `secrets`", at="HostConfig.Mounts", default=()
    )
    timeout: float | None = keyword_field(seconds)
    scheme: str | None = keyword_field(_scheme)
    security: "Security | None" = None
    """What makes it a secured one; None where anybody gets in."""
    ready: "Check | Iterable[Check] | None" = keyword_field(_ready)
    reset: Callable[[Any], object] | None = keyword_field(_reset)

    @property
    def speaks(self) -> str | None:
        """What its URLs begin with, where that is known: by `scheme`, or because its readiness is asked by HTTP."""
        by_http = self.ready is not None and any(getattr(each, "by_http", False) for each in as_checks(self.ready))
        return "http" if self.scheme is None and by_http else self.scheme

    @property
    def alias(self) -> str:
        """The first of its aliases."""
        return self.spec.aliases[0]


KEYWORDS: Final[Mapping[str, Callable[[Any], Any]]] = {**CONTAINER_KEYWORDS, **checks_of(ServiceDefinition)}
"""The check of each keyword. All are made at the definition: no mistake is left to the container's creation."""


def check_keywords(keywords: Iterable[str], known: Collection[str] = KEYWORDS, *, of: str = "service") -> None:
    """Raise DefinitionError for unknown keywords, with what to use instead: of a service's own, or a similar one."""
    unknown = [keyword for keyword in keywords if keyword not in known]
    if unknown:
        answers = [compose_keys.instead_of(each) if of in {"service", "job"} else None for each in unknown]
        raise DefinitionError(
            " ".join(
                f"A {of} has no keyword {shown(each)}{answer if answer is not None else _nearest(each, known)}"
                for each, answer in zip(unknown, answers, strict=True)
            )
        )


def _nearest(keyword: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(keyword[:100], known, n=1)  # its time grows with the length
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(sorted(known))}."


def without_iterators(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return keywords with a tuple in place of each iterator, which could be read only once."""
    return {name: checked(name, value, unrolled) for name, value in keywords.items()}


def located(place: "Place", message: str) -> str:
    """Begin a message with the file and line of a definition; not with those of a ready-made one, nor a second time."""
    if place.is_ready_made() or message.startswith(f"{place}: ") or _PLACED.match(message):
        return message
    return f"{place}: {message}"


_PLACED: Final = re.compile(r"[^:\n]+\.py:[0-9]+: ")
"""How a message begins that has the place of something else, such as a seed's fixture."""


@contextmanager
def errors_at(place: "Place") -> Iterator[None]:
    """Begin the message of each error of a block with the file and line of a definition.

    Not where the engine gave no answer: that is about no definition. The error is copied, because others may get the
    same one, such as those who wait for the same image.
    """
    try:
        yield
    except (NoAnswer, EngineNotFound):
        raise
    except FoodtrucksError as error:
        message = located(place, error.message)
        if message == error.message:
            raise
        there = copy.copy(error)
        there.message, there.args = message, (message,)
        raise there from error.__cause__


def define(keywords: Mapping[str, Any], *, alias: str, folder: Path) -> ServiceDefinition:
    """Return the definition that keywords make; functions of fixtures were called before.

    `alias` is the service's name on the network where `aliases` gives none. Raises DefinitionError, which names the
    keyword, its value and a remedy.
    """
    check_keywords(keywords)
    given = {name: value for name, value in without_iterators(keywords).items() if value is not None}
    values = {name: checked(name, value, KEYWORDS[name]) for name, value in given.items()}
    _read_files(values, folder)
    if ("image" in values) == ("build" in values):
        raise DefinitionError(
            f"The service {alias!r} has {_both_or_neither('image' in values)}. Remedy: give one of them."
        )
    if not values.get("aliases"):
        values["aliases"] = checked("aliases", (alias,), host_names)
    spec = spec_of(values)
    own = {name: value for name, value in values.items() if name not in CONTAINER_KEYWORDS}
    return ServiceDefinition(folder=folder, name=alias, spec=spec, **own)


def spec_of(values: Mapping[str, Any]) -> ContainerSpec:
    """Return what a container is to be, given checked values; DefinitionError for those that contradict each other."""
    spec = ContainerSpec(**{name: values[name] for name in CONTAINER_KEYWORDS if name in values})
    refuse_contradictions(spec)
    files = [(keyword, each.target) for keyword in ("secrets", "configs") for each in values.get(keyword, ())]
    refuse_same_paths([*spec.paths, *files])
    return spec


def _both_or_neither(both: object) -> str:
    return "both image= and build=" if both else "neither image= nor build="


def _read_files(values: dict[str, Any], folder: Path) -> None:
    """Put into checked values what is in files of theirs, and make the paths of a build absolute."""
    if "build" in values:
        values["build"] = build_keys.in_folder(build_keys.for_platform(values["build"], values.get("platform")), folder)
    if "env_file" in values:
        variables = {**variables_of(values["env_file"], folder), **values.get("environment", {})}
        values["environment"] = dict(sorted(variables.items()))
    for keyword in {"secrets", "configs"} & values.keys():
        values[keyword] = in_folder(values[keyword], folder, keyword=keyword)
    if "security_opt" in values:
        values["security_opt"] = with_profiles(values["security_opt"], folder)
