"""The ready-made fixtures on a real engine: a network, Elasticsearch, the app, clients, probes."""

import asyncio
import json
from typing import TYPE_CHECKING

import httpx2
import pytest

from pytest_foodtrucks import ElasticsearchService, Engine, Network, Probe, Service

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch


def test_the_engine_tells_what_it_is(foodtrucks_engine: Engine) -> None:
    assert foodtrucks_engine.kind == "docker"
    assert foodtrucks_engine.version[0].isdigit()
    assert "://" in foodtrucks_engine.url
    assert foodtrucks_engine.host == "127.0.0.1"


def test_the_network_is_a_bridge_of_its_own(foodtrucks_net: Network, foodtrucks_engine: Engine) -> None:
    assert foodtrucks_net.name.startswith("foodtrucks-")
    assert foodtrucks_net.driver == "bridge"
    about = foodtrucks_engine.inspect_network(foodtrucks_net.name)
    assert about["Id"] == foodtrucks_net.id
    assert about["IPAM"]["Config"][0] == {"Subnet": foodtrucks_net.subnet, "Gateway": foodtrucks_net.gateway}


def test_the_network_lists_its_containers_with_their_addresses(
    foodtrucks_net: Network, es_on_net: ElasticsearchService
) -> None:
    listed = {container.name: container.ip for container in foodtrucks_net.containers}
    assert listed[es_on_net.container.name] == es_on_net.container.ip


def test_everything_carries_the_labels(es_on_net: ElasticsearchService, foodtrucks_engine: Engine) -> None:
    labels = es_on_net.container.inspect()["Config"]["Labels"]
    assert labels["pytest-foodtrucks.service"] == "es"
    assert labels["pytest-foodtrucks.owner"]
    of_network = foodtrucks_engine.inspect_network(es_on_net.__foodtrucks__.network.id)["Labels"]
    assert labels["pytest-foodtrucks.name"] == es_on_net.container.name
    assert of_network.pop("pytest-foodtrucks.name") == es_on_net.__foodtrucks__.network.name
    assert of_network.items() <= labels.items()


def test_elasticsearch_answers_where_the_fixture_says(es_on_net: ElasticsearchService) -> None:
    host, port = es_on_net.address(9200)
    health = httpx2.get(f"http://{host}:{port}/_cluster/health", trust_env=False).json()
    assert health["status"] in {"yellow", "green"}
    assert es_on_net.url == f"http://{host}:{port}"
    assert es_on_net.internal_url == "http://es:9200"
    assert es_on_net.address(9300).port != port


def test_ports_are_published_on_loopback_only(es_on_net: ElasticsearchService) -> None:
    bindings = es_on_net.container.inspect()["HostConfig"]["PortBindings"]
    assert {place["HostIp"] for places in bindings.values() for place in places} == {"127.0.0.1"}


def test_the_heap_is_capped_and_disk_watermarks_are_off(es_on_net: ElasticsearchService) -> None:
    node = es_on_net.http.get("/_nodes/jvm,settings").json()["nodes"].popitem()[1]
    assert node["jvm"]["mem"]["heap_max_in_bytes"] == 512 * 1024**2
    assert "-XX:TieredStopAtLevel=1" in node["jvm"]["input_arguments"]
    assert node["settings"]["cluster"]["routing"]["allocation"]["disk"]["threshold_enabled"] == "false"


def test_the_client_searches(es_client: "Elasticsearch", es_index: str) -> None:
    es_client.index(index=es_index, document={"dish": "taco"}, refresh=True)
    found = es_client.search(index=es_index, query={"match": {"dish": "taco"}})
    assert found["hits"]["total"]["value"] == 1


def test_an_async_client_searches_too(es_on_net: ElasticsearchService, es_index: str) -> None:
    async def count() -> int:
        async with es_on_net.async_client() as client:
            await client.index(index=es_index, document={"dish": "taco"}, refresh=True)
            return int((await client.count(index=es_index))["count"])

    assert asyncio.run(count()) == 1


