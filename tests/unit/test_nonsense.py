"""Whatever is given as a keyword or an option: a sentence comes out, or what the engine can be told."""

import itertools
import json
import os
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.engine import FakeEngine
from fakes.session import new_stack
from keyword_examples import EXAMPLES
from pytest_foodtrucks import DefinitionError, SettingsError, elasticsearch_service, job, network, ready, service
from pytest_foodtrucks.containers.commands import how_to_run
from pytest_foodtrucks.containers.compose import engine_config
from pytest_foodtrucks.options import OPTIONS
from pytest_foodtrucks.services.definitions import KEYWORDS, define
from pytest_foodtrucks.services.network import Network
from pytest_foodtrucks.services.network_part import throwaway_network
from pytest_foodtrucks.services.waiting import moment_of
from pytest_foodtrucks.sessions.state_folder import state_folder
from pytest_foodtrucks.settings import read_settings
from pytest_foodtrucks.values import shown

pytestmark = pytest.mark.usefixtures("factories_anywhere")

ALL = os.environ.get("FOODTRUCKS_TEST_ALL", "") != ""
SECRET = "hunter2"  # noqa: S105 - nobody's
URL = f"https://me:{SECRET}@git.example/app"


class Unshowable:
    """What raises when it is shown, with words that nobody is to read."""

    def __repr__(self) -> str:
        raise RuntimeError(SECRET)


class Untouchable(Unshowable):
    """What raises whenever it is looked at."""

    __str__ = __iter__ = __len__ = __eq__ = __hash__ = __bool__ = __fspath__ = Unshowable.__repr__  # type: ignore[assignment]


class Endless:
    """What is a megabyte long when it is shown, in many lines and with escape sequences."""

    def __repr__(self) -> str:
        return "\x1b]0;title\x07line\n" * 60_000


class Broken(dict[str, Any]):
    """A mapping that can't be read."""

    def __getitem__(self, *_: object) -> Any:
        raise KeyError(SECRET)

    get = items = keys = __iter__ = __getitem__


def failing() -> Iterator[str]:
    """Yield something, and then fail."""
    yield "a"
    raise RuntimeError(SECRET)


async def later(*_: object) -> None:
    """Be what is awaited."""


def pieces() -> Iterator[str]:
    """Be a generator."""
    yield "a"


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=8),  # lone surrogates too
    st.sampled_from(
        ["", " ", "\0", "a\0b", "\ud800", "a" * 10**5, "~nouser/x", "~nouser/x:/x", "./data", ":", "=", "(", "\n"]
    ),
    st.sampled_from(
        ["127.0.0.1", "1", "::1", "localhost", "a" * 64, "a..b", "NaN", "inf", "-1", "1e400", "٣", "../..", URL]
    ),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 65536, 2**63, 10**400]),
    st.floats(),
    TEXTS,
    st.binary(max_size=4),
    st.sampled_from(
        [..., NotImplemented, Decimal("NaN"), 1j, Path("a"), Path("a\0"), memoryview(b"a"), range(10**9), sys]
    ),
    st.sampled_from(
        [int, dict, Unshowable, types.SimpleNamespace, print, max, len, later, pieces, lambda *_: 1, lambda a, /: a]
    ),
    st.builds(Unshowable),
    st.builds(lambda: 10**5000),  # Python refuses to write it
    st.builds(Untouchable),
    st.builds(Endless),
    st.builds(Broken),
    st.builds(ValueError, st.just(SECRET)).map(lambda _: OSError()),
)
KEYS = st.one_of(TEXTS, st.integers(), st.binary(max_size=2), st.none(), st.tuples(st.integers()))
NONSENSE = st.one_of(
    SCALARS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=6,
    ),
    st.lists(SCALARS, max_size=3).map(iter),
    st.builds(itertools.count),
    st.builds(failing),
    st.frozensets(st.integers() | st.text(max_size=2), max_size=3),
)

SECRETS = st.one_of(
    st.dictionaries(
        TEXTS, st.just(SECRET) | st.just(f"{SECRET}\0") | NONSENSE.filter(lambda value: value is not URL), max_size=3
    ),
    st.lists(st.just(f"PASSWORD={SECRET}") | st.integers() | st.none() | st.just(f"={SECRET}"), max_size=3),
    st.just(f"PASSWORD={SECRET}"),
)
"""An environment, or build args, that nobody is to see."""

MOUNTED = st.one_of(
    st.dictionaries(st.sampled_from(["password", "a/b", ""]), st.just(SECRET) | st.just(SECRET.encode()) | NONSENSE),
    st.dictionaries(
        st.just("password"),
        st.fixed_dictionaries(
            {"content": st.just(SECRET) | st.just(f"\ud800{SECRET}")},
            optional=dict.fromkeys(("file", "environment", "target", "uid", "gid", "mode", "modus"), NONSENSE),
        ),
    ),
    st.lists(st.fixed_dictionaries({"source": st.just("a") | NONSENSE, "content": st.just(SECRET)}), max_size=2),
)
"""Secrets and configs."""

