"""Seeds as files: which there are, in which order, what is wrong with one, and what its lines mean."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_foodtrucks import seed_files
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.services.elasticsearch.es_bulk_lines import Action, actions_in
from pytest_foodtrucks.services.elasticsearch.es_seed import are_paths, seed_files_in

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return a function that writes files into the current folder; those of JSON are empty objects."""
    monkeypatch.chdir(tmp_path)

    def files(*empty: str, **texts: str) -> None:
        for name, text in {**dict.fromkeys(empty, "{}"), **texts}.items():
            place = tmp_path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)

    return files


def names(folder: Path, *paths: str | Path) -> list[str]:
    """Return the files that paths mean, in order."""
    return [str(file.path.relative_to(folder)) for file in seed_files_in(folder, paths).files]


def refusal(folder: Path, *paths: str | Path) -> str:
    """Return why paths are refused."""
    with pytest.raises(DefinitionError) as raised:
        seed_files_in(folder, paths)
    return str(raised.value)


# which files


def test_a_folders_files_are_sent_by_kind_and_then_by_name(tmp_path: Path, write: Write) -> None:
    write(
        *("seeds/b.ndjson", "seeds/a.ndjson", "seeds/z.pipeline.json", "seeds/t.template.json", "seeds/a.index.json"),
        *("seeds/README.md", "seeds/.hidden.json", "seeds/deeper/c.ndjson"),
    )
    assert names(tmp_path, "seeds") == [
        "seeds/z.pipeline.json",
        "seeds/t.template.json",
        "seeds/a.index.json",
        "seeds/a.ndjson",
        "seeds/b.ndjson",
    ]


def test_listed_files_are_sent_by_kind_and_then_as_they_are_listed(tmp_path: Path, write: Write) -> None:
    write("b.ndjson", "a.ndjson", "more/c.index.json")
    assert names(tmp_path, "b.ndjson", tmp_path / "a.ndjson", "more") == ["more/c.index.json", "b.ndjson", "a.ndjson"]


def test_what_a_file_makes_has_the_name_before_its_kind(tmp_path: Path, write: Write) -> None:
    write("logs.2024.ndjson", "a.b.index.json")
    assert [file.name for file in seed_files_in(tmp_path, [tmp_path]).files] == ["a.b", "logs.2024"]


@pytest.mark.parametrize(
    ("there", "path", "message"),
    [
        ((), "trucks.ndjson", "seed has 'trucks.ndjson', and there is no trucks.ndjson. Remedy: mend the path"),
        (("a.json",), "a.json", "What a.json is to make can't be told from its name. Remedy: name it NAME.pipeline"),
        (("s/a.json", "s/b.ndjson"), "s", "What s/a.json is to make can't be told"),
        (("s/a.jsonl",), "s", "What s/a.jsonl is to make can't be told"),
        (("s/a.ndjson.gz",), "s", "What s/a.ndjson.gz is to make can't be told"),
        ((".ndjson",), ".ndjson", "What .ndjson is to make can't be told"),
        (("s/a.csv",), "s", "the folder s has no file that could fill a service. Remedy: put files there"),
    ],
)
def test_what_cant_fill_a_service_is_refused(
    tmp_path: Path, write: Write, there: tuple[str, ...], path: str, message: str
) -> None:
    write(*there)
    assert message in refusal(tmp_path, path)


def test_a_file_that_would_be_sent_twice_is_refused(tmp_path: Path, write: Write) -> None:
    write("s/a.ndjson")
    assert "seed has s/a.ndjson twice" in refusal(tmp_path, "s", "./s/a.ndjson")


def test_a_definition_that_is_no_json_is_told_with_its_line(tmp_path: Path, write: Write) -> None:
    write(**{"menu.index.json": '{\n  "settings": {,}\n}'})
    assert refusal(tmp_path, "menu.index.json").startswith("menu.index.json:2: this is no JSON: ")


def test_a_definition_that_is_no_object_is_refused(tmp_path: Path, write: Write) -> None:
    write(**{"menu.index.json": "[]"})
    assert "menu.index.json holds []. Remedy: write one JSON object" in refusal(tmp_path, "menu.index.json")


def test_a_seed_of_ones_own_begins_at_the_file_that_makes_it() -> None:
    with pytest.raises(DefinitionError, match=rf"test_seed_files.py:[0-9]+: .*there is no .*unit{re.escape('/')}none"):
        seed_files("none/at/all.ndjson")
    with pytest.raises(DefinitionError, match=r"test_seed_files.py:[0-9]+: seed=\(\) is empty"):
        seed_files()


# a path or a name


