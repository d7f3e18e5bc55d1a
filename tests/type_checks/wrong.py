"""What both type checkers must refuse in a downstream conftest and its tests.

Nobody runs this: `./run lint` has mypy and basedpyright read it. Each line that is wrong says so for both checkers, and
each of them reports a comment that nothing is wrong with.
"""

# What follows from a wrong line isn't counted.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import pytest_foodtrucks
from pytest_foodtrucks import (
    ElasticsearchService,
    Network,
    Probe,
    Service,
    ServiceKeywords,
    assert_reachable,
    elasticsearch_service,
    index_fixture,
    network,
    ready,
    seed_files,
    service,
)


def tells_whether(store: Service) -> bool:
    """Return what a check should raise."""
    return store.logs() != ""


def takes_nothing() -> None:
    """Take no service."""


def gives_a_number() -> int:
    """Return no image's name."""
    return 8


def fill(es: ElasticsearchService) -> None:
    """Fill Elasticsearch; a factory takes the name of a fixture that yields this."""


redis = service(image="redis:8")


# keywords
service(imge="redis:8")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
service(image=8)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
service(image="redis:8", ports=6379.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
service(image="redis:8", ports=[6379.5])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
service(image="redis:8", environment=[1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
service(image="redis:8", timeout="20s")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
service(image="redis:8", read_only="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
service(image="redis:8", ulimits=["nofile=5"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
service(image="redis:8", cpus=[1])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
service(image="redis:8", scope="sesion")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
service(image="redis:8", shared="no")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
service(image="redis:8", requires=[redis])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
service(image=gives_a_number)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
service(image="redis:8", version="8")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
service("redis:8")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
elasticsearch_service(version=8)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
elasticsearch_service(seed=fill)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
index_fixture(kind="stream")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
index_fixture(mapping={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
seed_files(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
network(internal="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
network(external=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
keywords: ServiceKeywords = {"image": "redis:8", "prots": [6379]}  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportAssignmentType]

# checks
service(image="redis:8", ready=tells_whether)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
service(image="redis:8", ready=takes_nothing)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
service(image="redis:8", ready=ready.tcp)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
service(image="redis:8", ready=[ready.tcp(), 6379])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
service(image="redis:8", ready=ready.http(8000))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

# a fixture isn't what it yields
print(redis.url)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
yielded: Service = service(image="redis:8")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

# a name that the package doesn't have
print(pytest_foodtrucks.nonsense)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def test_a_service(redis: Service, es_on_net: ElasticsearchService, foodtrucks_net: Network, net_probe: Probe) -> None:
    """What a service doesn't offer, and arguments of another type."""
    redis.adress(80)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    redis.address("80")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    redis.restart(10)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    redis.http.gett("/")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    es_on_net.client.coutn(index="menu")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    es_on_net.url = "http://localhost"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    foodtrucks_net.service(image="redis:8", alias="one")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    foodtrucks_net.connect(80)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    redis.put(5, "/etc/users.acl")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    redis.exec(["ls"], env=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    redis.wait_for_log(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    foodtrucks_net.reach_me("8000")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    net_probe.resolve(redis)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_reachable(80, redis)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_reachable(redis, es_on_net, timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
