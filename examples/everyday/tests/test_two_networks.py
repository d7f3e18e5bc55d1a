import os

from pytest_foodtrucks import Service, ServiceKeywords, assert_isolated, assert_reachable, network, service

WEB_SERVER: ServiceKeywords = {
    "image": os.environ.get("EXAMPLE_PYTHON_IMAGE", "python:3.13-slim"),
    "command": ["python", "-m", "http.server", "80"],
    "ports": [80],
}

front_net = network()
back_net = network(internal=True)

visitor = service(**WEB_SERVER, network="front_net")
store = service(**WEB_SERVER, network="back_net")
gateway = service(**WEB_SERVER, networks={"front_net": {"aliases": ["www"]}, "back_net": None}, requires=["store"])


def test_the_gateway_is_reached_from_both_networks(gateway: Service, visitor: Service, store: Service) -> None:
    assert_reachable(visitor, gateway)
    assert_reachable(store, gateway)


def test_visitors_call_it_www(gateway: Service, visitor: Service) -> None:
    assert visitor.exec(["python", "-c", "from urllib.request import urlopen; urlopen('http://www')"]).exit_code == 0


def test_the_gateway_reaches_the_store_and_visitors_do_not(visitor: Service, gateway: Service, store: Service) -> None:
    assert_reachable(gateway, store)
    assert_isolated(visitor, store)