RIGHT: Mapping[str, st.SearchStrategy[Any]] = {
    **{keyword: st.sampled_from(example.right) for keyword, example in EXAMPLES.items()},
    "image": st.sampled_from(["busybox", "registry.example:5000/team/app:1.2", URL]),
    "build": st.one_of(
        st.sampled_from([".", URL]),
        st.fixed_dictionaries(
            {"context": st.just(".") | NONSENSE},
            optional=dict.fromkeys(("args", "arg", "buildargs"), SECRETS)
            | {"target": NONSENSE, "dockerfile": NONSENSE},
        ),
    ),
    "command": st.sampled_from(["sleep 9", ["sleep", "9"], "sleep '", f"curl {URL}", ["curl", URL, 5]]),
    "environment": SECRETS,
    "secrets": MOUNTED,
    "configs": MOUNTED,
    "aliases": st.lists(st.sampled_from(["es", "ES", "web.1"]) | TEXTS, max_size=2),
    "ports": st.sampled_from([80, [80, 443], [], ["80"], ["8080:80"]])
    | st.lists(st.integers(), max_size=2)
    | st.lists(
        st.dictionaries(st.sampled_from(["target", "published", "host_ip", "protocol"]), st.just(80) | NONSENSE),
        max_size=2,
    ),
    "volumes": st.sampled_from([["/data"], ["./data:/data:ro"], "./a:/b", ["data:/data"], [f"{URL}:/x"]])
    | st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["bind", "volume", "tmpfs"]) | NONSENSE, "target": st.just("/a") | NONSENSE},
            optional=dict.fromkeys(("source", "read_only", "bind", "volume", "tmpfs", "consistency"), NONSENSE),
        ),
        max_size=2,
    ),
    "healthcheck": st.fixed_dictionaries(
        {},
        optional={"test": st.just("true") | NONSENSE}
        | {name: st.just("1s") | NONSENSE for name in ("interval", "timeout", "start_period", "retries", "disable")},
    ),
    "version": st.sampled_from(["9.5.0", "8"]),
    "heap": st.sampled_from(["512m", "1g", "1m"]),
    "plugins": st.sampled_from([["analysis-icu"], "analysis-icu", [URL], ["mine.zip"], [Path("mine.zip")]]),
    "seed": st.sampled_from(["es_seed", "class", "my-seed"]),
    "network": st.just("foodtrucks_net"),
    "requires": st.sampled_from([[], ["es_on_net"], "es_on_net"]),
    "scope": st.sampled_from(["session", "function", "sesion"]),
    "shared": st.booleans(),
    "networks": st.one_of(
        st.sampled_from([["foodtrucks_net"], {"foodtrucks_net": None}, []]),
        st.dictionaries(st.just("back_net") | TEXTS, st.none() | NONSENSE, max_size=2),
        st.fixed_dictionaries(
            {
                "back_net": st.fixed_dictionaries(
                    {},
                    optional={
                        "aliases": st.just(["db"]) | NONSENSE,
                        "ipv4_address": st.just("10.20.0.5") | NONSENSE,
                        "ipv6_address": st.just("fd00::5") | NONSENSE,
                        "mac_address": st.just("02:42:ac:11:00:05") | NONSENSE,
                    },
                )
            }
        ),
    ),
    "driver": st.sampled_from(["bridge", "host"]),
    "subnet": st.sampled_from(
        ["10.20.0.0/24", ["10.20.0.0/24", "fd00::/64"], "10.20.0.1/24", "10.20.0.0/31", "fd00::/3"]
    ),
    "gateway": st.sampled_from(["10.20.0.1", ["10.20.0.1", "fd00::1"], "10.20.0.0", "fd00::1%eth0"]),
    "ipv6": st.booleans(),
    "driver_opts": st.sampled_from([{"com.docker.network.driver.mtu": 1300}, {}, ["a=b"]]),
    "internal": st.booleans(),
}
"""For each keyword what may be right; more than the examples where secrets or nested values are at stake."""


