"""Who has an alias on a network that workers share."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from pytest_foodtrucks import DefinitionError
from pytest_foodtrucks.services.claims import Claim, claimed

SOON = 0.2
"""Seconds after which a worker gives up, where the other one never lets go."""


@contextmanager
def claim(
    folder: Path,
    *aliases: str,
    worker: str = "gw0",
    part: str | None = None,
    network: str = "net",
    seconds: float = SOON,
    cleared: list[str] | None = None,
) -> Iterator[None]:
    """Have aliases on a network as a worker does."""
    left = cleared if cleared is not None else []
    wish = Claim(network=network, aliases=aliases, who=f"the service {aliases[0]!r}", worker=worker, part=part)
    with claimed(folder, wish, seconds=seconds, clear=left.append):
        yield
    assert cleared is not None or left == []


def test_a_worker_waits_until_another_ones_block_has_ended(tmp_path: Path) -> None:
    begun, seen = Event(), []

    def second() -> None:
        begun.wait()
        with claim(tmp_path, "v", worker="gw1", seconds=60):
            seen.append("second")

    with ThreadPoolExecutor() as pool:
        with claim(tmp_path, "v"):
            later = pool.submit(second)
            begun.set()
            seen.append("first")
        later.result()
    assert seen == ["first", "second"]


def test_who_has_it_is_said_when_the_time_is_up(tmp_path: Path) -> None:
    with (
        claim(tmp_path, "db", "v"),
        pytest.raises(DefinitionError) as raised,
        claim(tmp_path, "web", "V", worker="gw1"),
    ):
        pass
    assert str(raised.value) == (
        "On net the alias 'V' belongs to the service 'db' of the worker gw0 already, and wasn't free within 0.2 s, and "
        "the service 'web' wants it too. Remedy: give one of them other aliases=; for a round robin on purpose, attach "
        "the second one with foodtrucks_net.connect(…, aliases=[…])."
    )


def test_after_a_refusal_the_other_names_are_free(tmp_path: Path) -> None:
    with claim(tmp_path, "v"):
        with pytest.raises(DefinitionError), claim(tmp_path, "a", "v", "z", worker="gw1"):
            pass
        with claim(tmp_path, "a", worker="gw1"), claim(tmp_path, "z", worker="gw1"):
            pass


def test_a_port_of_the_host_is_called_so_and_its_service_is_cleared(tmp_path: Path) -> None:
    about: dict[str, Any] = {"network": "the host", "what": "port", "aliases": ["8080"], "remedy": "write ports=[80]."}
    first = Claim(**about, who="the service 'db'", worker="gw0", service="db")
    second = Claim(**about, who="the service 'web'", worker="gw1", service="web")
    cleared: list[str] = []
    with (
        claimed(tmp_path, first, seconds=SOON, clear=cleared.append),
        pytest.raises(
            DefinitionError, match=r"On the host the port '8080' belongs to .*'db' .*Remedy: write ports=\[80"
        ),
        claimed(tmp_path, second, seconds=SOON, clear=cleared.append),
    ):
        pass
    with claimed(tmp_path, first, seconds=SOON, clear=cleared.append):
        note = next(tmp_path.glob("*.json"))
        content = note.read_text()
    note.write_text(content)  # as a worker that died leaves it
    with claimed(tmp_path, second, seconds=SOON, clear=cleared.append):
        assert cleared == ["db"]


def test_the_same_alias_on_another_network_is_another_one(tmp_path: Path) -> None:
    with claim(tmp_path, "v"), claim(tmp_path, "v", worker="gw1", network="other"):
        pass


def test_an_alias_is_free_again_after_a_block_that_failed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), claim(tmp_path, "v"):
        raise ZeroDivisionError
    with claim(tmp_path, "v", worker="gw1"):
        pass


def test_what_workers_share_has_its_alias_for_the_whole_run_and_waits_for_none_of_them(tmp_path: Path) -> None:
    with claim(tmp_path, "es", part="service es"):
        pass
    with claim(tmp_path, "es", part="service es", worker="gw1"), claim(tmp_path, "es", part="service es"):
        pass
    with (
        pytest.raises(
            DefinitionError, match=r"the alias 'es' belongs to the service 'es' already, and the service 'v'"
        ),
        claim(tmp_path, "v", "es", worker="gw1"),
    ):
        pass
    with pytest.raises(DefinitionError, match="belongs to"), claim(tmp_path, "es", part="service other"):
        pass


def test_what_workers_share_waits_for_a_block_that_has_its_alias(tmp_path: Path) -> None:
    with (
        claim(tmp_path, "es"),
        pytest.raises(DefinitionError, match="of the worker gw0"),
        claim(tmp_path, "es", part="service es", worker="gw1"),
    ):
        pass


DYING = """
import os, pathlib, sys
from pytest_foodtrucks.services.claims import Claim, claimed

wish = Claim(network="net", aliases=["first", "v"], who="the service 'first'", worker="gw0")
with claimed(pathlib.Path(sys.argv[1]), wish, seconds=9, clear=print):
    os._exit(0)
"""
"""A worker that dies while it has aliases."""


def test_the_alias_of_a_worker_that_died_is_free_once_what_it_left_is_cleared(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DYING, tmp_path], check=True)
    cleared: list[str] = []
    with claim(tmp_path, "v", worker="gw1", cleared=cleared):
        assert cleared == ["first"]
    with claim(tmp_path, "v"):
        pass
