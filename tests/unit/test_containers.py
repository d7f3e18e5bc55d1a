"""One container: its body for the engine, its ports, its creation, its state."""

import random
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from fakes.container import state
from fakes.engine import FakeEngine
from keyword_examples import EXAMPLES
from pytest_foodtrucks.containers import volumes
from pytest_foodtrucks.containers.compose import CONTAINER_KEYWORDS, ContainerSpec, engine_config, merge
from pytest_foodtrucks.containers.container import Container
from pytest_foodtrucks.containers.creation import Creation, free_port, in_use
from pytest_foodtrucks.containers.volumes import checked_volumes
from pytest_foodtrucks.engine.asking import refused_error
from pytest_foodtrucks.engine.execs import ExecResult
from pytest_foodtrucks.engine.subnets import free_subnet
from pytest_foodtrucks.errors import DefinitionError, EngineError, NoAnswer, StartError

TAKEN = (
    "The engine could not start the container: driver failed programming external connectivity: Bind for "
    "127.0.0.1:20001 failed: port is already allocated"
)
TAKEN_BY_A_STRANGER = "listen tcp4 127.0.0.1:20001: bind: address already in use"


ON: dict[str, Any] = {"image": "busybox", "network": "net", "labels": {}}
"""What is known only when the container is created."""


def config(host_ports: Mapping[int, int] | None = None, **about: Any) -> dict[str, Any]:
    """Return the engine's body for a container of busybox on the network `net`."""
    ports, on = host_ports if host_ports is not None else {}, {**ON, "labels": about.pop("labels", {})}
    return engine_config(given(about), **on, host_ports=ports, publish_on="127.0.0.1")


def given(about: dict[str, Any]) -> ContainerSpec:
    """Return keywords with the volumes that were written as texts."""
    written = about.get("volumes", ())
    texts = all(isinstance(each, str) for each in written)
    return ContainerSpec(**{**about, "volumes": checked_volumes(written) if texts else written})


def bind(volume: str, folder: Path, *, local: bool) -> str:
    """Return a volume in the short form as it is with its path made absolute."""
    (written,) = checked_volumes(volume)
    made = volumes.bind(written, folder, local=local)
    parts = [made.source, made.target, ",".join(made.modes)]
    return ":".join(part for part in parts if part)


def creation(engine: FakeEngine, image: str = "busybox", **about: Any) -> Creation:
    """Create a container on the network `net`; its image is busybox if no other is given."""
    on = {"image": image, "network": "net", "labels": about.pop("labels", {}), "built_as": about.pop("built_as", None)}
    return Creation(engine, given(about), **on, title="victim")


# the engine's body


def test_the_engine_gets_no_more_than_was_given() -> None:
    assert config() == {
        "Image": "busybox",
        "Labels": {},
        "HostConfig": {"NetworkMode": "net", "PortBindings": {}},
    }


def test_the_images_own_command_entrypoint_and_user_stay_where_none_is_given() -> None:
    assert {"Cmd", "Entrypoint", "User", "Healthcheck"}.isdisjoint(config())


def test_aliases_belong_to_the_network() -> None:
    about = config(aliases=["es", "search"])
    assert about["NetworkingConfig"] == {"EndpointsConfig": {"net": {"Aliases": ["es", "search"]}}}


def test_a_command_is_passed_on_word_by_word() -> None:
    about = config(command=("sh", "-c", "sleep 9"), entrypoint=("env",))
    assert (about["Cmd"], about["Entrypoint"]) == (["sh", "-c", "sleep 9"], ["env"])


def test_an_empty_entrypoint_removes_the_images_own() -> None:
    assert config(entrypoint=[])["Entrypoint"] == []


def test_ports_are_exposed_and_published_where_the_engine_says() -> None:
    spec = ContainerSpec(ports=[9200])
    about = engine_config(spec, **ON, host_ports={9200: 20001}, publish_on="0.0.0.0")  # noqa: S104 - goes nowhere
    assert about["ExposedPorts"] == {"9200/tcp": {}}
    assert about["HostConfig"]["PortBindings"] == {"9200/tcp": [{"HostIp": "0.0.0.0", "HostPort": "20001"}]}  # noqa: S104 - likewise


def test_a_volume_with_a_path_is_bound_and_one_without_is_anonymous() -> None:
    about = config(volumes=["/data", "/project/data:/in:ro"])
    assert about["Volumes"] == {"/data": {}}
    (mount,) = about["HostConfig"]["Mounts"]
    assert mount == {"Type": "bind", "Source": "/project/data", "Target": "/in", "ReadOnly": True}


