"""What a service says to a key of Compose's, or a word of another tool, that it has no keyword for."""

import re
from pathlib import Path

import pytest

from pytest_foodtrucks.callers import Place
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.fixtures.arguments import checked_recipe
from pytest_foodtrucks.services import compose_keys
from pytest_foodtrucks.services.definitions import KEYWORDS, check_keywords

COMPOSE = set(
    re.findall(
        r"\w+",
        """
    annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name cpu_count
    cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec depends_on
    deploy develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file environment expose
    extends external_links extra_hosts gpus group_add healthcheck hostname image init ipc isolation label_file labels
    links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit models network_mode networks
    oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_stop privileged profiles provider
    pull_policy read_only restart runtime scale secrets security_opt shm_size stdin_open stop_grace_period stop_signal
    storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode uts volumes volumes_from working_dir
    """,
    )
)
"""What a service may have by Compose's schema."""

WIRING = {"requires", "network", "scope", "shared", "seed"}
"""The factories' own keywords."""
ELSEWHERE = {"configs", "mac_address", "networks", "secrets"}
"""Keywords of another chapter."""


def answer(key: str) -> str:
    """Return what a service says to a key."""
    with pytest.raises(DefinitionError) as raised:
        check_keywords([key])
    return raised.value.message


def test_each_key_of_composes_is_a_keyword_or_is_answered() -> None:
    assert {key for key in COMPOSE - KEYWORDS.keys() if compose_keys.instead_of(key) is None} <= ELSEWHERE


@pytest.mark.parametrize("key", sorted(compose_keys._REASONS))  # noqa: SLF001 - the table itself
def test_a_key_that_there_isnt_is_answered_by_name_with_reason_and_remedy(key: str) -> None:
    assert key not in KEYWORDS
    assert re.fullmatch(rf"A service has no keyword '{key}': [^.]+\. Remedy: .+\.", answer(key))


@pytest.mark.parametrize(("word", "keyword"), sorted(compose_keys._EQUIVALENTS.items()))  # noqa: SLF001 - likewise
def test_another_tools_word_is_answered_with_the_keyword(word: str, keyword: str) -> None:
    assert word not in KEYWORDS
    assert keyword in KEYWORDS.keys() | WIRING
    assert answer(word) == f"A service has no keyword '{word}'; did you mean '{keyword}'?"


@pytest.mark.parametrize("key", sorted(compose_keys._REASONS))  # noqa: SLF001 - likewise
def test_a_remedy_names_only_keywords_and_options_that_there_are(key: str) -> None:
    named = set(re.findall(r"(?<![-:])\b(\w+)=", compose_keys.instead_of(key) or ""))
    assert named <= KEYWORDS.keys() | WIRING | {"internal"}


def test_a_misspelt_keyword_is_answered_with_the_nearest() -> None:
    assert answer("read_onyl") == "A service has no keyword 'read_onyl'; did you mean 'read_only'?"
    assert answer("hostnam") == "A service has no keyword 'hostnam'; did you mean 'hostname'?"


def test_several_unknown_keywords_are_answered_together() -> None:
    with pytest.raises(DefinitionError) as raised:
        check_keywords(["env", "restart", "hostname"])
    assert "'env'; did you mean 'environment'? A service has no keyword 'restart': a container" in str(raised.value)


def test_a_networks_keywords_arent_answered_like_a_services() -> None:
    with pytest.raises(DefinitionError, match=r"A network has no keyword 'restart'; there are: driver, internal\."):
        check_keywords(["restart"], {"driver", "internal"}, of="network")


def test_a_factory_answers_likewise() -> None:
    wiring = {"network": "foodtrucks_net", "scope": "session", "shared": None}
    place = Place(Path("conftest.py"), 7)
    with pytest.raises(DefinitionError, match=r"no keyword 'depends_on'; did you mean 'requires'\?"):
        checked_recipe({"image": "busybox", "depends_on": ["es"]}, wiring, place, kind="service")
