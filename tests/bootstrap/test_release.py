"""What a release has to pass, by texts and files made for it."""

import io
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from bootstrap import release

ROOT = Path(__file__).parents[2]
RIGHT = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-11-26\n\n### Added\n\n- Much.\n"
METADATA = "Metadata-Version: 2.4\nName: pytest-foodtrucks\nVersion: 0.2.0\nLicense-Expression: MIT\n\n"
INFO = "pytest_foodtrucks-0.2.0.dist-info"
INSIDE = {
    f"{INFO}/METADATA": METADATA,
    f"{INFO}/entry_points.txt": "",
    f"{INFO}/licenses/LICENSE": "MIT",
    "pytest_foodtrucks/py.typed": "",
}
SOURCES = ("LICENSE", "README.md", "docs/index.md", "run")


def test_this_version_is_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert release.changelog_mistakes(changelog, release.version_of(ROOT)) == []


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (RIGHT.replace("0.2.0", "0.1.0"), "no version 0.2.0"),
        (RIGHT.replace(" - 2026-11-26", ""), "no day for 0.2.0"),
        (RIGHT.replace("[Unreleased]", "Unreleased"), r"isn't \[VERSION\] - DAY"),
        (RIGHT.replace("Added", "New"), "headings for New"),
    ],
)
def test_a_changelog_of_another_form_is_told(text: str, mistake: str) -> None:
    assert release.changelog_mistakes(RIGHT, "0.2.0") == []
    (told,) = release.changelog_mistakes(text, "0.2.0")
    assert mistake.replace("\\", "") in told


def distributions(folder: Path, inside: dict[str, str], sources: tuple[str, ...] = SOURCES) -> list[Path]:
    """Write a wheel and a source distribution with some files."""
    wheel, source = folder / "pytest_foodtrucks-0.2.0-py3-none-any.whl", folder / "pytest_foodtrucks-0.2.0.tar.gz"
    with ZipFile(wheel, "w") as archive:
        for name, text in inside.items():
            archive.writestr(name, text)
    with tarfile.open(source, "w:gz") as archive:
        for name in sources:
            archive.addfile(tarfile.TarInfo(f"pytest_foodtrucks-0.2.0/{name}"), io.BytesIO())
    return [wheel, source]


def test_whole_distributions_are_right(tmp_path: Path) -> None:
    assert release.content_mistakes(distributions(tmp_path, INSIDE), "0.2.0") == []


@pytest.mark.parametrize("name", INSIDE)
def test_what_a_wheel_lacks_is_told(name: str, tmp_path: Path) -> None:
    inside = {each: text for each, text in INSIDE.items() if each != name}
    assert f"the wheel has no {name}" in release.content_mistakes(distributions(tmp_path, inside), "0.2.0")


def test_what_a_wheel_shouldnt_have_is_told(tmp_path: Path) -> None:
    files = distributions(tmp_path, {**INSIDE, "tests/test_it.py": ""})
    assert release.content_mistakes(files, "0.2.0") == ["the wheel has tests"]


def test_another_version_and_no_licence_are_told(tmp_path: Path) -> None:
    metadata = METADATA.replace("Version: 0.2.0", "Version: 0.1.0").replace("License-Expression: MIT\n", "")
    files = distributions(tmp_path, {**INSIDE, f"{INFO}/METADATA": metadata})
    assert release.content_mistakes(files, "0.2.0") == ["the wheel's version is 0.1.0", "the wheel names no licence"]


def test_what_the_source_lacks_is_told(tmp_path: Path) -> None:
    assert release.content_mistakes(distributions(tmp_path, INSIDE, ("LICENSE", "run")), "0.2.0") == [
        "the source has no README.md",
        "the source has no docs/index.md",
    ]
