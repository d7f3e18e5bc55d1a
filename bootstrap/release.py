"""What a release has to pass: its version, its distributions and what is in them, its tests in empty environments."""

import re
import shutil
import tomllib
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path, PurePath
from tarfile import open as open_tar
from typing import Final
from zipfile import ZipFile

from .checks import Outcome, run

_PYTHONS: Final = "py3{11,12,13,14}"


def check(root: Path) -> list[Outcome]:
    """Make the distributions and try them; what is wrong ends with an outcome that says so."""
    dist = root / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    version = version_of(root)
    told = _told("changelog", changelog_mistakes((root / "CHANGELOG.md").read_text(encoding="utf-8"), version))
    built = run("distributions", "build", "--outdir", str(dist), folder=root)
    if not built.ok:
        return [told, built]
    files = sorted(dist.iterdir())
    metadata = run("metadata", "twine", "check", "--strict", *map(str, files), folder=root)
    content = _told("content", content_mistakes(files, version))
    return [told, built, metadata, content, *_tried(root, wheel_among(files))]


def _tried(root: Path, wheel: Path) -> Iterator[Outcome]:
    """Run the unit and plugin tests of the wheel, with the newest and the oldest dependencies, on each interpreter."""
    for dependencies, environments in (("newest", _PYTHONS), ("oldest", f"{_PYTHONS}-oldest")):
        yield run(
            f"{dependencies} dependencies", "tox", "run", "--installpkg", str(wheel), "-e", environments, folder=root
        )


def _told(name: str, mistakes: list[str]) -> Outcome:
    return Outcome(name, not mistakes, "; ".join(mistakes) if mistakes else "as it should be")


def version_of(root: Path) -> str:
    """Return the version that pyproject.toml has."""
    return str(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


_RELEASE: Final = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<day>\d{4}-\d\d-\d\d))?$", re.MULTILINE)
_KINDS: Final = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
"""What changes are of, by keepachangelog.com."""


def changelog_mistakes(text: str, version: str) -> list[str]:
    """Return what is wrong with a changelog, by keepachangelog.com 1.1."""
    releases = {each["version"]: each["day"] for each in _RELEASE.finditer(text)}
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    mistakes = [
        f"CHANGELOG.md has no day for {each}" for each in releases if each != "Unreleased" and not releases[each]
    ]
    if version not in releases:
        mistakes.append(f"CHANGELOG.md has no version {version}")
    if len(headings) != len(releases):
        mistakes.append("a heading of CHANGELOG.md isn't [VERSION] - DAY")
    if not kinds <= _KINDS:
        mistakes.append(f"CHANGELOG.md has headings for {', '.join(sorted(kinds - _KINDS))}")
    return mistakes


def wheel_among(files: list[Path]) -> Path:
    """Return the wheel."""
    (wheel,) = [file for file in files if file.suffix == ".whl"]
    return wheel


def content_mistakes(files: list[Path], version: str) -> list[str]:
    """Return what the distributions lack, or have in them and shouldn't."""
    wheel = wheel_among(files)
    (source,) = [file for file in files if file.suffix == ".gz"]
    with ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        info = f"pytest_foodtrucks-{version}.dist-info"
        metadata = message_from_bytes(archive.read(f"{info}/METADATA")) if f"{info}/METADATA" in inside else Message()
    wanted = {f"{info}/licenses/LICENSE", f"{info}/entry_points.txt", f"{info}/METADATA", "pytest_foodtrucks/py.typed"}
    others = {PurePath(name).parts[0] for name in inside} - {"pytest_foodtrucks", info}
    with open_tar(source) as archive:
        sources = {PurePath(*PurePath(name).parts[1:]).as_posix() for name in archive.getnames()}
    return [
        *(f"the wheel has no {name}" for name in sorted(wanted - inside)),
        *(f"the wheel has {name}" for name in sorted(others)),
        *([] if metadata["Version"] == version else [f"the wheel's version is {metadata['Version']}"]),
        *([] if metadata["License-Expression"] == "MIT" else ["the wheel names no licence"]),
        *(f"the source has no {name}" for name in sorted({"LICENSE", "README.md", "docs/index.md", "run"} - sources)),
    ]