def test_modes_of_a_volume_are_passed_on_and_those_for_selinux_in_a_text() -> None:
    about = config(volumes=["/a:/b:rw,rshared", "/c:/d:cached", "/e:/f:ro,Z"])
    shared, cached = about["HostConfig"]["Mounts"]
    assert (shared["BindOptions"], shared["ReadOnly"]) == ({"Propagation": "rshared"}, False)
    assert cached["Consistency"] == "cached"
    assert about["HostConfig"]["Binds"] == ["/e:/f:ro,Z"]


def test_a_folder_may_have_colons_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "run-12:30:05/data").mkdir(parents=True)
    whole = f"{tmp_path}/run-12:30:05/data"
    assert bind("./data:/in:ro", tmp_path / "run-12:30:05", local=True) == f"{whole}:/in:ro"
    (mount,) = config(volumes=[f"{whole}:/in:ro"])["HostConfig"]["Mounts"]
    assert (mount["Source"], mount["Target"], mount["ReadOnly"]) == (whole, "/in", True)
    assert bind(f"{whole}:/in", tmp_path, local=True) == f"{whole}:/in"
    with pytest.raises(DefinitionError, match="takes no path with a colon together with the modes z and Z"):
        bind("./data:/in:z", tmp_path / "run-12:30:05", local=True)


def test_tmpfs_has_options_behind_a_colon() -> None:
    assert config(tmpfs=["/run", "/data:size=1m,uid=7"])["HostConfig"]["Tmpfs"] == {
        "/run": "",
        "/data": "size=1m,uid=7",
    }


def test_memory_user_capabilities_environment_and_labels_are_passed_on() -> None:
    about = config(mem_limit=1024**3, user="7", cap_add=["NET_ADMIN"], environment={"A": "b=c"}, labels={"l": "v"})
    assert about["HostConfig"]["Memory"] == 1024**3
    assert about["HostConfig"]["CapAdd"] == ["NET_ADMIN"]
    assert (about["User"], about["Env"], about["Labels"]) == ("7", ["A=b=c"], {"l": "v"})


def test_a_healthcheck_is_passed_on() -> None:
    assert config(healthcheck={"Test": ["NONE"]})["Healthcheck"] == {"Test": ["NONE"]}


# volumes


def test_a_relative_path_begins_at_the_defining_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert bind("./data:/in:ro", tmp_path, local=True) == f"{tmp_path}/data:/in:ro"
    assert bind(f"../{tmp_path.name}/data:/in", tmp_path, local=True) == f"{tmp_path}/data:/in"


def test_an_absolute_path_and_an_anonymous_volume_stay_as_they_are(tmp_path: Path) -> None:
    assert bind(f"{tmp_path}:/in", Path("/elsewhere"), local=True) == f"{tmp_path}:/in"
    assert bind("/data", tmp_path, local=True) == "/data"


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert bind("~:/in", Path("/elsewhere"), local=True) == f"{tmp_path}:/in"


def test_a_missing_path_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=f"is {tmp_path}/data, and that doesn't exist. Remedy: create it"):
        bind("./data:/in", tmp_path, local=True)


def test_on_an_engine_elsewhere_only_that_engine_knows_its_paths(tmp_path: Path) -> None:
    assert bind("/there/data:/in", tmp_path, local=False) == "/there/data:/in"


def test_on_an_engine_elsewhere_a_folder_from_here_isnt_bound_by_a_text_which_would_make_an_empty_one(
    tmp_path: Path,
) -> None:
    with pytest.raises(DefinitionError, match=r"'\./data:/in:z' is .*/data of this machine.*Remedy: .*build="):
        bind("./data:/in:z", tmp_path, local=False)
    assert bind("./data:/in:ro", tmp_path, local=False) == f"{tmp_path}/data:/in:ro"
    assert bind("/there/data:/in:Z", tmp_path, local=False) == "/there/data:/in:Z"


class WithoutTheFolder(FakeEngine):
    """An engine whose machine hasn't got a folder."""

    def create_container(self, name: str, config: Mapping[str, Any], *, platform: str | None = None) -> str:
        del name, platform
        reason = f"bind source path does not exist: {config['HostConfig']['Mounts'][0]['Source']}"
        raise refused_error("create the container", f'invalid mount config for type "bind": {reason}', 400)


