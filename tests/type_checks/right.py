"""What a downstream conftest and its tests write, and what both type checkers must accept.

Nobody runs this: `./run lint` has mypy and basedpyright read it, both at their strictest.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Unpack, assert_type

import httpx2
import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk

from pytest_foodtrucks import (
    Address,
    CommandError,
    Container,
    DefinitionError,
    ElasticsearchService,
    Engine,
    ExecResult,
    HttpAnswer,
    Job,
    LogLine,
    Network,
    NotReady,
    OwnStack,
    PortForward,
    Probe,
    Service,
    ServiceKeywords,
    VerdictKind,
    assert_isolated,
    assert_matrix,
    assert_no_egress,
    assert_not_resolves,
    assert_reachable,
    assert_resolves,
    elasticsearch_service,
    index_fixture,
    job,
    network,
    reach_me,
    reachability,
    ready,
    seed_files,
    service,
)

# readiness checks and seeds


def accepts_writes(store: Service) -> None:
    """Raise NotReady until the store takes a write."""
    if store.exec(["redis-cli", "set", "ready", "yes"]).stdout.strip() != "OK":
        raise NotReady("a write is refused")


def has_indices(search: ElasticsearchService) -> None:
    """Raise NotReady until there is an index."""
    if not search.client.indices.exists(index="menu"):
        raise NotReady("there is no index yet")


def flushed(store: Service) -> object:
    """Put a kept service back."""
    return store.exec(["redis-cli", "flushall"])


@pytest.fixture(scope="session")
def es_seed() -> Callable[[ElasticsearchService], object]:
    """Fill Elasticsearch by a function that has a value."""
    return lambda es: bulk(es.client, [{"_index": "menu", "name": "taco"}], refresh=True)


@pytest.fixture(scope="session")
def other_seed() -> Callable[[ElasticsearchService], None]:
    """Fill Elasticsearch by a function without a value."""

    def fill(es: ElasticsearchService) -> None:
        es.client.index(index="menu", document={"name": "ramen"})

    return fill


@pytest.fixture(scope="session")
def seed_of_files() -> list[Path]:
    """Fill Elasticsearch from files."""
    return [Path("seeds")]


@pytest.fixture(scope="session")
def seed_of_files_and_more() -> Callable[[ElasticsearchService], object]:
    """Fill it from files, and by a function."""
    files = seed_files("./seeds", Path("more.ndjson"))

    def fill(es: ElasticsearchService) -> None:
        files(es)
        es.client.indices.put_alias(index="menu", name="dishes")

    return fill


@pytest.mark.es_index(mappings={"properties": {}}, kind="alias")
def test_an_own_index(es_index: str, menu_index: str) -> None:
    """Both are names."""
    assert_type(es_index, str)
    assert_type(menu_index, str)


# factories

migrate = job(
    image="busybox",
    command=["true"],
    environment={"A": 1},
    requires=["redis"],
    timeout=5,
    network="second_net",
    scope="module",
    shared=False,
    reset=lambda _: None,
)


def es_variables(search: ElasticsearchService, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, object]:
    """Return what depends on fixtures."""
    return {"ES_URL": search.internal_url, "FOLDER": tmp_path_factory.mktemp("folder"), "PORT": 9200}


COMMON: ServiceKeywords = {"image": "redis:8", "ports": [6379], "timeout": 20}
WITH_MORE: ServiceKeywords = {**COMMON, "timeout": 90, "ready": accepts_writes}

back_net = network(internal=True)
module_net = network(driver="bridge", scope="module")
front_net = network(subnet=["10.20.0.0/24", "fd00::/64"], gateway="10.20.0.9", ipv6=True, driver_opts={"mtu": 1300})
proxy = service(image="a", networks={"front_net": {"aliases": ["www"], "ipv4_address": "10.20.0.5"}, "back_net": None})
on_both = elasticsearch_service(networks=["front_net", "back_net"], mac_address="02:42:ac:11:00:05")
redis = service(image="redis:8", ports=[6379], ready=accepts_writes, reset=flushed)
checked = service(image="redis:8", ready=[ready.tcp(), ready.log("Ready to accept"), accepts_writes], timeout=20)
beside = service(**COMMON, network="back_net", scope="class")
late = service(**WITH_MORE, requires=["redis"])
api = service(
    build={"context": Path("api"), "args": {"BASE": "python:3.13-slim"}},
    environment=es_variables,
    command="serve --all",
    ports=[8000, "53/udp"],
    volumes=["./data:/data:ro"],
    requires=["search", "redis"],
    network="back_net",
    ready=ready.http("/health", port=8000),
    scope="module",
    shared=False,
)
in_detail = service(
    build={"context": ".", "dockerfile_inline": "FROM redis:8", "secrets": {"token": {"environment": "TOKEN"}}},
    env_file=["app.env", Path("more.env"), {"path": "own.env", "required": False}],
    extra_hosts={"here": "host-gateway", "db": ["10.0.0.5", "::1"]},
    labels={"team": "trucks", "empty": None},
    sysctls=["net.core.somaxconn=1024"],
    ulimits={"nofile": 1024, "nproc": {"soft": 10, "hard": 20}},
    devices=["/dev/fuse", {"source": "/dev/null", "target": "/dev/nothing"}],
    gpus=[{"count": 1}],
    logging={"driver": "local", "options": {"max-size": "1m"}},
    cap_drop="ALL",
    security_opt=["no-new-privileges:true"],
    group_add=["audio", 1000],
    cpus=0.5,
    pids_limit=100,
    shm_size="64m",
    stop_signal=2,
    stop_grace_period=1.5,
    read_only=True,
)
by_lambda = service(
    # A lambda's parameters have no types; basedpyright's mode "standard" says nothing of it.
    image=lambda redis_image: redis_image,  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    environment=lambda search: {"ES_URL": search.internal_url},  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType, reportUnknownLambdaType]
)
search = elasticsearch_service(
    version="8.19.21",
    heap="512m",
    plugins=["analysis-icu", Path("mine.zip")],
    seed="other_seed",
    ready=has_indices,
    scope="session",
)
from_files = elasticsearch_service(seed="./seeds")
from_more_files = elasticsearch_service(seed=[Path("menu.index.json"), "./seeds/menu.ndjson"])
menu_index = index_fixture(mappings={"properties": {"dish": {"type": "keyword"}}}, service="search", scope="module")
menu_stream = index_fixture(kind="data_stream", settings={"number_of_replicas": 0})
any_search = elasticsearch_service(version=lambda: "9.5.0", mem_limit="2g", ready=accepts_writes)


class TestWithItsOwn:
    """A factory in a class is a mistake that only the plugin can see; the type is the same."""

    def test_a_fixture_is_what_it_yields(self, redis: Service) -> None:
        """The name of a fixture as a parameter hides the module's name."""
        assert_type(redis, Service)