def keywords(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return what gives some keywords, most of them right."""
    values = {name: RIGHT[name] | RIGHT[name] | NONSENSE for name in names}
    return st.fixed_dictionaries({}, optional=values)


SERVICE = tuple(KEYWORDS)
WIRING = ("network", "networks", "requires", "scope", "shared")
OF_NETWORKS = ("driver", "internal", "subnet", "gateway", "ipv6", "driver_opts", "scope")
ENGINE = FakeEngine()


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    """Return a network on an engine in memory."""
    with throwaway_network(new_stack(ENGINE)) as made:
        yield made
    assert not [event for event in ENGINE.events if event.startswith("create")], "a container was created"


def in_a_block(net: Network, **given: Any) -> None:
    """Define a service for a block that never begins, and tell the engine's words for it."""
    given = {
        name: tuple(value) if name == "ready" and isinstance(value, list) else value for name, value in given.items()
    }
    net.service(**given)


def as_the_engine_is_told(_: Network, **given: Any) -> None:
    """Define a service, and write what the engine is told."""
    made = define(given, alias="victim", folder=Path(__file__).parent)
    told = engine_config(made.spec, image="a", network="net", labels={}, host_ports={}, publish_on="127.0.0.1")
    json.dumps(told).encode()


def attached(net: Network, **given: Any) -> None:
    """Attach a container to a network."""
    net.connect(given.get("target", "stranger"), aliases=given.get("aliases", ()))


def run(_: Network, **given: Any) -> None:
    """Say how a command is to be run, and since when a log is to be read."""
    moment_of(given.pop("since", None))
    how_to_run(**given)


def asked(_: Network, **given: Any) -> None:
    """Make a readiness check."""
    maker, (*arguments,), options = given["maker"], given["arguments"], given["options"]
    maker(*arguments, **options)


def configured(_: Network, **given: Any) -> None:
    """Read the options from their places."""
    made = read_settings(given["line"].get, given["environ"], given["ini"].get)
    state_folder(made.state_dir, {})


def _places(values: st.SearchStrategy[Any], name: Callable[[Any], str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(OPTIONS).map(name), values, max_size=3)


WORDS = TEXTS | st.sampled_from(["auto", "busybox", "9.5.0", "512m", "on", "7", "/state", f"tcp://me:{SECRET}@[::1"])
CHECKS = {
    ready.http: ("port", "status", "timeout"),
    ready.tcp: (),
    ready.log: (),
    ready.exec: ("timeout",),
}
DOORS = st.one_of(
    st.tuples(st.just(lambda _, **given: service(**given)), keywords(*SERVICE, *WIRING)),
    st.tuples(
        st.just(lambda _, **given: elasticsearch_service(**given)),
        keywords(*SERVICE, *WIRING, "version", "heap", "plugins", "seed"),
    ),
    st.tuples(st.just(lambda _, **given: network(**given)), keywords(*OF_NETWORKS)),
    st.tuples(st.just(in_a_block), keywords(*SERVICE, "networks")),
    st.tuples(st.just(lambda _, **given: job(**given)), keywords(*SERVICE, *WIRING)),
    st.tuples(
        st.just(run),
        st.fixed_dictionaries(
            {}, optional={"env": SECRETS} | dict.fromkeys(("user", "workdir", "input", "timeout", "since"), NONSENSE)
        ),
    ),
    st.tuples(st.just(as_the_engine_is_told), keywords(*SERVICE)),
    st.tuples(st.just(attached), st.fixed_dictionaries({}, optional={"target": NONSENSE, "aliases": NONSENSE})),
    st.tuples(
        st.just(asked),
        st.sampled_from(list(CHECKS)).flatmap(
            lambda maker: st.fixed_dictionaries(
                {
                    "maker": st.just(maker),
                    "arguments": st.tuples(NONSENSE),
                    "options": st.fixed_dictionaries({}, optional=dict.fromkeys(CHECKS[maker], NONSENSE)),
                }
            )
        ),
    ),
    st.tuples(
        st.just(configured),
        st.fixed_dictionaries(
            {
                "line": _places(WORDS, lambda option: option.field),
                "environ": _places(WORDS, lambda option: option.variable),
                "ini": _places(WORDS | NONSENSE, lambda option: option.ini),
            }
        ),
    ),
)
"""Where somebody's values come in, each with what may be given there."""


class Case:
    """A door, and what is given there."""

    def __init__(self, door: Callable[..., None], given: Mapping[str, Any]) -> None:
        self.door = door
        self.given = given

    def __repr__(self) -> str:
        return f"{self.door.__name__}: { ({name: shown(value) for name, value in self.given.items()}) }"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return what is given at some door."""
    return Case(*draw(DOORS))  # not by `map`: that would show the values as they are, which some don't allow


PLACED = {"<lambda>", "in_a_block", "attached"}
"""The doors where a definition is written, so that messages have its file and line."""


@given(case=cases())
@settings(
    max_examples=10_000 if ALL else 500,
    derandomize=not ALL,  # an ordinary run is red for a change of the code alone
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_nonsense_is_answered_in_a_sentence(net: Network, case: Case) -> None:
    try:
        case.door(net, **case.given)
    except (DefinitionError, SettingsError) as error:
        message = str(error)
        lines = message.splitlines()
        assert SECRET not in message
        assert all("Remedy: " in line for line in lines), message
        assert all(len(line) < 1000 and line.isprintable() for line in lines), message
        if case.door.__name__ in PLACED:
            assert all("test_nonsense.py:" in line for line in lines), message
    assert ENGINE.containers == {}