def test_a_volume_that_an_engine_elsewhere_hasnt_got_is_told_with_what_works_there() -> None:
    with pytest.raises(StartError, match=r"its volume '/a/data:/in:ro' isn't on the machine .*Remedy: .*build="):
        creation(WithoutTheFolder(local=False), volumes=["/cache", "/a/data:/in:ro"])


def test_a_volume_that_went_from_this_machine_meanwhile_is_told_in_the_engines_words() -> None:
    with pytest.raises(StartError, match=r"bind source path does not exist: /a/data\. Remedy: mend in its definition"):
        creation(WithoutTheFolder(), volumes=["/a/data:/in:ro"])


@pytest.mark.parametrize("source", [f"./{'x' * 5000}", "./loop"])
def test_a_path_that_cant_be_looked_at_is_an_error(tmp_path: Path, source: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(DefinitionError, match="Remedy: "):
        bind(f"{source}:/in", tmp_path, local=True)


def test_a_named_volume_is_one_of_the_engine(tmp_path: Path) -> None:
    assert bind("data:/in:ro", tmp_path, local=True) == "data:/in:ro"
    (mount,) = config(volumes=["data:/in:nocopy"])["HostConfig"]["Mounts"]
    assert (mount["Type"], mount["Source"], mount["VolumeOptions"]) == ("volume", "data", {"NoCopy": True})


def test_a_part_of_a_volume_needs_an_engine_that_mounts_one() -> None:
    engine, part = FakeEngine(), {"type": "volume", "source": "data", "target": "/a", "volume": {"subpath": "logs"}}
    keywords: dict[str, Any] = {"volumes": checked_volumes([part])}
    with pytest.raises(StartError, match=r"the volume .* has a subpath, and the engine .* mounts whole volumes only"):
        creation(engine, **keywords)
    engine.subpaths = True
    made = creation(engine, **keywords).container.inspect()
    assert made["HostConfig"]["Mounts"][0]["VolumeOptions"] == {"Subpath": "logs"}


# free ports


def test_a_free_port_is_below_those_of_outgoing_connections() -> None:
    assert 20_000 <= free_port(FakeEngine()) < 32_768


def test_a_free_port_can_be_bound() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port(FakeEngine())))


def test_on_an_engine_elsewhere_a_port_is_chosen_without_asking() -> None:
    assert free_port(FakeEngine(host="192.0.2.1", local=False)) in range(20_000, 32_768)


def test_a_port_that_is_taken_isnt_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = free_port(FakeEngine()), free_port(FakeEngine())
    drawn = iter([first, second])
    monkeypatch.setattr("secrets.choice", lambda _: next(drawn))
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", first))
        assert free_port(FakeEngine()) == second


def test_what_tests_draw_from_their_own_generator_stays_as_it_was() -> None:
    before = random.getstate()
    free_port(FakeEngine())
    free_subnet([])
    assert random.getstate() == before


def test_a_port_with_connections_that_were_closed_just_now_counts_as_free() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the engine's own have it
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert in_use("127.0.0.1", port)
        with socket.create_connection(("127.0.0.1", port)):
            listener.accept()[0].close()
    assert not in_use("127.0.0.1", port)


def test_at_an_address_of_another_machine_a_port_is_chosen_without_asking() -> None:
    assert free_port(FakeEngine(host="192.0.2.1")) in range(20_000, 32_768)


# creation and start


def test_a_name_begins_with_foodtrucks_and_ends_randomly() -> None:
    engine = FakeEngine()
    names = {creation(engine).container.name for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("foodtrucks-victim-") for name in names)


def test_a_container_runs_only_after_its_start() -> None:
    made = creation(FakeEngine())
    assert made.container.status == "created"
    assert made.start().status == "running"


@pytest.mark.parametrize("words", [TAKEN, TAKEN_BY_A_STRANGER])
def test_a_container_whose_port_was_taken_meanwhile_is_created_anew_with_others(words: str) -> None:
    engine = FakeEngine()
    engine.start_errors = [EngineError(words, status=500)] * 2
    made = creation(engine, ports=[9200])
    first = made.container.id
    container = made.start()
    assert list(engine.containers) == [container.id]
    assert container.id != first
    assert container.status == "running"


def test_any_other_failure_to_start_is_an_error_at_once() -> None:
    engine = FakeEngine()
    engine.start_errors = [EngineError("no such binary", status=400), EngineError("asked again", status=400)]
    with pytest.raises(StartError, match=r"of victim \(busybox\) can't be started: no such binary\. Remedy: "):
        creation(engine).start()


