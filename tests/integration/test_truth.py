"""The assertions on a real engine, each green and red: from a probe, a service without a shell, and a network."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest

from lab import ECHO, IDLE, IMAGE
from pytest_foodtrucks import (
    IsolationError,
    Matrix,
    Network,
    Probe,
    ProbeError,
    ReachabilityError,
    ResolutionError,
    Service,
    assert_isolated,
    assert_matrix,
    assert_not_resolves,
    assert_reachable,
    assert_resolves,
    reachability,
    service,
)

echo = service(**ECHO, network="home")
neighbour = service(**IDLE, network="home")
stranger = service(**IDLE, network="abroad")
castaway = service(**ECHO, network="island")


@pytest.fixture(scope="module")
def home_probe(home: Network) -> Iterator[Probe]:
    with home.probe() as probe:
        yield probe


class TestGreen:
    """What is true is asserted without a word."""

    def test_from_a_probe(self, home_probe: Probe, bridge_probe: Probe, echo: Service) -> None:
        assert_resolves(home_probe, echo)
        assert_reachable(home_probe, echo)
        assert_not_resolves(bridge_probe, echo)
        assert_isolated(bridge_probe, echo)

    def test_from_a_service(self, neighbour: Service, stranger: Service, echo: Service) -> None:
        assert_resolves(neighbour, echo)
        assert_reachable(neighbour, echo, 7000)
        assert_not_resolves(stranger, echo)
        assert_isolated(stranger, echo)

    def test_from_a_network(self, home: Network, abroad: Network, echo: Service) -> None:
        assert_resolves(home, "echo")
        assert_reachable(home, "echo", 7000)
        assert_not_resolves(abroad, "echo")
        assert_isolated(abroad, echo.container.name)  # other tests have an echo on networks of theirs

    def test_to_and_from_an_internal_network(
        self, island: Network, home: Network, castaway: Service, echo: Service
    ) -> None:
        assert_reachable(island, castaway)
        assert_isolated(home, castaway)
        assert_isolated(island, echo)


def told(error: pytest.ExceptionInfo[BaseException]) -> dict[str, str]:
    """Return the rows of an error's message."""
    return dict(re.findall(r"^  (\w+) +(\S.*)$", str(error.value), re.MULTILINE))


def ask_again(command: str) -> str:
    """Run the command that a message gives, and return what it says."""
    argv = shlex.split(command, comments=True)
    assert argv[0] == "docker"
    assert "run" in argv[1:4]  # after `-H URL`, if the engine isn't at its usual address
    result = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return result.stdout + result.stderr


class TestRed:
    """What isn't true is told with source, way, expected, seen, evidence, and a command."""

    def test_isolation_where_there_is_a_way(self, neighbour: Service, echo: Service) -> None:
        with pytest.raises(
            IsolationError, match="echo isn't isolated from the network namespace of neighbour"
        ) as error:
            assert_isolated(neighbour, echo)
        rows = told(error)
        address = echo.container.ip
        assert rows["source"] == f"the network namespace of neighbour ({neighbour.container.name})"
        assert rows["way"] == f"{address}:7000, its address on {echo.__foodtrucks__.network.name}"
        assert rows["expected"] == "dropped or unreachable"
        assert rows["seen"] == "connected, in each of 3 tries"
        assert rows["evidence"].startswith("connected (0.")
        assert ask_again(rows["again"]) == "connected\n"

    def test_isolation_where_the_packet_arrives(self, home_probe: Probe, echo: Service) -> None:
        with pytest.raises(IsolationError) as error:
            assert_isolated(home_probe, echo, 7001)
        assert told(error)["seen"] == "refused, in each of 3 tries"
        assert "Connection refused" in ask_again(told(error)["again"])

    def test_reachability_where_there_is_no_way(self, abroad: Network, stranger: Service, echo: Service) -> None:
        for source in (abroad, stranger):
            with pytest.raises(ReachabilityError, match="echo isn't reached from") as error:
                assert_reachable(source, echo, timeout=0)
            rows = told(error)
            assert (rows["way"], rows["expected"]) == ("the name echo, port 7000", "connected")
            assert rows["seen"].startswith("unresolved, asked 1 times")
            assert "NXDOMAIN" in rows["evidence"]
            assert "gaierror" in ask_again(rows["again"])

    def test_reachability_where_nothing_listens(self, home_probe: Probe, echo: Service) -> None:
        with pytest.raises(ReachabilityError, match="see that the target listens") as error:
            assert_reachable(home_probe, echo, 7001, timeout=0.5)
        assert told(error)["seen"].startswith("refused, asked ")

    def test_a_name_that_should_resolve(self, bridge_probe: Probe, echo: Service) -> None:
        for target in (echo, "echo"):
            with pytest.raises(
                ResolutionError, match="echo doesn't resolve as it should from the default bridge"
            ) as error:
                assert_resolves(bridge_probe, target)
            assert told(error)["seen"] == "unresolved"

    def test_a_name_that_shouldnt_resolve(self, home: Network, echo: Service) -> None:
        for target in (echo, "echo"):
            with pytest.raises(ResolutionError, match=r"echo resolves from the network .*, and shouldn't") as error:
                assert_not_resolves(home, target)
            assert told(error)["seen"] == f"resolved to {echo.container.ip}"
            assert echo.container.ip in ask_again(told(error)["again"])