def small_service(**keywords: Unpack[ServiceKeywords]) -> object:
    """Pass keywords on, as a factory of one's own does."""
    keywords.setdefault("mem_limit", "64m")
    return service(**keywords)


small = small_service(image="redis:8", ready=accepts_writes)


# fixtures


@pytest.fixture(scope="module")
def redis_on_both(redis: Service, back_net: Network) -> Iterator[Service]:
    """Put a service on a second network."""
    back_net.connect(redis, aliases=[redis.alias])
    yield redis
    back_net.disconnect(redis)


@pytest.fixture
def one_for_a_test(foodtrucks_net: Network) -> Iterator[Service]:
    """Start a service within a fixture."""
    with foodtrucks_net.service(image="redis:8", aliases=["one"], ready=accepts_writes) as one:
        assert_type(one, Service)
        yield one


# tests


def test_the_ready_made_fixtures(
    foodtrucks_engine: Engine,
    foodtrucks_net: Network,
    es_on_net: ElasticsearchService,
    web_on_net: Service,
    es_client: Elasticsearch,
    web_client: httpx2.Client,
    es_index: str,
    net_probe: Probe,
    bridge_probe: Probe,
) -> None:
    """Each fixture has the type that the README says."""
    assert_type(foodtrucks_engine.version, str)
    assert_type(foodtrucks_net.subnet, str)
    assert_type(foodtrucks_net.containers, list[Container])
    assert_type(es_on_net.client, Elasticsearch)
    assert_type(es_on_net.version, str)
    assert_type(web_on_net.http, httpx2.Client)
    assert_type(net_probe.resolve("es"), list[str])
    assert_type(bridge_probe.connect(es_on_net).kind, VerdictKind)
    assert es_client.count(index=es_index)["count"] == 0
    assert web_client.get("/").status_code == 200