class TestAnIndexOfOnesOwn:
    """What lives under the name is gone after the test; pytest runs these in the order of the file."""

    used: str

    def test_it_is_used_with_aliases_and_templates(self, es_index: str, es_on_net: ElasticsearchService) -> None:
        type(self).used = es_index
        http = es_on_net.http
        for path, body in (
            (f"/{es_index}", {"aliases": {f"{es_index}-alias": {}}}),
            (f"/{es_index}-second", {}),
            ("/somebody-elses", {"aliases": {f"{es_index}-far": {}}}),
            (f"/_index_template/{es_index}-template", {"index_patterns": [f"{es_index}-t*"]}),
            (f"/_component_template/{es_index}-part", {"template": {}}),
        ):
            http.put(path, json=body).raise_for_status()

    def test_then_all_of_it_is_gone(self, es_on_net: ElasticsearchService) -> None:
        http = es_on_net.http
        state = http.get("/_cluster/state/metadata").json()["metadata"]
        state.pop("index-graveyard")  # where the server itself remembers what it deleted
        assert self.used not in json.dumps(state)
        assert http.delete("/somebody-elses").status_code == 200

    def test_another_test_gets_another_name(self, es_index: str) -> None:
        assert es_index != self.used


def test_the_app_has_loaded_its_trucks(
    web_on_net: Service, web_client: httpx2.Client, es_client: "Elasticsearch"
) -> None:
    assert "Total trucks loaded:  733" in web_on_net.container.logs()
    assert es_client.count(index="trucks")["count"] == 733
    assert web_client.get("/search", params={"q": "taco"}).json()["hits"] > 0
    assert web_on_net.alias == "foodtrucks-web"


def test_clients_trust_no_proxy_of_the_environment(web_client: httpx2.Client, web_on_net: Service) -> None:
    assert str(web_client.base_url).rstrip("/") == web_on_net.url
    assert web_client.trust_env is False
    assert web_client.timeout.connect is not None


def test_a_probe_resolves_names(net_probe: Probe, bridge_probe: Probe, es_on_net: ElasticsearchService) -> None:
    assert es_on_net.container.ip in net_probe.resolve("es")
    assert net_probe.resolve("no-such-name") == []
    assert bridge_probe.resolve("es") == []


def test_a_probe_tells_connected_from_refused_dropped_and_unresolved(
    net_probe: Probe, bridge_probe: Probe, es_on_net: ElasticsearchService
) -> None:
    address = es_on_net.container.ip
    assert net_probe.connect(es_on_net).kind == "connected"
    assert net_probe.connect(address, 9300).kind == "connected"
    assert net_probe.connect(es_on_net, 9999).kind == "refused"
    assert net_probe.connect("no-such-name", 9200).kind == "unresolved"
    assert bridge_probe.connect(es_on_net).kind == "unresolved"
    assert bridge_probe.connect(address, 9200).kind == "dropped"


def test_a_probe_asks_by_http(net_probe: Probe, web_on_net: Service) -> None:
    answer = net_probe.http(f"{web_on_net.internal_url}/healthz")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert net_probe.http(f"{web_on_net.internal_url}/no-such-page").status == 404


def test_a_probe_runs_commands(net_probe: Probe) -> None:
    result = net_probe.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (result.exit_code, result.stdout, result.stderr) == (3, "out\n", "err\n")


def test_commands_run_in_a_service(es_on_net: ElasticsearchService) -> None:
    assert es_on_net.container.exec(["id", "-u"]).stdout.strip() == "1000"
    assert es_on_net.container.status == "running"
    assert es_on_net.container.ports.keys() == {9200, 9300}


@pytest.mark.parametrize("name", ["es_on_net", "web_on_net", "foodtrucks_net", "net_probe", "foodtrucks_engine"])
def test_what_fixtures_yield_says_what_it_is(name: str, request: pytest.FixtureRequest) -> None:
    assert repr(request.getfixturevalue(name)).startswith("<")