def test_a_container_that_the_engine_refuses_is_named_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise EngineError("The engine could not create it: unknown capability", status=400, reason="unknown capability")

    engine = FakeEngine()
    monkeypatch.setattr(engine, "create_container", refuse)
    with pytest.raises(StartError, match=r"of victim \(busybox\) can't be created: unknown capability\. Remedy: mend"):
        creation(engine)


ID = "sha256:" + "0123456789abcdef" * 4
"""An id as the engine gives it."""


@pytest.mark.parametrize("status", [404, None])
def test_errors_name_what_was_built_by_its_name_and_short_id(status: int | None) -> None:
    engine = FakeEngine()
    engine.start_errors = [EngineError(f"no such image {ID}", status=status)]
    with pytest.raises(StartError, match="no such image foodtrucks-build/web:1, 0123456789ab") as raised:
        creation(engine, image=ID, built_as="foodtrucks-build/web:1").start()
    assert "sha256" not in str(raised.value)


def test_an_engine_that_gives_no_answer_isnt_taken_for_one_that_refuses() -> None:
    engine = FakeEngine()
    engine.start_errors = [EngineError("The engine gave no answer. Remedy: start it again.")]
    with pytest.raises(StartError, match=r"^The engine gave no answer\. Remedy: start it again\.$"):
        creation(engine).start()


def test_ports_that_are_always_taken_end_in_the_same_kind_of_error() -> None:
    engine = FakeEngine()
    engine.start_errors = [EngineError(TAKEN, status=500)] * 1000
    made = creation(engine, ports=[9200])
    with pytest.raises(StartError, match="port is already allocated"):
        made.start()
    made.remove()
    assert engine.containers == {}


def test_removing_twice_is_no_error() -> None:
    engine = FakeEngine()
    made = creation(engine)
    made.remove()
    made.remove()
    assert engine.containers == {}


# what a container tells


def test_a_container_tells_image_ports_and_address() -> None:
    engine = FakeEngine()
    container = creation(engine, ports=[9200]).start()
    [published] = engine.containers[container.id]["HostConfig"]["PortBindings"]["9200/tcp"]
    assert container.ports == {9200: int(published["HostPort"])}
    assert (container.image, container.ip) == ("busybox", "172.30.0.2")
    assert repr(container) == f"<Container {container.name} {container.id[:12]}>"


def test_a_container_started_by_an_images_id_tells_what_that_was_built_under() -> None:
    engine = FakeEngine()
    labels = {"pytest-foodtrucks.image": "foodtrucks-build/app:1"}
    assert creation(engine, image="sha256:1", labels=labels).container.image == "foodtrucks-build/app:1"
    assert creation(engine, image="sha256:1").container.image == "sha256:1"
    assert creation(engine, image="mine", labels=labels).container.image == "mine"


def test_the_address_is_the_one_on_the_services_own_network() -> None:
    engine = FakeEngine()
    container = creation(engine).start()
    engine.containers[container.id]["NetworkSettings"]["Networks"]["another"] = {"IPAddress": "10.0.0.1"}
    assert container.ip == "172.30.0.2"
    assert Container(engine, container.id, container.name, "third").ip == ""


def test_the_state_tells_the_last_output_of_the_health_check() -> None:
    engine = FakeEngine()
    container = creation(engine).start()
    log = [{"Output": "first"}, {"Output": " last \n"}]
    engine.containers[container.id]["State"]["Health"] = {"Status": "unhealthy", "Log": log}
    assert container.state() == state(health="unhealthy", health_output="last")


def test_without_a_health_check_the_state_knows_no_health() -> None:
    assert creation(FakeEngine()).start().state() == state()


@pytest.mark.parametrize(
    ("finished_at", "seconds"),
    [
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("2026-01-31T12:00:00Z", 1769860800.0),
        ("2026-01-31T12:00:00.123456789Z", 1769860800.123456789),
    ],
)
def test_the_state_tells_when_the_life_before_ended(finished_at: str, seconds: float | None) -> None:
    engine = FakeEngine()
    container = creation(engine).start()
    engine.containers[container.id]["State"]["FinishedAt"] = finished_at
    assert container.state().ended_before == seconds


def test_a_command_in_it_gives_exit_code_and_both_outputs() -> None:
    engine = FakeEngine()
    engine.answer = lambda argv: ExecResult(3, " ".join(argv), "oh")
    assert creation(engine).start().exec(["ls", "/"]) == ExecResult(3, "ls /", "oh")


