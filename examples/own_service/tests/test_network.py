from pytest_foodtrucks import ElasticsearchService, Probe, Service


def test_all_three_find_each_other(
    web_on_net: Service, redis: Service, es_on_net: ElasticsearchService, net_probe: Probe
) -> None:
    assert net_probe.connect(redis).kind == "connected"
    assert net_probe.connect(web_on_net).kind == "connected"
    assert net_probe.connect(es_on_net).kind == "connected"


def test_strangers_find_none_of_them(redis: Service, bridge_probe: Probe, net_probe: Probe) -> None:
    assert net_probe.connect(redis.container.ip, 6379).kind == "connected"  # the control: it listens
    assert bridge_probe.connect(redis.container.ip, 6379).kind == "dropped"
    assert bridge_probe.resolve("redis") == []
