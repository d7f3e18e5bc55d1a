"""Descriptors of ours: used as long as they lead to where they did."""

import os
from pathlib import Path

import pytest

from pytest_foodtrucks.engine.descriptors import Descriptor, output_to


def opened(file: Path) -> int:
    """Open a file for writing."""
    return os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)


def taken(number: int, file: Path) -> None:
    """Let another file have a number."""
    other = opened(file)
    os.dup2(other, number)
    if other != number:
        os.close(other)


def test_a_descriptor_is_ours_until_somebody_closes_it(tmp_path: Path) -> None:
    ours = Descriptor(opened(tmp_path / "ours"))
    assert ours.is_ours()
    ours.close()
    assert not ours.is_ours()
    ours.close()


def test_what_somebody_else_opened_under_the_number_is_left_open(tmp_path: Path) -> None:
    ours = Descriptor(opened(tmp_path / "ours"))
    taken(ours.number, tmp_path / "theirs")
    assert not ours.is_ours()
    ours.close()
    os.close(ours.number)  # which fails where it is closed


def test_text_goes_to_where_a_descriptor_led_and_nowhere_else(tmp_path: Path) -> None:
    number = opened(tmp_path / "log")
    with output_to(number) as stream:
        os.close(number)
        assert not stream.isatty()
        stream.write("hello\n")
        stream.flush()
        taken(stream.fileno(), tmp_path / "theirs")
        assert not stream.isatty()
        stream.write("nobody hears it\n")
        stream.flush()
        number = stream.fileno()
    os.close(number)
    assert (tmp_path / "log").read_text() == "hello\n"
    assert (tmp_path / "theirs").read_text() == ""


def test_a_closed_descriptor_leads_nowhere(tmp_path: Path) -> None:
    number = opened(tmp_path / "log")
    os.close(number)
    with pytest.raises(OSError, match="Bad file descriptor"):
        output_to(number)
