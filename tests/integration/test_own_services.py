"""Services of somebody's own: what the keywords mean on a real engine, and when a service counts as ready."""

from pathlib import Path

import pytest

from lab import ECHO, ECHO_COMMAND, IMAGE
from pytest_foodtrucks import (
    DefinitionError,
    EngineError,
    Network,
    NotReady,
    NotReadyInTime,
    Probe,
    Service,
    StartError,
    ready,
    service,
)

echo = service(**ECHO)
told = service(
    image=IMAGE,
    command="sleep 600",
    environment=lambda echo, pytestconfig: {"ECHO_URL": echo.internal_url, "ROOT": pytestconfig.rootpath},
    requires=["echo"],
)
islander = service(**ECHO, network="island")
passing = service(image=IMAGE, command="sleep 600", scope="function")


def test_an_own_service_is_found_by_its_fixtures_name(echo: Service, net_probe: Probe) -> None:
    assert echo.alias == "echo"
    assert net_probe.connect(echo).kind == "connected"


def test_a_value_may_be_a_function_of_fixtures(told: Service) -> None:
    assert told.container.exec(["sh", "-c", "echo $ECHO_URL"]).stdout == "http://echo:7000\n"


def test_an_internal_network_publishes_nothing_and_is_ready_all_the_same(islander: Service, island: Network) -> None:
    with pytest.raises(DefinitionError, match="only a probe reaches it"):
        islander.address(7000)
    with island.probe() as probe:
        assert probe.connect(islander).kind == "connected"


def test_a_narrower_scope_works(passing: Service) -> None:
    assert passing.container.status == "running"


def test_compose_keywords_reach_the_container(foodtrucks_net: Network, tmp_path: Path) -> None:
    (tmp_path / "greeting").write_text("hello")
    tmp_path.chmod(0o755)
    with foodtrucks_net.service(
        image=IMAGE,
        entrypoint=["sleep"],
        command=["600"],
        aliases=["first", "second"],
        environment=["A=1", "B=x=y"],
        volumes=[f"{tmp_path}:/data:ro", "/anonymous"],
        tmpfs="/scratch:size=1m",
        mem_limit="64m",
        user=1234,
        cap_add=["NET_ADMIN"],
    ) as made:
        about = made.container.inspect()
        assert made.__foodtrucks__.aliases == ("first", "second")
        assert (
            made.container.exec(["sh", "-c", "echo $A $B $(id -u) $(cat /data/greeting)"]).stdout
            == "1 x=y 1234 hello\n"
        )
        assert about["HostConfig"]["Memory"] == 64 * 1024**2
        assert about["HostConfig"]["CapAdd"] == ["NET_ADMIN"]
        assert about["HostConfig"]["Tmpfs"] == {"/scratch": "size=1m"}
        volume = next(mount["Name"] for mount in about["Mounts"] if mount["Type"] == "volume")
        assert volume
    engine = foodtrucks_net.stack.engine
    assert engine.api.volumes(filters={"name": volume})["Volumes"] in (None, [])


def test_a_folder_with_colons_in_its_name_is_mounted(foodtrucks_net: Network, tmp_path: Path) -> None:
    folder = tmp_path / "run-12:30:05"
    folder.mkdir()
    (folder / "greeting").write_text("hello")
    tmp_path.chmod(0o755)
    with foodtrucks_net.service(
        image=IMAGE, command="sleep 600", aliases=["colons"], volumes=[f"{folder}:/data:ro"]
    ) as made:
        assert made.exec(["cat", "/data/greeting"]).stdout == "hello"


def test_host_ports_survive_a_restart(foodtrucks_net: Network) -> None:
    with foodtrucks_net.service(**ECHO, aliases=["again"]) as again:
        before = again.address(7000)
        again.restart(timeout=0)
        assert again.container.ports == {7000: before.port}
        bindings = again.container.inspect()["NetworkSettings"]["Ports"]["7000/tcp"]
        assert bindings[0]["HostPort"] == str(before.port)


