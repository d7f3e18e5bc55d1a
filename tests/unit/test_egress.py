"""Whether anything leads out: what each answer means."""

import errno
import socket
from collections.abc import Callable, Iterable
from unittest.mock import Mock

import pytest

from fakes.agent import ABSENT, DROPPED, LOST, OPEN, REFUSED, SERVER_FAILED, resolves_to
from fakes.isolation import Outside, Scene
from pytest_foodtrucks import (
    DefinitionError,
    IsolationError,
    ProbeError,
    assert_matrix,
    assert_no_egress,
    reachability,
)
from pytest_foodtrucks.isolation import outside
from pytest_foodtrucks.probes.agent import program
from pytest_foodtrucks.probes.beacons import probe_on_default_bridge

FAR = "198.51.100.10"
NAME = "example.com."
VIA = [f"{FAR}:443", "example.com"]


@pytest.fixture
def scene() -> Scene:
    """Return a source that reaches nothing, where the default bridge reaches all."""
    made = Scene()
    made.world.bridge = Outside()
    made.world.bridge.other = OPEN
    made.world.bridge.names[NAME] = resolves_to(FAR)
    made.world.outside.names[NAME] = SERVER_FAILED
    return made


def ask(scene: Scene, via: Iterable[str] = VIA) -> None:
    assert_no_egress(scene.abroad, via=via)


def signs(scene: Scene, via: Iterable[str] = VIA) -> str:
    """Return the signs of the table's columns internet, names, machine and bridge."""
    seen = reachability({"box": scene.abroad}, {}, outside=via)
    assert seen.targets[-2:] == ("machine", "bridge")
    return "".join(seen.signs["box", target] for target in seen.targets)


def test_where_all_is_silent_nothing_leads_out(scene: Scene) -> None:
    ask(scene)
    assert signs(scene) == "XXXX"


def internet(scene: Scene) -> None:
    scene.world.outside.connections[FAR, 443] = OPEN


def refusal(scene: Scene) -> None:
    scene.world.outside.connections[FAR, 443] = REFUSED


def name(scene: Scene) -> None:
    scene.world.outside.names[NAME] = resolves_to(FAR)


@pytest.mark.parametrize(
    ("open_up", "told", "row"),
    [
        (internet, f"  way       {FAR}:443\n", ".XXX"),
        (refusal, "  seen      refused\n", ".XXX"),
        (name, f"  seen      resolved to {FAR}\n", "X.XX"),
    ],
)
def test_what_leads_out_is_told(scene: Scene, open_up: Callable[[Scene], None], told: str, row: str) -> None:
    open_up(scene)
    with pytest.raises(IsolationError, match="Something leads out of the network abroad, this way:") as raised:
        ask(scene)
    assert told in str(raised.value)
    assert signs(scene) == row


def test_a_name_that_gets_out_is_told_with_its_remedy(scene: Scene) -> None:
    name(scene)
    with pytest.raises(IsolationError, match=r"moby#47333.*dns=\[\"127\.0\.0\.1\"\]"):
        ask(scene)


def test_what_is_asked_for_is_the_absolute_name(scene: Scene) -> None:
    scene.world.outside.names["example.com"] = resolves_to("10.9.9.9")  # what a search domain's wildcard answers
    ask(scene)


def test_a_star_is_a_random_label_each_time(scene: Scene) -> None:
    seen = scene.world.outside.asked
    for _ in range(2):
        ask(scene, ["*.leak.example", *VIA])
    told = {each for _, asked in seen for each in asked.get("names", []) if each.endswith(".leak.example.")}
    assert len(told) == 2
    assert all(len(each) == len(".leak.example.") + 16 for each in told)


def wildcard(scene: Scene) -> None:
    name(scene)
    scene.world.outside.nobody = resolves_to("10.9.9.9")


def ill_name_server(scene: Scene) -> None:
    scene.world.outside.lit_name = scene.world.outside.nobody = SERVER_FAILED


def unlit(scene: Scene) -> None:
    scene.world.outside.lit = DROPPED


def lost(scene: Scene) -> None:
    scene.world.outside.connections[FAR, 443] = LOST


def lost_name(scene: Scene) -> None:
    scene.world.outside.names[NAME] = LOST


@pytest.mark.parametrize(
    ("spoil", "told", "row"),
    [
        (wildcard, "a wildcard in a search domain or in the name server", "!!!!"),
        (ill_name_server, "doesn't resolve", "!!!!"),
        (unlit, "doesn't reach the beacon", "!!!!"),
        (lost, f"{FAR}:443: inconclusive", "!!!!"),
        (lost_name, "the name example.com", "!!!!"),
    ],
)
def test_where_a_control_fails_nothing_is_known(
    scene: Scene, spoil: Callable[[Scene], None], told: str, row: str
) -> None:
    spoil(scene)
    with pytest.raises(ProbeError, match="Whether anything leads out of the network abroad can't be told") as raised:
        ask(scene)
    assert told in str(raised.value)
    assert signs(scene) == row


