"""The tutorial's chapter on networks, claim by claim; each negative claim has a control beside it.

The assertions bring their own; where a test asks without them, a control shows that the probe works and that the target
listens, so that "no" means the network and nothing else.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx2
import pytest

from lab import ECHO, ECHO_COMMAND, IDLE_COMMAND, IMAGE, PYTHON
from pytest_foodtrucks import (
    Container,
    ElasticsearchService,
    Engine,
    Network,
    Probe,
    Service,
    assert_isolated,
    assert_matrix,
    assert_not_resolves,
    assert_reachable,
    assert_resolves,
    network,
    reachability,
)

from .conftest import Downstream

Run = Callable[..., Probe]

second_net = network()


@pytest.fixture
def run(foodtrucks_net: Network) -> Iterator[Run]:
    """Run a container as `docker run` does, without one of our networks, and ask from inside it."""
    stack = foodtrucks_net.stack
    with ExitStack() as undo:

        def start(command: list[str] = IDLE_COMMAND, *, network: str | None = None) -> Probe:
            name = f"foodtrucks-stranger-{secrets.token_hex(4)}"
            image = IMAGE if command is ECHO_COMMAND else PYTHON  # who asks needs Python
            config = {"Image": stack.image(image), "Cmd": command, "Labels": dict(stack.labels("stranger"))}
            if network is not None:
                config["HostConfig"] = {"NetworkMode": network}
            created = stack.engine.create_container(name, config)
            undo.callback(stack.engine.remove_container, created)
            stack.engine.start_container(created)
            container = Container(stack.engine, created, name, network if network is not None else "bridge")
            return Probe(container, name, stack=stack)

        yield start


def namespace(probe: Probe) -> str:
    """Return the network namespace that a container is in."""
    return probe.run(["readlink", "/proc/self/ns/net"]).stdout.strip()


class TestTheNetworksThatDockerHas:
    """`docker network ls` on a fresh engine."""

    def test_there_are_bridge_host_and_none(self, foodtrucks_engine: Engine) -> None:
        names = {entry["Name"] for entry in foodtrucks_engine.api.networks()}
        assert {"bridge", "host", "none"} <= names

    def test_a_container_without_a_network_is_on_bridge_and_listed_there(
        self, run: Run, foodtrucks_engine: Engine
    ) -> None:
        container = run().container
        listed = foodtrucks_engine.inspect_network("bridge")["Containers"]
        assert listed[container.id]["IPv4Address"].partition("/")[0] == container.ip != ""

    def test_host_has_no_namespace_of_its_own(self, run: Run) -> None:
        host = namespace(run(network="host"))
        assert host == namespace(run(network="host")), "the engine's own, which for a rootless one isn't this machine's"
        assert namespace(run()) != host, "the control: a container on bridge has one"

    def test_none_has_no_way_out(self, run: Run) -> None:
        target = run(ECHO_COMMAND)
        assert run().connect(target.container.ip, 7000).kind == "connected", "the control: it listens"
        nowhere = run(network="none")
        assert nowhere.connect(target.container.ip, 7000).kind == "unreachable"
        assert nowhere.run(["ls", "/sys/class/net"]).stdout.split() == ["lo"]


class TestTheDefaultBridge:
    """Where containers land when nobody says otherwise."""

    def test_containers_reach_each_other_by_address_and_not_by_name(self, run: Run) -> None:
        target, source = run(ECHO_COMMAND), run()
        assert source.connect(target.container.ip, 7000).kind == "connected"
        assert source.connect(target.container.name, 7000).kind == "unresolved"

    def test_names_do_resolve_elsewhere(self, foodtrucks_net: Network, net_probe: Probe) -> None:
        """The control of the test above: the same tools find a container's name on a user-defined network."""
        with foodtrucks_net.service(**ECHO, aliases=["target"]) as target:
            assert net_probe.connect(target.container.name, 7000).kind == "connected"

    def test_a_container_that_is_made_again_may_get_another_address(self, run: Run, foodtrucks_engine: Engine) -> None:
        first = run().container
        before = first.ip
        foodtrucks_engine.remove_container(first.id)
        # Somebody else starts containers meanwhile, and one gets the address. Others here start and remove theirs, too:
        # an address that one of them left may come first.
        any(run().container.ip == before for _ in range(8))
        assert run().container.ip != before

    def test_strangers_share_it(self, run: Run, foodtrucks_engine: Engine, bridge_probe: Probe) -> None:
        mine = run(ECHO_COMMAND)
        assert bridge_probe.connect(mine.container.ip, 7000).kind == "connected"
        on_bridge = foodtrucks_engine.inspect_network("bridge")["Containers"]
        assert {mine.container.id, bridge_probe.container.id} <= on_bridge.keys()


class TestANetworkOfOnesOwn:
    """`docker network create foodtrucks-net`."""

    def test_es_resolves_to_elasticsearch(self, es_on_net: ElasticsearchService, net_probe: Probe) -> None:
        assert_resolves(net_probe, es_on_net)
        assert es_on_net.container.ip in net_probe.resolve("es")

    def test_es_answers_by_its_name(self, es_on_net: ElasticsearchService, net_probe: Probe) -> None:
        answer = net_probe.http("http://es:9200/_nodes?filter_path=nodes.*.version")
        assert answer.status == 200
        assert es_on_net.version in answer.text

    def test_the_app_finds_es_and_itself(self, web_on_net: Service, es_on_net: ElasticsearchService) -> None:
        script = "import socket; print(socket.gethostbyname('es'), socket.gethostbyname('foodtrucks-web'))"
        seen = web_on_net.container.exec(["python", "-c", script]).stdout.split()
        assert seen == [es_on_net.container.ip, web_on_net.container.ip]

    def test_a_probe_finds_the_app(self, web_on_net: Service, net_probe: Probe) -> None:
        assert_resolves(net_probe, web_on_net)
        assert net_probe.http("http://foodtrucks-web:5000/").status == 200

    def test_the_app_and_elasticsearch_reach_each_other(
        self, web_on_net: Service, es_on_net: ElasticsearchService
    ) -> None:
        assert_reachable(web_on_net, es_on_net)
        assert_reachable(es_on_net, web_on_net)


