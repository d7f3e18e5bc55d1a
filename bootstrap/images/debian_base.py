"""The base of all local images: a small Debian, made from the distribution's packages."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from bootstrap import debian
from bootstrap.downloads import WORK, made_once
from bootstrap.steps import step
from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.engine.labels import IMAGE_LABEL

from .recipes import hash_of

IMAGE = "foodtrucks-local/debian:trixie"
PYTHON = "3.13"
"""The Python of that Debian."""

_SUITE = "trixie"

_PACKAGES = (
    "openjdk-21-jre-headless",  # boots Elasticsearch 6.8 to 9.5
    "python3-pip",
    "busybox-static",
    "redis-server",
)
"""All that any of the images needs: one base is made in the time of one, and the engine keeps it once."""

_OPTIONS = (
    "--mode=auto",
    "--variant=essential",
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "info", "locale", "man")),
    # Unpacked into a tar file, so there is no sense in waiting for the disk at each package.
    "--dpkgopt=force-unsafe-io",
    # Java's package wants to link its manual there.
    '--essential-hook=mkdir -p "$1/usr/share/man/man1"',
    f"--include={','.join(_PACKAGES)}",
    "--format=tar",
)

HASH = hash_of((_SUITE, *_OPTIONS))


def install_tools() -> None:
    """Install what makes a base."""
    if shutil.which("mmdebstrap") is None:
        debian.install("mmdebstrap", "debian-archive-keyring")


def imported(engine: Engine, cache: Path) -> None:
    """See that the engine has the base; the tar file stays in the cache for the next engine."""
    with step("base", f"making a Debian {_SUITE} with {', '.join(_PACKAGES)}") as say:
        tar = made_once(cache / f"debian-{_SUITE}-{HASH}.tar", _make)
        for old in cache.glob("debian-*"):
            if not old.name.startswith(tar.name):
                old.unlink()
        repository, tag = IMAGE.split(":")
        engine.api.import_image(str(tar), repository=repository, tag=tag, changes=[f"LABEL {IMAGE_LABEL}={HASH}"])
        say(IMAGE)


def _make(tar: Path) -> None:
    """Make the tar file in a mount namespace of its own.

    So what a killed mmdebstrap leaves is a folder, in which neither /proc nor /dev is mounted any more.
    """
    root = debian.require_root("no base for images can be made here: see that the engine reaches a registry.")
    with TemporaryDirectory(prefix=WORK, dir=tar.parent) as work:
        debian.checked(
            [*root, "env", f"TMPDIR={work}", "unshare", "--mount", "mmdebstrap", *_OPTIONS, _SUITE, str(tar)],
            remedy="see that the distribution's packages can be fetched, and run again",
        )
