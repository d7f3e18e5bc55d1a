"""What the network promises: names inside, nothing from outside."""

from pytest_foodtrucks import ElasticsearchService, Probe, Service


def test_es_resolves_to_elasticsearch(es_on_net: ElasticsearchService, net_probe: Probe) -> None:
    assert es_on_net.container.ip in net_probe.resolve("es")


def test_the_app_is_found_by_its_name(web_on_net: Service, net_probe: Probe) -> None:
    assert net_probe.http("http://foodtrucks-web:5000/healthz").status == 200


def test_strangers_on_the_default_bridge_know_no_es(
    es_on_net: ElasticsearchService, net_probe: Probe, bridge_probe: Probe
) -> None:
    assert net_probe.connect("es", 9200).kind == "connected"  # the control: it listens, and a probe can tell
    assert bridge_probe.resolve("es") == []


def test_strangers_do_not_get_through_by_address(
    es_on_net: ElasticsearchService, net_probe: Probe, bridge_probe: Probe
) -> None:
    address = es_on_net.container.ip
    assert net_probe.connect(address, 9200).kind == "connected"
    assert bridge_probe.connect(address, 9200).kind == "dropped"