@pytest.mark.parametrize(
    ("second", "row", "error"), [(DROPPED, "XXXX", None), (OPEN, ".XXX", "Something leads out of the network abroad")]
)
def test_what_gets_through_while_networks_are_created_is_asked_again_alone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, second: object, row: str, error: str | None
) -> None:
    for ask_egress in (True, False):
        scene.world.outside.connections[FAR, 443] = [*[OPEN] * 3, *[second] * 3]
        monkeypatch.setattr(scene.world, "networks_changed", Mock(side_effect=[True, False]))
        if not ask_egress:
            assert signs(scene) == row
        elif error is None:
            ask(scene)
        else:
            with pytest.raises(IsolationError, match=error):
                ask(scene)
    connections = [len(asked["connections"]) for question, asked in scene.world.outside.asked if question == "connect"]
    assert connections[-1] == 2, "the way, and the control"


def test_where_networks_are_created_all_the_time_it_cannot_be_told(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    internet(scene)
    monkeypatch.setattr(scene.world, "networks_changed", lambda _: True)
    with pytest.raises(
        ProbeError, match="networks were created or removed on the engine each time that this was asked"
    ):
        ask(scene)


def test_an_ill_name_server_says_nothing_where_no_name_is_asked_for(scene: Scene) -> None:
    ill_name_server(scene)
    ask(scene, VIA[:1])
    assert signs(scene, VIA[:1]) == "XXX"


@pytest.mark.parametrize("nobody", [ABSENT, SERVER_FAILED])
def test_a_way_that_leads_nowhere_from_the_default_bridge_is_not_judged(scene: Scene, nobody: object) -> None:
    scene.world.bridge.connections[FAR, 443] = DROPPED
    scene.world.bridge.names[NAME] = nobody
    ask(scene)  # by the machine and the default bridge
    assert signs(scene) == "!!XX"
    scene.world.bridge.other = DROPPED
    with pytest.raises(ProbeError, match="no way leads anywhere from the default bridge either"):
        ask(scene)
    assert signs(scene) == "!!!!"


def test_a_source_on_the_default_bridge_is_there(scene: Scene) -> None:
    scene.world.bridge.other = DROPPED
    with probe_on_default_bridge(scene.stack) as bridge:
        scene.world.bridge.connections[FAR, 443] = OPEN
        seen = reachability({"bridge": bridge}, {"es": scene.es}, outside=VIA)
    assert seen.signs["bridge", "bridge"] == "."
    assert seen["bridge", "internet"].kind == "connected"
    assert seen["bridge", "bridge"].evidence == "the source is on the default bridge itself"


def test_the_columns_stand_behind_the_targets(scene: Scene) -> None:
    seen = reachability([scene.abroad], [scene.es], outside=VIA)
    assert seen.targets == ("es", "internet", "names", "machine", "bridge")
    assert_matrix(seen, "es internet names machine bridge\nabroad X X X X X")


def test_what_is_well_known_is_asked_for_by_default(scene: Scene) -> None:
    seen = reachability([scene.abroad], {}, outside=True)
    assert seen["abroad", "internet"].address == "1.1.1.1"


@pytest.mark.parametrize("named", ["example.com", [], [5], 5, None, ["192.0.2.1"], {"a": "b"}])
def test_what_is_no_way_out_is_refused(scene: Scene, named: object) -> None:
    with pytest.raises(DefinitionError, match="Remedy: "):
        reachability([scene.abroad], [scene.es], outside=named)  # type: ignore[arg-type]


def test_a_target_with_the_name_of_a_column_is_refused(scene: Scene) -> None:
    with pytest.raises(DefinitionError, match="have a name that a column of outside= has"):
        reachability([scene.abroad], {"machine": scene.es}, outside=True)


class TestMachine:
    """How the engine's machine is asked about."""

    @pytest.fixture
    def refusing(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        """Let nothing listen at this machine's address, with an error's number."""

        def refuse(number: int) -> None:
            class Refusing(socket.socket):
                def bind(self, *_: object) -> None:
                    raise OSError(number, errno.errorcode[number])

            monkeypatch.setattr(program, "addresses", lambda: ["198.51.100.1"])
            monkeypatch.setattr(outside, "socket", Refusing)

        return refuse

    def test_an_address_of_another_machine_is_no_way(self, scene: Scene, refusing: Callable[[int], None]) -> None:
        refusing(errno.EADDRNOTAVAIL)
        assert signs(scene) == "XX!X"

    def test_an_address_at_which_nothing_can_listen_is_an_error_and_no_way_less(
        self, scene: Scene, refusing: Callable[[int], None]
    ) -> None:
        refusing(errno.EACCES)
        with pytest.raises(ProbeError, match=r"nothing can listen at .*: .*EACCES"):
            ask(scene)