class TestIsolation:
    """What the default bridge can't offer."""

    def test_the_default_bridge_does_not_know_the_names(
        self, bridge_probe: Probe, es_on_net: ElasticsearchService, web_on_net: Service
    ) -> None:
        assert_not_resolves(bridge_probe, es_on_net)
        assert_not_resolves(bridge_probe, web_on_net)

    def test_the_default_bridge_has_no_way_in(
        self, bridge_probe: Probe, es_on_net: ElasticsearchService, web_on_net: Service
    ) -> None:
        assert_isolated(bridge_probe, es_on_net)
        assert_isolated(bridge_probe, web_on_net)
        assert bridge_probe.connect(es_on_net.container.ip, 9200).kind == "dropped"

    def test_who_reaches_whom(
        self, net_probe: Probe, bridge_probe: Probe, es_on_net: ElasticsearchService, web_on_net: Service
    ) -> None:
        assert_matrix(
            reachability(
                {"net": net_probe, "web": web_on_net, "bridge": bridge_probe}, {"es": es_on_net, "web": web_on_net}
            ),
            """
                    es  web
            net     .   .
            web     .   .
            bridge  X   X
            """,
        )

    def test_a_second_network_is_no_way_in_until_its_container_is_connected(
        self, second_net: Network, foodtrucks_net: Network, es_on_net: ElasticsearchService
    ) -> None:
        with second_net.probe() as stranger:
            assert_isolated(stranger, es_on_net)

            foodtrucks_net.connect(stranger)
            assert_reachable(stranger, es_on_net)

            foodtrucks_net.disconnect(stranger)
            assert_isolated(stranger, es_on_net)


class TestTheApp:
    """`foodtrucks-web`, on port 5000."""

    def test_its_front_page_is_html(self, web_client: httpx2.Client) -> None:
        answer = web_client.head("/")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")

    def test_a_search_finds_trucks(self, web_client: httpx2.Client) -> None:
        found = web_client.get("/search", params={"q": "taco"}).json()
        assert found["hits"] > 0
        assert web_client.get("/search", params={"q": "qqqq"}).json()["hits"] == 0, "the control: it can find nothing"

    def test_elasticsearch_counts_its_trucks(self, web_on_net: Service, es_on_net: ElasticsearchService) -> None:
        assert "Total trucks loaded:  733" in web_on_net.container.logs()
        assert es_on_net.http.get("/trucks/_count").json()["count"] == 733

    def test_on_the_default_bridge_it_gives_up(
        self, web_on_net: Service, foodtrucks_net: Network, nothing_left: None
    ) -> None:
        del nothing_left
        assert web_on_net.container.status == "running", "the control: on the network it found es"
        engine = foodtrucks_net.stack.engine
        config = {
            "Image": web_on_net.container.image,
            "Env": ["ES_HOST=es", "ES_WAIT=2"],
            "Labels": dict(foodtrucks_net.stack.labels("lost")),
        }
        name = f"foodtrucks-lost-app-{secrets.token_hex(4)}"
        lost = Container(engine, engine.create_container(name, config), name, "bridge")
        try:
            engine.start_container(lost.id)
            deadline = time.monotonic() + 30
            while not lost.state().ended and time.monotonic() < deadline:
                time.sleep(0.05)
            state, last_line = lost.state(), lost.logs().strip().splitlines()[-1]
        finally:
            engine.remove_container(lost.id)
        assert state.ended
        assert state.exit_code != 0
        assert "es:9200" in last_line


class TestAgainAndAgain:
    """What the tutorial's script couldn't: run twice, and beside itself."""

    SUITE = """
    def test_it(web_client, es_client, net_probe, es_on_net):
        assert web_client.get("/search?q=taco").json()["hits"] > 0
        assert es_client.count(index="trucks")["count"] == 733
        assert es_on_net.container.ip in net_probe.resolve("es")
    """

    NEXT = """
    def test_it(foodtrucks_net, net_probe):
        assert net_probe.resolve("es") == []
    """

    def test_two_sessions_at_once_do_not_collide_and_the_next_one_finds_nothing_of_them(
        self, downstream: Downstream, web_client: httpx2.Client, es_on_net: ElasticsearchService
    ) -> None:
        """This session is one of the two."""
        downstream.write(test_it=self.SUITE)
        with downstream.started() as other:
            deadline = time.monotonic() + 300
            while other.poll() is None:
                assert time.monotonic() < deadline
                assert web_client.get("/healthz").status_code in {200, 503}, "it's there; es may be busy"
                assert es_on_net.client.count(index="trucks")["count"] == 733
                time.sleep(0.5)
            assert other.returncode == 0, other.communicate()[0]
        downstream.write(test_it=self.NEXT)
        downstream.run().assert_outcomes(passed=1)
