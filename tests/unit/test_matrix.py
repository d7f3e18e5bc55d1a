"""The matrix: how it is asked."""

import re
from typing import Any

import pytest

from fakes.agent import DROPPED, LOST, OPEN, REFUSED, resolves_to
from fakes.isolation import ABROAD, HOME, Scene, World
from pytest_foodtrucks import DefinitionError, ProbeError, reachability
from pytest_foodtrucks.probes.probe import Probe


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_connects_by_name_is_connected(scene: Scene) -> None:
    scene.together()
    seen = reachability([scene.home], [scene.es])
    assert seen.signs == {("home", "es"): "."}
    assert seen["home", "es"].address == HOME
    assert "way" not in str(seen)


def test_what_connects_by_address_alone_is_connected_too(scene: Scene) -> None:
    scene.world.outside.connections[HOME, 9200] = OPEN
    seen = reachability({"a": scene.abroad}, {"b": scene.es})
    assert seen.signs == {("a", "b"): "."}
    assert seen.cells["a", "b"].way == f"{HOME}:9200, its address on home"


def test_what_no_way_leads_to_is_blocked(scene: Scene) -> None:
    seen = reachability([scene.abroad], [scene.es])
    assert seen.signs == {("abroad", "es"): "X"}
    assert (seen["abroad", "es"].kind, seen["abroad", "es"].tries) == ("dropped", 3)


def test_a_target_without_an_address_is_blocked_by_name(scene: Scene) -> None:
    scene.world.containers[scene.es.container.id]["NetworkSettings"]["Networks"] = {}
    seen = reachability([scene.abroad], [scene.es])
    assert (seen.signs["abroad", "es"], seen["abroad", "es"].kind) == ("X", "unresolved")


def test_refused_is_neither_connected_nor_blocked(scene: Scene) -> None:
    scene.world.outside.connections[HOME, 9200] = REFUSED
    seen = reachability([scene.abroad], [scene.es])
    assert (seen.signs["abroad", "es"], seen["abroad", "es"].kind) == ("!", "refused")


def test_a_name_that_leads_elsewhere_is_inconclusive_though_its_address_connects(scene: Scene) -> None:
    scene.together()
    scene.world.outside.names["es"] = resolves_to(HOME, "172.30.0.7")
    assert reachability([scene.home], [scene.es]).signs != {("home", "es"): "X"}


def test_a_control_that_fails_makes_it_inconclusive(scene: Scene) -> None:
    scene.world.inside.sockets = []
    scene.world.inside.other = REFUSED
    seen = reachability([scene.abroad], [scene.es])
    assert seen.signs == {("abroad", "es"): "!"}
    assert seen["abroad", "es"].evidence.count("nothing listens on port 9200") == 1, "looked at twice, and told once"


def test_of_what_a_new_network_disturbs_only_what_was_reached_is_asked_again(scene: Scene) -> None:
    other = scene.service("other", scene.home, "172.30.0.77")
    scene.world.changes = [True]
    scene.world.outside.connections[HOME, 9200] = [*[OPEN] * 3, *[DROPPED] * 3]
    scene.world.outside.connections["172.30.0.77", 9200] = [*[DROPPED] * 3, *[OPEN] * 3]
    assert set(reachability([scene.abroad], [scene.es, other]).signs.values()) == {"X"}


def test_an_answer_that_was_lost_makes_it_inconclusive(scene: Scene) -> None:
    scene.world.outside.connections[HOME, 9200] = LOST
    assert reachability([scene.abroad], [scene.es]).signs == {("abroad", "es"): "!"}


def pause(world: World, container: str) -> None:
    world.containers[container]["State"]["Status"] = "paused"


def test_a_connection_to_a_paused_target_is_inconclusive(scene: Scene) -> None:
    scene.together()
    scene.world.outside.meanwhile = lambda: pause(scene.world, scene.es.container.id)
    seen = reachability([scene.home], [scene.es])
    assert seen.signs == {("home", "es"): "!"}
    assert "es is paused; a process that doesn't run connects all the same" in seen["home", "es"].evidence


