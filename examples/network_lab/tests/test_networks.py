"""The chapter on networks, from top to bottom; each test is one of its claims.

The controls are inside the assertions: a "no" counts only where the source can connect at all, and the target listens.
Where that isn't so they raise a ProbeError, which is neither a yes nor a no.
"""

import pytest

from pytest_foodtrucks import (
    DefinitionError,
    Network,
    Probe,
    Service,
    assert_isolated,
    assert_matrix,
    assert_not_resolves,
    assert_reachable,
    assert_resolves,
    reachability,
)


def test_on_a_network_of_ones_own_a_name_leads_to_its_container(foodtrucks_net: Network, truck: Service) -> None:
    assert_resolves(foodtrucks_net, truck)
    assert_reachable(foodtrucks_net, truck)


def test_on_the_default_bridge_there_are_addresses_and_no_names(bridge_probe: Probe, stand_on_bridge: Service) -> None:
    address = stand_on_bridge.container.inspect()["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert_reachable(bridge_probe, address, 7000)
    assert_not_resolves(bridge_probe, stand_on_bridge)


def test_from_the_default_bridge_nothing_leads_into_a_network_of_ones_own(bridge_probe: Probe, truck: Service) -> None:
    assert_isolated(bridge_probe, truck)


def test_two_networks_know_no_names_of_each_other(
    foodtrucks_net: Network, second_net: Network, truck: Service, boat: Service
) -> None:
    assert_not_resolves(second_net, truck)
    assert_not_resolves(foodtrucks_net, boat)


def test_two_networks_do_not_reach_each_other(truck: Service, boat: Service) -> None:
    assert_isolated(truck, boat)
    assert_isolated(boat, truck)


def test_a_service_that_is_put_on_a_second_network_is_found_there_too(
    courier_on_both: Service, foodtrucks_net: Network, second_net: Network
) -> None:
    for net in (foodtrucks_net, second_net):
        assert_resolves(net, courier_on_both)
        assert_reachable(net, courier_on_both)


def test_it_reaches_who_is_on_either(courier_on_both: Service, truck: Service, boat: Service) -> None:
    assert_reachable(courier_on_both, truck)
    assert_reachable(courier_on_both, boat)


def test_it_is_no_way_through_for_the_others(courier_on_both: Service, truck: Service, boat: Service) -> None:
    assert_isolated(truck, boat)


def test_on_an_internal_network_names_work_as_on_any_other(internal_net: Network, safe: Service) -> None:
    assert_resolves(internal_net, safe)
    assert_reachable(internal_net, safe)


def test_nothing_leads_into_an_internal_network(foodtrucks_net: Network, safe: Service) -> None:
    assert_isolated(foodtrucks_net, safe)


def test_nothing_leads_out_of_an_internal_network(safe: Service, truck: Service) -> None:
    assert_isolated(safe, truck)


def test_an_internal_network_publishes_no_port_for_the_tests_either(safe: Service, truck: Service) -> None:
    assert truck.address(7000).port > 0
    with pytest.raises(DefinitionError, match="only a probe reaches it"):
        safe.address(7000)


def test_the_whole_matrix(
    bridge_probe: Probe,
    foodtrucks_net: Network,
    second_net: Network,
    internal_net: Network,
    truck: Service,
    stand_on_bridge: Service,
    courier_on_both: Service,
    boat: Service,
    safe: Service,
) -> None:
    seen = reachability(
        {
            "default bridge": bridge_probe,
            "foodtrucks_net": foodtrucks_net,
            "second_net": second_net,
            "internal_net": internal_net,
            "courier": courier_on_both,
        },
        {"truck": truck, "stand": stand_on_bridge, "courier": courier_on_both, "boat": boat, "safe": safe},
    )
    print(f"\n{seen}")
    assert_matrix(
        seen,
        """
                        truck  stand  courier  boat  safe
        default bridge  X      .      X        X     X
        foodtrucks_net  .      .      .        X     X
        second_net      X      X      .        .     X
        internal_net    X      X      X        X     .
        courier         .      .      .        .     X
        """,
    )
