"""Files of variables are read as Compose reads them, and no message shows a value."""

from pathlib import Path

import pytest

from pytest_foodtrucks.containers.env_files import env_files, variables_of
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.services.definitions import define

SECRET = "hunter2"  # noqa: S105 - nobody's


def read(folder: Path, content: str, **more: object) -> dict[str, str]:
    """Return the variables of a file."""
    (folder / "app.env").write_text(content, encoding="utf-8")
    return variables_of(env_files({"path": "app.env", **more}), folder)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=1", "1"),
        ("A =  1  ", "1"),
        ("A: 1", "1"),
        ("export A=1", "1"),
        ("A=", ""),
        ("A= # nothing", ""),
        ("A=b=c", "b=c"),
        ("A=b#c", "b#c"),
        ("A=b # c", "b"),
        ("A='b # $c \\n'", "b # $c \\n"),
        ("A='b' # c", "b"),
        ('A="b # c"', "b # c"),
        ('A="b\\tc\\n\\"d\\""', 'b\tc\n"d"'),
        ("A=b\\tc", "b\\tc"),
        ("A='two\nlines'", "two\nlines"),
        ('A="two\nlines"', "two\nlines"),
        ("A=$$5", "$5"),
        ("A=it's", "it's"),
        ("A=ä", "ä"),
    ],
)
def test_a_line_is_read_as_compose_reads_it(tmp_path: Path, line: str, value: str) -> None:
    assert read(tmp_path, f"# a comment\n\n  {line}\n# another\nB=2\n") == {"A": value, "B": "2"}


def test_a_file_may_have_the_ends_of_windows_and_a_mark_at_its_beginning(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeffA=1\r\nB='2'\r\n") == {"A": "1", "B": "2"}


def test_a_value_may_refer_to_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_OUTSIDE", "out")
    monkeypatch.delenv("NOWHERE", raising=False)
    lines = [
        "A=1",
        "B=$A-${A}",
        'C="${FROM_OUTSIDE}"',
        "D=${NOWHERE:-d}",
        "EMPTY=",
        "E=${EMPTY:-e}",
        "F=${EMPTY-f}",
        "G='$A'",
    ]
    found = read(tmp_path, "\n".join(lines))
    assert (found["B"], found["C"], found["D"], found["E"], found["F"], found["G"]) == (
        "1-1",
        "out",
        "d",
        "e",
        "",
        "$A",
    )


def test_of_a_raw_file_values_are_taken_as_they_stand(tmp_path: Path) -> None:
    assert read(tmp_path, "A='b' $C # d\n# a comment\nB=\n", format="raw") == {"A": "'b' $C # d", "B": ""}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (SECRET, "is no NAME=VALUE"),
        (f"={SECRET}", "is no NAME=VALUE"),
        (f"A='{SECRET}", "a quote that isn't closed"),
        (f'A="{SECRET}" {SECRET}', "something behind it"),
        (f"A=${{{SECRET}}}", "which has no value"),
        (f"A=${{B:?{SECRET}}}", "a form that isn't known"),
    ],
)
def test_a_line_that_cant_be_read_is_named_by_its_number(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(
        DefinitionError, match=rf"env_file has '.*app\.env', whose line 2 .*{words}.* Remedy: "
    ) as raised:
        read(tmp_path, f"B=1\n{line}\n")
    assert SECRET not in str(raised.value).replace("refers to 'hunter2'", "")


@pytest.mark.parametrize("content", [b"A=\0hunter2", b"A=\xffhunter2"])
def test_bytes_that_no_variable_has_are_an_error_that_doesnt_show_them(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "app.env").write_bytes(content)
    with pytest.raises(DefinitionError, match=r"^env_file has .*Remedy: ") as raised:
        variables_of(env_files("app.env"), tmp_path)
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_later_file_beats_an_earlier_one_and_may_refer_to_it(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text("A=1\nB=1\n")
    (tmp_path / "b.env").write_text("B=2\nC=$A\n")
    assert variables_of(env_files(["a.env", Path("b.env")]), tmp_path) == {"A": "1", "B": "2", "C": "1"}


def test_a_file_that_isnt_required_may_be_missing(tmp_path: Path) -> None:
    assert variables_of(env_files({"path": "no.env", "required": False}), tmp_path) == {}


def test_environment_beats_the_files_and_their_content_is_part_of_the_definition(tmp_path: Path) -> None:
    (tmp_path / "app.env").write_text("A=file\nB=file\n")
    keywords = {"image": "busybox", "env_file": "app.env", "environment": {"B": "own"}}
    before = define(keywords, alias="victim", folder=tmp_path)
    assert before.spec.environment == {"A": "file", "B": "own"}
    (tmp_path / "app.env").write_text("A=other\n")
    after = define(keywords, alias="victim", folder=tmp_path)
    assert before.spec.values() != after.spec.values()


def test_the_values_arent_shown(tmp_path: Path) -> None:
    (tmp_path / "app.env").write_text(f"PASSWORD={SECRET}\n")
    definition = define({"image": "busybox", "env_file": "app.env"}, alias="victim", folder=tmp_path)
    assert definition.spec.environment == {"PASSWORD": SECRET}
    assert SECRET not in repr(definition)
