"""Whether anything leads out: how the engine's machine is asked about."""

import errno
import socket
from typing import Any

import pytest

from fakes.isolation import Scene
from pytest_foodtrucks import ProbeError
from pytest_foodtrucks.isolation import egress
from pytest_foodtrucks.isolation.subjects import place_of
from pytest_foodtrucks.probes.agent import program


def ways(monkeypatch: pytest.MonkeyPatch, number: int) -> list[Any]:
    """Return the ways to the engine's machine, where binding to an address gives this error."""

    class Refusing(socket.socket):
        def bind(self, *_: Any) -> None:
            raise OSError(number, errno.errorcode[number])

    monkeypatch.setattr(program, "addresses", lambda: ["198.51.100.1"])
    monkeypatch.setattr(egress, "socket", Refusing)
    with egress._machine(place_of(Scene().es)) as found:  # noqa: SLF001 - the rest asks the internet
        return found


def test_an_address_of_another_machine_is_no_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ways(monkeypatch, errno.EADDRNOTAVAIL) == []


def test_an_address_at_which_nothing_can_listen_is_an_error_and_no_way_less(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProbeError, match=r"nothing can listen at 198\.51\.100\.1: .*EACCES"):
        ways(monkeypatch, errno.EACCES)
