"""What all soak runs have in common: the options that a section tells of, and the exit code."""

import argparse
from pathlib import Path

import pytest

import soak.command
from soak.__main__ import COMMANDS, main
from soak.command import Command, Soak, command_line, of_engine
from soak.document import Section


def test_a_section_tells_of_the_options_that_change_what_is_done() -> None:
    parser = argparse.ArgumentParser()
    defaults = (("--seed", 1), ("--document", ""), ("--side-by-side", 3), ("--rounds", 10), ("--engine-label", ""))
    for name, default in defaults:
        parser.add_argument(name, type=type(default), default=default)
    given = ["--seed=7", "--document=/home/somebody", "--side-by-side=2", "--rounds=10", "--engine-label=Docker 28"]
    options = parser.parse_args(given)
    assert command_line("kill", parser, options) == "./run soak kill --side-by-side 2 --engine-label 'Docker 28'"


def test_an_option_with_several_values_is_shown_as_it_was_given() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--servers", nargs="+", default=["7.17.9"])
    options = parser.parse_args(["--servers", "8.8.2", "9.5.0"])
    assert command_line("secured", parser, options) == "./run soak secured --servers 8.8.2 9.5.0"


def test_a_labelled_engine_has_a_section_of_its_own() -> None:
    section = Section("truth", "Questions", summary="", body="")
    assert of_engine(section, None) == section
    labelled = of_engine(section, "Docker 28")
    assert (labelled.name, labelled.title) == ("truth on Docker 28", "Questions: Docker 28")


def test_without_a_known_name_the_names_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such"]) == 2
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in COMMANDS)


class SomeEngine:
    """Nobody asks it anything."""

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("broken", "code"), [([], 0), (["one was left"], 1)])
def test_a_broken_promise_is_the_exit_code_and_the_section_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: list[str], code: int
) -> None:
    monkeypatch.setattr(soak.command, "an_engine", SomeEngine)
    monkeypatch.setattr("soak.machine.facts", lambda _: "2 CPUs")
    folders = []

    def run(one: Soak) -> Section:
        folders.append(one.folder)
        assert one.folder.is_dir()
        return Section("some", "Some", summary=f"{one.choose.random()}", body="figures", broken=broken)

    command = Command("some", "tries something", lambda parser: parser.add_argument("--sessions", type=int), run)
    document = tmp_path / "reliability.md"
    assert command.main([f"--document={document}", "--seed=1", "--sessions=2"]) == code
    text = document.read_text(encoding="utf-8")
    assert "`./run soak some --sessions 2`: 0.13436424411240122" in text
    assert "seed 1\n- 2 CPUs\n" in text
    assert not folders[0].exists()
