"""What the keywords mean for which the table of examples doesn't say enough."""

from pathlib import Path
from typing import Any

import pytest

from pytest_foodtrucks.containers import resources, surroundings
from pytest_foodtrucks.containers.compose import ContainerSpec
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.services.definitions import define


def spec(**keywords: Any) -> ContainerSpec:
    """Return what keywords mean for a container of busybox; `folder` is where its paths begin."""
    folder = keywords.pop("folder", Path("/project"))
    return define({"image": "busybox", **keywords}, alias="victim", folder=folder).spec


@pytest.mark.parametrize(
    ("given", "seconds"), [("500ms", 1), ("1m30s", 90), (0.1, 1), (2, 2), ("0s", 0), ("1001ms", 2)]
)
def test_a_grace_period_is_rounded_up_to_whole_seconds(given: Any, seconds: int) -> None:
    assert spec(stop_grace_period=given).stop_grace_period == seconds


@pytest.mark.parametrize(("given", "signal"), [("int", "SIGINT"), ("SIGINT", "SIGINT"), (2, "2"), ("2", "2")])
def test_a_signal_has_a_name_or_a_number(given: Any, signal: str) -> None:
    assert spec(stop_signal=given).stop_signal == signal


@pytest.mark.parametrize(("given", "billionths"), [(0.1, 10**8), ("0.1", 10**8), ("1.5", 15 * 10**8), (2, 2 * 10**9)])
def test_processors_are_counted_exactly(given: Any, billionths: int) -> None:
    assert resources.processors(given) == billionths


def test_addresses_may_have_brackets_and_a_name_several_of_them() -> None:
    assert spec(extra_hosts=["a=[::1]", "b:10.0.0.1", "c=host-gateway"]).extra_hosts == (
        "a:::1",
        "b:10.0.0.1",
        "c:host-gateway",
    )
    assert spec(extra_hosts={"a": ["10.0.0.1", "::1"]}).extra_hosts == ("a:10.0.0.1", "a:::1")


def test_our_labels_are_refused_by_name_and_others_that_look_like_them_arent() -> None:
    with pytest.raises(DefinitionError, match=r"labels has 'pytest-foodtrucks\.owner', and by .*Remedy: use another"):
        spec(labels={"pytest-foodtrucks.owner": "me"})
    assert spec(labels=["pytest-foodtrucks-demo=1"]).labels == {"pytest-foodtrucks-demo": "1"}


@pytest.mark.parametrize("keyword", ["labels", "annotations", "sysctls", "ulimits"])
def test_mappings_are_in_one_order_because_workers_compare_them(keyword: str) -> None:
    value = {"sysctls": {"net.b": 1, "net.a": 1}, "ulimits": {"nproc": 1, "core": 1}}.get(keyword, {"b": "1", "a": "1"})
    plain = getattr(spec(**{keyword: value}), keyword)
    assert list(plain) == sorted(plain)


def test_a_devices_parts_have_composes_defaults() -> None:
    assert spec(devices=["/dev/fuse", "/dev/a:/dev/b", {"source": "/dev/c", "permissions": "r"}]).devices == (
        "/dev/fuse:/dev/fuse:rwm",
        "/dev/a:/dev/b:rwm",
        "/dev/c:/dev/c:r",
    )


def test_a_device_of_cdi_is_refused_by_that_name() -> None:
    with pytest.raises(DefinitionError, match=r"a name of CDI, which isn't supported\. Remedy: .*gpus="):
        spec(devices=["nvidia.com/gpu=all"])


def test_gpus_may_be_chosen_by_number_or_by_id() -> None:
    by_number, by_id = spec(gpus=[{"count": 2}, {"device_ids": ["GPU-1"], "capabilities": ["utility"]}]).gpus
    assert (by_number["Count"], by_number["DeviceIDs"], by_number["Capabilities"]) == (2, [], [["gpu"]])
    assert (by_id["Count"], by_id["DeviceIDs"], by_id["Capabilities"]) == (0, ["GPU-1"], [["gpu", "utility"]])


def test_a_seccomp_profile_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "profile.json").write_text('{ "defaultAction":\n "SCMP_ACT_ALLOW" }')
    told = spec(folder=tmp_path, security_opt=["seccomp:profile.json", "no-new-privileges"]).security_opt
    assert told == ('seccomp={"defaultAction": "SCMP_ACT_ALLOW"}', "no-new-privileges=true")


@pytest.mark.parametrize("content", ["no JSON", None])
def test_a_seccomp_profile_that_cant_be_read_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "profile.json").write_text(content)
    with pytest.raises(DefinitionError, match=r"security_opt has the seccomp profile '.*profile\.json', .*Remedy: "):
        spec(folder=tmp_path, security_opt="seccomp=profile.json")


def test_system_paths_are_fields_of_their_own() -> None:
    body = surroundings.security_body(("systempaths=unconfined",))
    assert body == {"HostConfig": {"MaskedPaths": [], "ReadonlyPaths": []}}


def test_a_namespace_of_another_service_is_refused_with_the_reason() -> None:
    with pytest.raises(DefinitionError, match=r"ipc='service:db', and no service knows .*use one of none, private"):
        spec(ipc="service:db")
    assert spec(pid="container:foodtrucks-db-1").pid == "container:foodtrucks-db-1"


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"mem_limit": "64m", "mem_reservation": "65m"}, "mem_reservation is .* more than mem_limit"),
        ({"memswap_limit": "64m"}, "mem_limit is None"),
        ({"mem_limit": "64m", "memswap_limit": "63m"}, "mem_limit is 67108864"),
    ],
)
def test_limits_that_contradict_each_other_are_an_error(keywords: dict[str, str], words: str) -> None:
    with pytest.raises(DefinitionError, match=rf"{words}.*Remedy: "):
        spec(**keywords)


def test_limits_that_fit_are_taken() -> None:
    taken = spec(mem_limit="64m", mem_reservation="64m", memswap_limit=-1)
    assert (taken.mem_limit, taken.memswap_limit) == (64 * 1024**2, -1)


def test_a_logs_options_arent_shown() -> None:
    options = {"driver": "splunk", "options": {"splunk-token": "hunter2"}}
    assert "hunter2" not in repr(spec(logging=options))
    with pytest.raises(DefinitionError) as raised:
        spec(logging={**options, "more": 1})
    assert "hunter2" not in str(raised.value)