def test_a_second_container_with_an_alias_is_refused(foodtrucks_net: Network, echo: Service) -> None:
    with (
        pytest.raises(DefinitionError, match=r"alias 'echo' belongs to .*echo.* already.*round robin"),
        foodtrucks_net.service(image=IMAGE, aliases=[echo.alias]),
    ):
        pass


def test_an_alias_may_be_shared_on_purpose(foodtrucks_net: Network, echo: Service, net_probe: Probe) -> None:
    with foodtrucks_net.service(image=IMAGE, command="sleep 600", aliases=["other"]) as other:
        foodtrucks_net.disconnect(other)
        foodtrucks_net.connect(other, aliases=[echo.alias])
        assert set(net_probe.resolve("echo")) == {echo.container.ip, other.container.ip}


class TestReadiness:
    """When a service counts as ready."""

    def test_tcp_waits_until_something_listens(self, foodtrucks_net: Network, net_probe: Probe) -> None:
        late = ["sh", "-c", f"sleep 1; exec {' '.join(ECHO_COMMAND)}"]
        with foodtrucks_net.service(image=IMAGE, command=late, ports=[7000], aliases=["late"]) as made:
            assert net_probe.connect(made).kind == "connected"

    def test_tcp_asks_at_the_networks_address(self, foodtrucks_net: Network) -> None:
        on_loopback = ["httpd", "-f", "-p", "127.0.0.1:7000"]
        with (
            pytest.raises(NotReadyInTime, match="nothing listens on port 7000"),
            foodtrucks_net.service(image=IMAGE, command=on_loopback, ports=[7000], aliases=["shy"], timeout=2),
        ):
            pass

    @pytest.mark.parametrize(
        ("where", "words"),
        [
            (
                "127.0.0.1:7000",
                r"it listens on 127\.0\.0\.1:7000, which only the container itself reaches\. Remedy: let it",
            ),
            (
                "8000",
                r"nothing listens on port 7000 of its address; it listens on \[::\]:8000\. Remedy: name the right",
            ),
        ],
    )
    def test_http_says_on_what_the_app_listens_instead(self, foodtrucks_net: Network, where: str, words: str) -> None:
        with (
            pytest.raises(NotReadyInTime, match=words),
            foodtrucks_net.service(
                image=IMAGE,
                command=["httpd", "-f", "-p", where],
                ports=[7000],
                aliases=["elsewhere"],
                ready=ready.http("/"),
                timeout=1,
            ),
        ):
            pass

    def test_a_health_check_that_isnt_there_is_refused_at_once(self, foodtrucks_net: Network) -> None:
        with (
            pytest.raises(DefinitionError, match=r"test_own_services\.py:[0-9]+: unchecked has no health check"),
            foodtrucks_net.service(image=IMAGE, command="sleep 600", aliases=["unchecked"], ready=ready.healthcheck()),
        ):
            pass

    def test_a_command_in_a_service_that_ended_tells_its_end(self, foodtrucks_net: Network) -> None:
        with foodtrucks_net.service(image=IMAGE, command="sleep 600", aliases=["brief"]) as brief:
            with pytest.raises(TimeoutError, match=r"\['sleep', '9'\] in brief .* hasn't ended within 0\.2 s"):
                brief.exec(["sleep", "9"], timeout=0.2)
            with (
                brief.killed(),
                pytest.raises(EngineError, match=r"in brief .*: it exited with exit code 137 \(killed, .*\) at 20"),
            ):
                brief.exec(["ls"])

    def test_the_health_check_counts_where_there_is_one(self, foodtrucks_net: Network) -> None:
        check = {"test": ["CMD", "test", "-e", "/tmp/well"], "interval": "200ms", "retries": 50}  # noqa: S108
        well = ["sh", "-c", "sleep 1; touch /tmp/well; sleep 600"]
        with foodtrucks_net.service(image=IMAGE, command=well, healthcheck=check, aliases=["well"]) as made:
            assert made.__foodtrucks__.state().health == "healthy"

    def test_checks_of_all_kinds_can_be_joined(self, foodtrucks_net: Network) -> None:
        def own(target: ready.Target) -> None:
            if "up" not in target.logs():
                raise NotReady("it hasn't said up")

        checks = [ready.log(r"^up$"), ready.exec(["true"]), ready.running(), own]
        command = ["sh", "-c", "sleep 0.3; echo up; sleep 600"]
        with foodtrucks_net.service(image=IMAGE, command=command, ready=checks, aliases=["joined"]) as made:
            assert made.container.logs() == "up\n"

    def test_http_asks_from_beside_where_nothing_is_published(self, foodtrucks_net: Network) -> None:
        request = 'while read -r line && [ "${#line}" -gt 1 ]; do :; done'  # what isn't read makes a reset of the end
        answer = "printf 'HTTP/1.0 200 OK\\r\\n\\r\\nwell'"
        server = ["nc", "-ll", "-p", "80", "-e", "sh", "-c", f"{request}; {answer}"]
        check = ready.http("/", port=80)
        with foodtrucks_net.service(image=IMAGE, command=server, ready=check, aliases=["unpublished"]) as made:
            assert made.__foodtrucks__.fetch("/", port=80) == (200, "well")

    @pytest.mark.parametrize("ports", [[80], []])
    def test_the_status_of_an_answer_that_never_ends_is_enough(self, foodtrucks_net: Network, ports: list[int]) -> None:
        answer = "printf 'HTTP/1.0 200 OK\\r\\n\\r\\n'; exec yes"
        server = ["nc", "-ll", "-p", "80", "-e", "sh", "-c", f"read line; {answer}"]
        check = ready.http("/", port=80)
        with foodtrucks_net.service(image=IMAGE, command=server, ports=ports, ready=check, aliases=["endless"]) as made:
            assert made.__foodtrucks__.fetch("/", port=80) == (200, "y\n" * 500_000)

    @pytest.mark.parametrize("ports", [[80], []])
    def test_an_answer_that_trickles_without_end_isnt_ready(self, foodtrucks_net: Network, ports: list[int]) -> None:
        answer = "printf 'HTTP/1.0 200 OK\\r\\n\\r\\n'; while sleep 0.2; do echo on; done"
        server = ["nc", "-ll", "-p", "80", "-e", "sh", "-c", f"read line; {answer}"]
        asked = foodtrucks_net.service(
            image=IMAGE, command=server, ports=ports, ready=ready.http("/", port=80), aliases=["trickle"], timeout=3
        )
        with pytest.raises(NotReadyInTime, match="the answer didn't end within 2 s"), asked:
            pass

    def test_running_out_of_time_says_why(self, foodtrucks_net: Network, nothing_left: None) -> None:
        del nothing_left
        with (
            pytest.raises(
                NotReadyInTime, match=r"after \d+\.\d s and \d+ tries: no line of its log matches 'never'"
            ) as error,
            foodtrucks_net.service(
                image=IMAGE,
                command=["sh", "-c", "echo last words; sleep 600"],
                ready=ready.log("never"),
                timeout=1,
                aliases=["slow"],
            ),
        ):
            pass
        assert error.value.logs == "last words\n"

    def test_an_ended_container_ends_the_wait(self, foodtrucks_net: Network, nothing_left: None) -> None:
        del nothing_left
        with (
            pytest.raises(StartError, match="exited with exit code 7") as error,
            foodtrucks_net.service(
                image=IMAGE, command=["sh", "-c", "echo oh no; exit 7"], aliases=["dead"], ready=ready.log("never")
            ),
        ):
            pass
        assert error.value.logs == "oh no\n"

    def test_a_container_without_memory_says_so(self, foodtrucks_net: Network, nothing_left: None) -> None:
        del nothing_left
        eater = ["sh", "-c", "sleep 0.2; tail /dev/zero"]
        with (
            pytest.raises(StartError, match="memory was used up"),
            foodtrucks_net.service(
                image=IMAGE, command=eater, mem_limit="16m", aliases=["eater"], ready=ready.log("x")
            ),
        ):
            pass

    def test_a_command_that_is_not_there_is_told(self, foodtrucks_net: Network, nothing_left: None) -> None:
        del nothing_left
        with (
            pytest.raises(StartError, match="no-such-command"),
            foodtrucks_net.service(image=IMAGE, command=["no-such-command"], aliases=["typo"]),
        ):
            pass
