"""What a host's name is, and what is taken for an address instead."""

import socket

import pytest

from pytest_foodtrucks import DefinitionError
from pytest_foodtrucks.engine.hostnames import (
    addresses_of,
    is_address,
    loopback_among,
    refuse_no_host_name,
    refuse_no_port,
    refuse_no_target,
    same_name,
)

LABEL = "a" * 63

NUMBERS = ["1", "127.1", "0x7f.1", "127.0.1", "0177.0.0.1", "2130706433", "0x", "999.1.1.1", "127.1."]


@pytest.mark.parametrize(
    "name",
    ["c", "C", "c.", "es-1", "a_b", "_x._tcp", "web.1", "1a", "a.b.c", LABEL, f"{LABEL}.{LABEL}.{LABEL}.{'a' * 61}."],
)
def test_a_host_name_is_accepted(name: str) -> None:
    refuse_no_host_name(name)
    refuse_no_target(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "it is empty, or has an empty label"),
        (".", "it is empty, or has an empty label"),
        ("a..b", "it is empty, or has an empty label"),
        ("c..", "it is empty, or has an empty label"),
        ("c ", "its label 'c ' isn't one"),
        ("c\n", r"its label 'c\\n' isn't one"),
        ("c:7000", "its label 'c:7000' isn't one"),
        ("http://c", "its label 'http://c' isn't one"),
        ("-c", "its label '-c' isn't one"),
        ("c-", "its label 'c-' isn't one"),
        ("ü", "its label 'ü' isn't one"),
        ("\u0661", "its label '\u0661' isn't one"),
        (f"{LABEL}a", f"its label '{LABEL}a' isn't one"),
        (f"{LABEL}.{LABEL}.{LABEL}.{'a' * 62}", "it is longer than 253 characters"),
        ("127.0.0.1", "it is an address"),
        ("::1", "it is an address"),
        (None, "it is no text"),
        (5, "it is no text"),
        (b"c", "it is no text"),
    ],
)
def test_what_is_no_host_name_is_named_with_the_reason(name: object, why: str) -> None:
    with pytest.raises(DefinitionError, match=f"is no host name: {why}. Remedy: use letters, digits and hyphens"):
        refuse_no_host_name(name)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_no_host_name(name: str) -> None:
    with pytest.raises(DefinitionError, match="it has only numbers, which applications take for an address"):
        refuse_no_host_name(name)


@pytest.mark.parametrize("name", NUMBERS[:6])
def test_these_numbers_are_addresses_to_applications(name: str) -> None:
    assert socket.inet_aton(name)


def test_a_final_dot_may_be_refused() -> None:
    with pytest.raises(DefinitionError, match=r"The alias 'c\.' is no host name"):
        refuse_no_host_name("c.", what="alias", final_dot=False)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "fd00::9"])
def test_a_target_may_be_an_address(address: str) -> None:
    refuse_no_target(address)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_short_address_is_no_target(name: str) -> None:
    with pytest.raises(DefinitionError, match=r"is no address in its full form. Remedy: .*such as 127\.0\.0\.1"):
        refuse_no_target(name)


@pytest.mark.parametrize("name", ["", "[::1]", "c:7000"])
def test_what_is_neither_address_nor_name_is_no_target(name: str) -> None:
    with pytest.raises(DefinitionError, match=r"The target .* is no host name"):
        refuse_no_target(name)


@pytest.mark.parametrize("name", [None, 5, b"c"])
def test_what_is_no_text_is_no_target(name: object) -> None:
    with pytest.raises(DefinitionError, match=r"The target .* is none\. Remedy: give a service, a host's name, or"):
        refuse_no_target(name)


def test_a_message_stays_short_whatever_it_is_about() -> None:
    with pytest.raises(DefinitionError) as raised:
        refuse_no_target("a" * 1_000_000)
    assert len(str(raised.value)) < 500


def test_a_number_is_no_address() -> None:
    assert not is_address(1)


@pytest.mark.parametrize("name", ["WEB", "web.", "Web", "web"])
def test_case_and_a_final_dot_make_no_other_name(name: str) -> None:
    assert same_name(name) == "web"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "::1"])
def test_what_leads_to_this_machine_is_loopback_however_it_is_written(host: str) -> None:
    assert loopback_among(addresses_of(host)) in {"127.0.0.1", "::1"}


def test_a_host_with_an_address_elsewhere_too_is_no_loopback() -> None:
    assert loopback_among(["127.0.1.1", "10.0.0.5"]) is None
    assert loopback_among(["::1", "127.0.0.1"]) == "127.0.0.1"


def test_a_name_that_no_look_up_can_encode_has_no_address() -> None:
    with pytest.raises(OSError, match="label"):
        addresses_of("ü" * 64)


@pytest.mark.parametrize("port", [1, 80, 65535])
def test_a_port_is_accepted(port: int) -> None:
    refuse_no_port(port)


@pytest.mark.parametrize("port", [0, -1, 65536, True, "80", 80.0, None])
def test_what_is_no_port_is_named(port: object) -> None:
    with pytest.raises(DefinitionError, match=r"is none\. Remedy: give a number from 1 to 65535"):
        refuse_no_port(port)