def test_an_error_about_a_container_has_its_name_and_no_id() -> None:
    engine = FakeEngine()
    container = creation(engine).start()
    engine.remove_container(container.id)
    for ask in (container.inspected, container.inspect, container.state):
        with pytest.raises(EngineError) as raised:
            ask()
        assert str(raised.value) == f"no such container: {container.name}"
        assert raised.value.status == 404
    engine.log_error = EngineError(f"can't read {container.id}")
    pattern = re.compile("x")
    for read in (container.log_excerpt, lambda: container.search_log(pattern), lambda: container.last_words(lines=1)):
        with pytest.raises(EngineError, match=f"can't read {container.name}"):
            read()


@pytest.mark.parametrize("error", [EngineError, NoAnswer])
def test_a_start_and_a_removal_that_fail_are_told_by_the_containers_name(
    monkeypatch: pytest.MonkeyPatch, error: type[EngineError]
) -> None:
    engine = FakeEngine()
    made = creation(engine)
    engine.start_errors = [error(f"could not start {made.container.id}")]
    with pytest.raises(StartError, match=f"could not start {made.container.name}$"):
        made.start()
    monkeypatch.setattr(engine, "remove_container", Mock(side_effect=error(f"could not remove {made.container.id}")))
    with pytest.raises(error, match=f"could not remove {made.container.name}$"):
        made.remove()


def test_the_log_is_the_engines() -> None:
    assert creation(FakeEngine()).start().logs() == "a line of the log\n"


# the platform, and engines that don't know a keyword


def test_a_container_is_created_for_its_platform() -> None:
    engine = FakeEngine()
    creation(engine, platform="linux/arm64")
    (about,) = engine.containers.values()
    assert about["Platform"] == "linux/arm64"


def test_an_engine_that_is_too_old_for_a_keyword_is_told_before_the_container_is_created() -> None:
    engine = FakeEngine()
    engine.api_version = "1.41"
    with pytest.raises(StartError) as raised:
        creation(engine, annotations={"com.example.a": "b"})
    assert str(raised.value) == (
        "The container of victim can't be created: annotations= needs an engine whose API has version 1.43 (Docker "
        "24.0), and the engine at unix:///run/fake.sock has 1.41 (27.0). Remedy: leave annotations= out, or use a "
        "newer engine."
    )
    assert engine.events == []


# the table of keywords

BODIES: Mapping[str, Mapping[str, Any]] = {
    keyword: example.body for keyword, example in EXAMPLES.items() if example.body is not None
}
"""What the engine is told of each keyword."""


def checked(keyword: str) -> Any:
    """Return a right value of a keyword as its check makes it."""
    return CONTAINER_KEYWORDS[keyword](EXAMPLES[keyword].right[0])


def leaves(body: Mapping[str, Any], *path: str) -> dict[tuple[str, ...], Any]:
    """Return what stands at the end of each way through a body; an empty mapping stands there too."""
    found: dict[tuple[str, ...], Any] = {}
    for name, value in body.items():
        found |= leaves(value, *path, name) if isinstance(value, Mapping) and value else {(*path, name): value}
    return found


def test_the_examples_have_a_body_for_each_keyword_of_a_container() -> None:
    assert BODIES.keys() == CONTAINER_KEYWORDS.keys()


@pytest.mark.parametrize("keyword", BODIES)
def test_a_keyword_is_checked_and_passed_on_to_the_engine(keyword: str) -> None:
    told, before = leaves(config(**{keyword: checked(keyword)})), leaves(config())
    assert {path: value for path, value in told.items() if before.get(path) != value} == leaves(BODIES[keyword])


def test_all_keywords_together_are_passed_on_as_each_alone() -> None:
    told = leaves(config({80: 20001}, **{keyword: checked(keyword) for keyword in BODIES}))
    for body in BODIES.values():
        assert leaves(body).items() <= told.items()
    assert told["HostConfig", "NetworkMode"] == "net"
    assert told["HostConfig", "PortBindings", "80/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": "20001"}]


def test_pieces_of_the_body_are_merged_at_any_depth() -> None:
    body: dict[str, Any] = {"HostConfig": {"LogConfig": {"Type": "local"}, "Memory": 1}}
    merge(body, {"HostConfig": {"LogConfig": {"Config": {"max-size": "1m"}}}, "User": "7"})
    log = {"Type": "local", "Config": {"max-size": "1m"}}
    assert body == {"HostConfig": {"LogConfig": log, "Memory": 1}, "User": "7"}


def test_the_environment_isnt_shown() -> None:
    assert "hunter2" not in repr(ContainerSpec(environment={"PASSWORD": "hunter2"}))