def test_what_a_service_offers(redis: Service, search: ElasticsearchService) -> None:
    """What a service offers has a type; an Elasticsearch offers it, too."""
    both: Iterable[Service] = [redis, search]
    for each in both:
        assert_type(each.url, str)
        assert_type(each.internal_url, str)
        assert_type(each.address(80).url, str)
        assert_type(each.address(80).port, int)
        assert_type(each.http, httpx2.Client)
        assert_type(each.http.get("/").status_code, int)
        assert_type(each.logs(tail=3), str)
        assert_type(each.container.ip, str)
        assert_type(each.exec(["true"], timeout=5).stdout, str)
        assert_type(each.alias, str)
        assert_type(each.exec("cat", env={"A": 1}, user=5, workdir="/", input=b"x", check=True), ExecResult)
        assert_type((each.host, each.port, each.endpoint), tuple[str, int, str])
        assert_type(each.address(80), Address)
        assert_type(each.wait_for_log(r"order (\d+)", since=time.time(), timeout=5)[1], str | Any)
        assert_type(each.log_lines(since=datetime.now(UTC))[0], LogLine)
        assert_type(each.log_lines(tail=1)[0].stream, Literal["stdout", "stderr"])
        assert_type(each.wait(5), int)


def test_files_of_a_service(redis: Service, tmp_path: Path) -> None:
    """A file is put there from a path or from bytes, and comes back as bytes."""
    redis.put(tmp_path / "users.acl", "/etc/users.acl", mode="0644")
    redis.put(b"save 60 1", "/etc/redis.conf", mode=0o600)
    assert_type(redis.get("/etc/redis.conf"), bytes)


def test_what_a_probe_is_answered(net_probe: Probe) -> None:
    """An answer to HTTP has a type that a helper can name."""
    answer = net_probe.http("http://es:9200")
    assert_type(answer, HttpAnswer)
    assert_type((answer.status, answer.text, answer.headers), tuple[int, str, dict[str, str]])


def test_a_command_that_fails(redis: Service) -> None:
    """Its error tells how it ended."""
    with pytest.raises(CommandError) as caught:
        _ = redis.exec(["false"], check=True)
    assert_type(caught.value.exit_code, int | None)
    assert_type(caught.value.stderr, str)


def test_a_job(migrate: Job) -> None:
    """What ran once tells how it ended."""
    assert_type(migrate.exit_code, int)
    assert_type(migrate.logs(), str)
    assert_type(migrate.log_lines()[0].text, str)
    assert_type(migrate.container.status, str)


def test_a_callback(foodtrucks_net: Network, back_net: Network) -> None:
    """A server of the test is reached by way of a network."""
    with foodtrucks_net.reach_me(8000) as here, reach_me(network=back_net, ports={80: 8000}, alias="hook") as there:
        assert_type(here, PortForward)
        assert_type(there.internal_url, str)


def test_a_callback_by_the_fixture(reach_me: Callable[..., AbstractContextManager[PortForward]]) -> None:
    """The fixture is a function."""
    with reach_me(8000) as here:
        assert_type(here.connections, int)


def test_several_networks(foodtrucks_net: Network, back_net: Network, redis: Service) -> None:
    """A block names further networks; a fault may take one away."""
    with foodtrucks_net.service(image="a", aliases=["v"], networks=[back_net]) as one:
        assert_type(one, Service)
    with foodtrucks_net.service(image="a", aliases=["v"], networks={back_net: {"aliases": ["w"]}}), one.disconnected():
        pass
    with redis.disconnected(back_net):
        pass


def test_faults(redis: Service) -> None:
    """Each fault is a block; a restart is a call."""
    with redis.paused(), pytest.raises(httpx2.HTTPError):
        redis.http.get("/", timeout=0.5)
    with redis.stopped(timeout=1), redis.disconnected(), redis.killed():
        pass
    redis.restart(timeout=1)


def test_faults_on_a_stack_of_ones_own(own_stack: OwnStack) -> None:
    """Its parts have types; a service by its name is Any."""
    assert_type(own_stack.net, Network)
    assert_type(own_stack.es_client, Elasticsearch)
    assert_type(own_stack.web_client, httpx2.Client)
    beside: Service = own_stack["redis"]
    with own_stack.es.paused(), own_stack.web.killed(), beside.stopped():
        pass


def test_assertions(foodtrucks_net: Network, net_probe: Probe, redis: Service, search: ElasticsearchService) -> None:
    """Networks, probes and services ask; services and names are asked about."""
    for source in (foodtrucks_net, net_probe, redis, search):
        assert_resolves(source, redis)
        assert_reachable(source, search, 9200)
        assert_reachable(source, "es", "53/udp", timeout=1)
        assert_not_resolves(source, "nobody")
        assert_isolated(source, redis)
    assert_no_egress(redis, allow=[search, "10.0.0.1:80"])
    seen = reachability({"net": foodtrucks_net, "redis": redis}, {"search": search, "redis": redis})
    assert_matrix(seen, "")
    assert_matrix(reachability([net_probe, redis], [search]), "")


def test_errors(redis: Service) -> None:
    """An error is caught by its name."""
    with pytest.raises(DefinitionError, match="only a probe") as caught:
        _ = redis.address(1)
    assert_type(caught.value.message, str)
