"""The document of the soak runs: each run replaces its own section only."""

import subprocess
from pathlib import Path

from soak import document, machine
from soak.document import Section, rendered, table, with_section

TWO = "# Reliability\n\n<!-- soak kill: begin -->\nold\n<!-- soak kill: end -->\n\nby hand\n"


def test_a_section_takes_the_place_of_the_one_before() -> None:
    assert with_section(TWO, "kill", "new\n") == TWO.replace("old", "new")


def test_a_section_with_a_backslash_is_taken_as_it_is() -> None:
    assert r"\1 \g<0>" in with_section(TWO, "kill", r"\1 \g<0>")


def test_a_new_section_goes_to_the_end_and_leaves_the_others() -> None:
    text = with_section(TWO, "crowd", "many")
    assert text == TWO + "\n<!-- soak crowd: begin -->\nmany\n<!-- soak crowd: end -->\n"
    assert with_section(text, "crowd", "many") == text


def test_a_document_is_begun_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "reliability.md"
    document.write(path, "kill", "figures")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Reliability\n")
    assert "\nfigures\n" in text
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_promise_stands_before_the_figures() -> None:
    kept = Section("kill", "Kills", summary="ten sessions.", body="figures")
    assert "Every promise was kept." in rendered(kept, command="./run soak kill", about=["today"])
    broken = Section("kill", "Kills", summary="ten sessions.", body="figures", broken=["one was left"])
    text = rendered(broken, command="./run soak kill", about=["today"])
    assert "**1 broken:**\n\n- one was left\n\nfigures\n\n- today\n" in text


def test_a_table_is_markdown() -> None:
    assert table(["a", "b"], [[1, "x"]]) == "| a | b |\n| --- | --- |\n| 1 | x |"


def test_the_machine_is_described_without_what_names_it() -> None:
    line = machine.described(
        cpus=2, gigabytes=23.5, kernel="6.18.44-ours-1", engine="Docker 28.1", python="3.13.1", tools=["pytest 9.0"]
    )
    assert line.startswith("2 CPUs, 24 GB, ")
    assert "6.18.44, Docker 28.1, Python 3.13.1, pytest 9.0" in line
    assert "ours" not in line


def test_a_commit_tells_of_changes_but_for_the_document(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=A", "-c", "user.email=a@b.example")
        command = ["git", *identity, *arguments]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    assert machine.commit(tmp_path / "nowhere") == "unknown, no git checkout"
    (tmp_path / "docs").mkdir()
    document_, other = tmp_path / "docs/reliability.md", tmp_path / "other"
    for file in (document_, other):
        file.write_text("before")
    git("init")
    git("add", ".")
    git("commit", "--message", "first")
    document_.write_text("after")
    head = machine.commit(tmp_path)
    assert head.isalnum()
    other.write_text("after")
    assert machine.commit(tmp_path) == f"{head} with uncommitted changes"
