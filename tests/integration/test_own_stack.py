"""A module's own stack on a real engine, under xdist: faults strike it while other workers use the shared one."""

from lab import IMAGE
from pages import block_with

from .conftest import Downstream

CONFTEST = f"""
import os, pathlib, time
import pytest
from pytest_foodtrucks import job, ready, service

redis = service(image={IMAGE!r}, command=["nc", "-ll", "-p", "6379", "-e", "cat"], ports=[6379])
migrate = job(image={IMAGE!r}, command="ping -c 1 redis", requires=["redis"])
web_on_net = service(
    image=os.environ["FOODTRUCKS_WEB_IMAGE"],
    environment=lambda es_on_net, redis: {{"ES_HOST": es_on_net.alias, "ES_ID": es_on_net.container.id}},
    requires=["migrate"],
    ports=[5000],
    ready=ready.http("/healthz"),
)

@pytest.fixture(scope="session")
def es_seed():
    return lambda es: es.client.index(index="menu", id="1", document={{"dish": "taco"}}, refresh=True)

@pytest.fixture
def meet(request):
    '''Say that this worker came to a point, and wait until the other one is at another point.'''
    def meet(here, there):
        folder = pathlib.Path(request.config.rootpath)
        (folder / here).touch()
        deadline = time.monotonic() + 240
        while not (folder / there).exists():
            assert time.monotonic() < deadline, there
            time.sleep(0.05)
    return meet
"""

OWN = """
from pytest_foodtrucks import assert_reachable, assert_resolves

def test_it_is_on_a_network_of_its_own_under_the_usual_names(own_stack):
    own = [own_stack.es, own_stack.web, own_stack["redis"]]
    assert [service.alias for service in own] == ["es", "foodtrucks-web", "redis"]
    assert {{each.id for each in own_stack.net.containers}} == {{service.container.id for service in own}}
    for target in (own_stack.es, own_stack["redis"]):
        assert_resolves(own_stack.web, target)
        assert_reachable(own_stack.web, target)
    assert f"ES_ID={{own_stack.es.container.id}}" in own_stack.web.container.exec(["env"]).stdout
    assert own_stack.es_client.count(index="menu")["count"] == 1
    assert own_stack["migrate"].logs().startswith(f"PING redis ({{own_stack['redis'].container.ip}})")

{example}

def test_a_fault_strikes_it_while_another_worker_uses_the_shared_stack(own_stack, meet):
    assert own_stack.web.container.status == "running"
    with own_stack.es.paused(), own_stack["redis"].killed():
        meet("fault", "seen")
        assert own_stack.es.container.status == "paused"
    own_stack.es_client.index(index="menu", document={{"dish": "ramen"}}, refresh=True)
    assert own_stack.es_client.count(index="menu")["count"] == 2
    meet("changed", "counted")
"""

SHARED = """
import pytest
from pytest_foodtrucks import FaultError

def test_it_goes_on_meanwhile(es_client, web_client, redis, net_probe, meet):
    meet("here", "fault")
    for _ in range(5):
        assert es_client.count(index="menu")["count"] == 1
        assert web_client.get("/healthz").status_code == 200
        assert net_probe.connect(redis).kind == "connected"
    meet("seen", "changed")
    assert es_client.count(index="menu")["count"] == 1
    meet("counted", "counted")

def test_it_can_have_no_fault(es_on_net):
    with pytest.raises(FaultError, match="share"), es_on_net.paused(): pass
"""


def test_faults_on_a_modules_own_stack_leave_the_other_workers_alone(downstream: Downstream) -> None:
    downstream.write(
        conftest=CONFTEST, test_own=OWN.format(example=block_with("own_stack.es.paused()")), test_shared=SHARED
    )
    downstream.run("-n2", "--dist=loadfile", timeout=540).assert_outcomes(passed=5)


ON_OWN_NETWORK = f"""
import pytest
from pytest_foodtrucks import elasticsearch_service, network, ready, service

own_net = network(scope="module")
about = dict(image={IMAGE!r}, command=["nc", "-ll", "-p", "9200", "-e", "cat"], ports=[9200], ready=ready.tcp())
es_on_net = elasticsearch_service(scope="module", network="own_net", **about)
stranger = service(scope="module", **about)

def test_names(own_net, foodtrucks_net, es_on_net, stranger, worker_id):
    assert (es_on_net.alias, stranger.alias) == ("es", f"stranger-{{worker_id}}")
    with own_net.probe() as probe:
        assert [len(probe.resolve(name)) for name in ("es", "stranger", stranger.alias)] == [1, 0, 0]
    assert (own_net.shared, foodtrucks_net.shared) == (False, True)
"""


def test_on_a_network_of_its_own_a_service_keeps_its_name_under_workers(downstream: Downstream) -> None:
    downstream.write(test_it=ON_OWN_NETWORK)
    downstream.run("-n1").assert_outcomes(passed=1)