@pytest.mark.parametrize("value", [Path("seeds"), "./seeds", "a.ndjson", "seeds/", ["a.ndjson"], [Path("seeds")], "."])
def test_a_path_is_told_from_a_fixtures_name(value: object) -> None:
    assert are_paths(value)


@pytest.mark.parametrize("value", ["seeds", "es_seed", None, 3, print, {"a": 1}])
def test_a_fixtures_name_is_told_from_a_path(value: object) -> None:
    assert not are_paths(value)


# whether one changed


def test_a_change_an_addition_and_a_removal_change_the_fingerprint(tmp_path: Path, write: Write) -> None:
    def fingerprint() -> str:
        return seed_files_in(tmp_path, ["s"]).fingerprint()

    write("s/a.ndjson")
    seen = [fingerprint()]
    write(**{"s/a.ndjson": "{} "})
    seen.append(fingerprint())
    write("s/b.ndjson")
    seen.append(fingerprint())
    (tmp_path / "s/b.ndjson").unlink()
    assert len(set(seen)) == 3
    assert fingerprint() == seen[1]


# lines


def actions(write: Write, text: str) -> list[Action]:
    """Return the actions in a file of some text."""
    write(**{"trucks.ndjson": text})
    return list(actions_in(Path("trucks.ndjson"), index="trucks"))


def test_a_document_a_line_goes_into_the_files_index(write: Write) -> None:
    text = '\ufeff{"dish": "taco"}\n\n{"index": {}, "dish": "nacho"}\n'
    found = actions(write, text)
    assert [(each.line, each.operation, each.about, json.loads(str(each.document))["dish"]) for each in found] == [
        (1, "index", {"_index": "trucks"}, "taco"),
        (3, "index", {"_index": "trucks"}, "nacho"),
    ]
    assert found[-1].end == len(text.encode())


def test_an_action_line_at_the_beginning_means_the_bulk_format(write: Write) -> None:
    lines = [
        {"index": {"_id": "1"}},
        {"dish": "taco"},
        {"delete": {"_index": "other", "_id": "2"}},
        {"create": {"_index": "other"}},
        {"dish": "nacho"},
    ]
    found = actions(write, "\n".join(map(json.dumps, lines)))
    assert [(each.line, each.operation, each.about, each.document) for each in found] == [
        (1, "index", {"_index": "trucks", "_id": "1"}, '{"dish": "taco"}'),
        (3, "delete", {"_index": "other", "_id": "2"}, None),
        (4, "create", {"_index": "other"}, '{"dish": "nacho"}'),
    ]


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_has_no_action(write: Write, text: str) -> None:
    assert actions(write, text) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"a": 1}\n{"a": \n',
            "trucks.ndjson:2: this is no JSON: Expecting value, at character 6: '{\"a\":'. Remedy: ",
        ),
        ('[{"a": 1}]', "trucks.ndjson:1: this is no JSON object: '[{\"a\": 1}]'. Remedy: write one document a line"),
        ('{"index": {}}\n{"a": 1}\n{"a": 2}', "trucks.ndjson:3: an action is to be here, as in the file's first line"),
        ('{"index": {}}\n{"a": 1}\n{"index": {}}', "trucks.ndjson:3: the document of this action is missing. Remedy"),
        ("{" + '"a": ' + "[" * 100_000, "trucks.ndjson:1: this can't be read: "),
    ],
)
def test_what_is_wrong_with_a_line_is_told_with_the_file_and_the_line(write: Write, text: str, message: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        actions(write, text)
    assert message in str(raised.value)


def test_what_is_no_utf_8_is_told_with_its_line(write: Write) -> None:
    write()
    Path("trucks.ndjson").write_bytes(b'{"a": 1}\n{"a": "\xff"}\n')
    with pytest.raises(DefinitionError, match=r"^trucks.ndjson:2: this is no UTF-8 \(invalid start byte at byte 8\)"):
        list(actions_in(Path("trucks.ndjson"), index="trucks"))


def test_a_file_that_went_away_is_told(write: Write) -> None:
    write()
    with pytest.raises(DefinitionError, match=r"^trucks.ndjson can't be read: No such file"):
        list(actions_in(Path("trucks.ndjson"), index="trucks"))


def test_a_large_file_isnt_read_at_once(write: Write) -> None:
    write(**{"trucks.ndjson": '{"a": 1}\n' * 100_000 + "no JSON"})
    found = actions_in(Path("trucks.ndjson"), index="trucks")
    assert next(found).line == 1
    assert sum(1 for _, _ in zip(range(99_999), found, strict=False)) == 99_999
    with pytest.raises(DefinitionError, match=r"^trucks.ndjson:100001: "):
        next(found)
