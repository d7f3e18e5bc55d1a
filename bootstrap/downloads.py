"""Downloads: kept outside the repository, used only when their checksum is right."""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from .setup_error import SetupError

WORK = "work-"
"""How the names of folders in the cache begin that are of no use after their set-up."""


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for downloads, by the XDG base directory specification."""
    configured = environ.get("XDG_CACHE_HOME", "")
    parent = Path(configured) if configured != "" else Path.home() / ".cache"
    return parent / "pytest-foodtrucks"


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pinned(path: Path, sha256: str, download: Callable[[], None]) -> Path:
    """Return a file that has the checksum; a wrong one is deleted and downloaded once more.

    Raises SetupError if it is wrong again.
    """
    found = "no file"
    for attempt in range(3):
        if path.is_file():
            found = sha256_of(path)
            if found == sha256:
                return path
            path.unlink()
        if attempt < 2:  # noqa: PLR2004 - two downloads, and a look after each
            download()
    raise SetupError(
        f"{path.name} was downloaded twice, and its SHA-256 is {found} instead of {sha256}: the source or something "
        "on the way changes it. Look at what mirrors and proxies there are, then run again."
    )


def made_once(path: Path, make: Callable[[Path], None]) -> Path:
    """Return a file that `make` writes; what was left unfinished or altered since is made again.

    It is written beside, summed, and renamed last.
    """
    checksum = path.with_name(f"{path.name}.sha256")
    if path.is_file() and checksum.is_file() and checksum.read_text(encoding="ascii") == sha256_of(path):
        return path
    part = path.with_name(f"{path.name}.part")
    for leftover in (path, part, checksum):
        leftover.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    make(part)
    checksum.write_text(sha256_of(part), encoding="ascii")
    return part.rename(path)