@pytest.fixture(scope="module")
def bare_image(home: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Build an image with one static binary and neither shell nor tools: busybox under the name of its httpd."""
    folder = tmp_path_factory.mktemp("bare")
    engine = home.stack.engine
    (folder / "Dockerfile").write_text(
        f"FROM {IMAGE} AS tools\nFROM scratch\nCOPY --from=tools /bin/busybox /httpd\n"
        'ENTRYPOINT ["/httpd", "-f", "-p", "7000", "-h", "/sys/kernel"]\n'
    )
    list(engine.build(folder, dockerfile="Dockerfile", args={}, tag="foodtrucks-bare:test"))
    yield "foodtrucks-bare:test"
    engine.api.remove_image("foodtrucks-bare:test", force=True)


def test_an_image_with_neither_shell_nor_tools_is_source_and_target(
    home: Network, abroad: Network, bare_image: str, echo: Service
) -> None:
    with home.service(image=bare_image, ports=[7000], aliases=["bare"]) as bare:
        assert bare.container.exec(["sh"]).exit_code not in {0, None}
        assert_reachable(bare, echo)
        assert_reachable(home, bare)
        assert_isolated(abroad, bare)


def test_a_sidecar_is_made_anew_when_its_service_restarted(home: Network, echo: Service) -> None:
    with home.service(**ECHO, aliases=["again"]) as again:
        before = again.__foodtrucks__.sidecar
        assert_reachable(again, echo)
        assert again.__foodtrucks__.sidecar is before
        again.__foodtrucks__.stack.engine.api.restart(again.container.id, timeout=0)
        assert_reachable(again, echo)
        assert_reachable(home, again)
        assert again.__foodtrucks__.sidecar is not before


class TestOutside:
    """What is no service of ours: a probe on the default bridge vouches for it."""

    def test_an_address_that_nobody_reaches_says_nothing(self, home: Network) -> None:
        with pytest.raises(ProbeError, match="isn't reached from the default bridge either"):
            assert_isolated(home, "192.0.2.1", 80)


class TestControls:
    """A control that fails is no answer: neither green nor red."""

    def test_a_target_that_doesnt_listen(self, abroad: Network, echo: Service) -> None:
        with pytest.raises(ProbeError, match=r"nothing listens on port 7001 of echo") as error:
            assert_isolated(abroad, echo, 7001)
        assert not isinstance(error.value, AssertionError)
        assert "again     docker " in str(error.value)

    def test_a_target_that_doesnt_run(self, home: Network, abroad: Network) -> None:
        with home.service(**ECHO, aliases=["ended"]) as ended:
            ended.__foodtrucks__.stack.engine.api.kill(ended.container.id)
            with pytest.raises(ProbeError, match="ended is exited"):
                assert_isolated(abroad, ended)
            with pytest.raises(ProbeError, match="ended is exited"):
                assert_not_resolves(abroad, ended)
            with pytest.raises(ReachabilityError, match="ended is exited"):
                assert_reachable(home, ended, timeout=0)
            with pytest.raises(ProbeError, match="ended is exited: nothing can be asked from it"):
                assert_reachable(ended, "x", 80)

    def test_a_source_on_no_network(self, home: Network, echo: Service) -> None:
        with home.service(**IDLE, aliases=["lonely"]) as lonely:
            home.disconnect(lonely)
            with pytest.raises(ProbeError, match="is on no network, so whatever it doesn't reach says nothing"):
                assert_isolated(lonely, echo)

    def test_a_paused_target_by_whatever_means_it(self, home: Network, abroad: Network) -> None:
        command = ["httpd", "-f", "-p", "7000"]  # whose backlog is wide enough for all of these, unlike nc's
        with home.service(image=IMAGE, command=command, ports=[7000], aliases=["frozen"]) as frozen:
            container = frozen.container
            short = container.id[:12]
            words = ["frozen", "FROZEN", "frozen.", short, short.upper(), container.name, f"Frozen.{home.name}"]
            for word in (*words, container.ip):
                assert_reachable(home, word, 7000)
            with frozen.paused():
                for word in (*words, container.ip):
                    with pytest.raises(ProbeError, match="frozen is paused: for a process that doesn't run"):
                        assert_reachable(home, word, 7000)
                for word in ("FROZEN", container.ip):
                    with pytest.raises(ProbeError, match="frozen is paused, and must be running"):
                        assert_isolated(abroad, word, 7000)

    def test_a_port_must_be_named(self, home: Network, neighbour: Service) -> None:
        with pytest.raises(ProbeError, match=r"Which port of .*neighbour.* is to be asked\? Remedy: give port="):
            assert_isolated(home, neighbour)


def answering(home: Network, answer: str) -> AbstractContextManager[Service]:
    """Start a service that gives the same to whoever connects, as printf writes it, once it heard something."""
    command = ["nc", "-ll", "-p", "7000", "-e", "sh", "-c", f"read line; printf '{answer}'"]
    return home.service(image=IMAGE, command=command, ports=[7000], aliases=["talker"])


class TestHttp:
    """An HTTP answer is complete, or none."""

    def test_bytes_that_are_no_text_are_counted(self, home: Network, home_probe: Probe) -> None:
        ten = r"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n"
        with answering(home, ten + r"\377\377\377\377"), pytest.raises(ProbeError, match="after 4 of 10 bytes"):
            home_probe.http("http://talker:7000/")
        with answering(home, ten + r"\377" * 10):
            assert home_probe.http("http://TALKER:7000/").text == "\ufffd" * 10

    def test_a_length_that_is_none_is_told(self, home: Network, home_probe: Probe) -> None:
        with (
            answering(home, r"HTTP/1.0 200 OK\r\nContent-Length: many\r\n\r\nab"),
            pytest.raises(ProbeError, match="the answer's Content-Length is 'many', which is no number of bytes"),
        ):
            home_probe.http("http://talker:7000/")

    def test_chunks_are_put_together(self, home: Network, home_probe: Probe) -> None:
        chunked = r"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntac\r\n1\r\no\r\n0\r\n\r\n"
        with answering(home, chunked):
            assert home_probe.http("http://talker:7000/").text == "taco"


@pytest.fixture(scope="module")
def seen(request: pytest.FixtureRequest) -> Matrix:
    """Ask four sources for two targets."""
    sources = {"home": "home", "bridge": "bridge_probe", "neighbour": "neighbour", "stranger": "stranger"}
    return reachability(
        {name: request.getfixturevalue(fixture) for name, fixture in sources.items()},
        [request.getfixturevalue(fixture) for fixture in ("echo", "castaway")],
    )


class TestTheMatrix:
    """The whole table at once."""

    def test_it_is_drawn(self, seen: Matrix) -> None:
        assert str(seen) == (
            "           echo  castaway\n"
            "home       .     X\n"
            "bridge     X     X\n"
            "neighbour  .     X\n"
            "stranger   X     X\n"
            "(. connected, X blocked, ! inconclusive)"
        )

    def test_it_is_as_expected(self, seen: Matrix) -> None:
        assert_matrix(
            seen,
            """
                        castaway   echo
            neighbour   X          .
            home        X          .
            bridge      X          X
            stranger    X          X
            """,
        )

    def test_its_cells_are_verdicts(self, seen: Matrix, echo: Service) -> None:
        assert (seen["home", "echo"].kind, seen["home", "echo"].address) == ("connected", echo.container.ip)
        assert (seen["bridge", "echo"].kind, seen["bridge", "echo"].tries) == ("dropped", 3)

    def test_what_differs_is_told(self, seen: Matrix) -> None:
        with pytest.raises(IsolationError, match="2 of 8 cells of the matrix aren't as expected") as error:
            assert_matrix(
                seen,
                """
                          echo castaway
                home      X    .
                bridge    X    X
                neighbour .    X
                stranger  X    X
                """,
            )
        drawn = str(error.value)
        assert "differences  echo  castaway\nhome         .     X\nbridge       -     -\n" in drawn
        assert "\n  seen      . (connected)\n" in drawn
        assert ask_again(told(error)["again"]) != ""

    def test_a_table_of_ten_by_ten_has_no_cell_that_isnt_connected(self, home: Network) -> None:
        with ExitStack() as undo:
            ten = [undo.enter_context(home.service(**ECHO, aliases=[f"s{number}"])) for number in range(10)]
            matrix = reachability(ten, ten)
        assert set(matrix.signs.values()) == {"."}