def test_a_source_that_doesnt_run_has_an_inconclusive_row(scene: Scene) -> None:
    web = scene.service("web", scene.abroad, ABROAD)
    pause(scene.world, web.container.id)
    seen = reachability([web], [scene.es, "10.0.0.7:53"])
    assert set(seen.signs.values()) == {"!"}
    assert "web is paused: nothing can be asked from it" in seen["web", "es"].evidence


def test_what_isnt_ours_is_named_with_its_port(scene: Scene) -> None:
    scene.world.outside.connections["10.0.0.7", 53] = OPEN
    assert reachability([scene.abroad], ["10.0.0.7:53"]).signs == {("abroad", "10.0.0.7:53"): "."}
    scene.world.outside.connections["10.0.0.7", 53] = DROPPED
    seen = reachability([scene.abroad], ["10.0.0.7:53"])
    assert seen.signs == {("abroad", "10.0.0.7:53"): "!"}, "nobody reaches it"
    assert re.search(r"isn't reached from the default bridge either", seen["abroad", "10.0.0.7:53"].evidence)


@pytest.mark.parametrize("target", ["es", ":80", "es:http"])
def test_a_name_without_a_port_is_refused(scene: Scene, target: str) -> None:
    with pytest.raises(DefinitionError, match=r"has no port\. Remedy: write it name:port"):
        reachability([scene.abroad], [target])


def test_sources_and_targets_must_be_there_and_have_names_of_their_own(scene: Scene) -> None:
    with pytest.raises(DefinitionError, match="needs sources and targets"):
        reachability([], [scene.es])
    with pytest.raises(DefinitionError, match="'es' is no list"):
        reachability([scene.home], "es")
    with pytest.raises(DefinitionError, match="Two of home, home have one name"):
        reachability([scene.home, scene.home], [scene.es])


def test_a_probe_made_by_hand_is_refused(scene: Scene) -> None:
    bare = Probe(scene.abroad.standing_probe.container, "somewhere")
    with pytest.raises(ProbeError, match="made by hand"):
        reachability([bare], [scene.es])


@pytest.mark.parametrize("source", [None, "es", 5])
def test_what_is_no_source_is_refused(scene: Scene, source: Any) -> None:
    with pytest.raises(DefinitionError, match=f"{source!r} is no source"):
        reachability({"home": scene.home, "a": source}, [scene.es])


@pytest.mark.parametrize(
    "target", [None, 5, "127.1:80", "c :80", "http://c:80", "es:0", "es:65536", "es:\u00b2", "es:-1"]
)
def test_what_is_no_target_is_refused(scene: Scene, target: Any) -> None:
    with pytest.raises(DefinitionError, match="Remedy: "):
        reachability([scene.home], [scene.es, target])


def test_targets_may_come_from_anything_that_yields_them(scene: Scene) -> None:
    scene.together()
    assert reachability([scene.home], iter([scene.es])).signs == {("home", "es"): "."}  # type: ignore[arg-type]


@pytest.mark.parametrize("target", ["ES:9200", "es.:9200", f"{HOME}:9200"])
def test_a_target_by_another_word_for_a_service_is_the_service(scene: Scene, target: str) -> None:
    scene.together()
    with scene.stack.showing(scene.es):
        assert reachability([scene.home], [target]).signs == {("home", target): "."}
        pause(scene.world, scene.es.container.id)
        assert reachability([scene.home], [target]).signs == {("home", target): "!"}


def test_whether_published_ports_count_is_true_or_false(scene: Scene) -> None:
    scene.together()
    with pytest.raises(DefinitionError, match="published='no'"):
        reachability([scene.home], [scene.es], published="no")  # type: ignore[arg-type]
