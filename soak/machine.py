"""What a run's figures depend on: the commit and the machine, without its name or its paths."""

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from pytest_foodtrucks.engine.engine import Engine

ROOT: Final = Path(__file__).parent.parent
_WRITTEN_BY_SOAKS: Final = "docs/reliability.md"


def commit(root: Path = ROOT) -> str:
    """Return the commit's short id, and whether files differ from it; the document of these runs doesn't count."""
    try:
        head = _git(root, "rev-parse", "--short=10", "HEAD").strip()
        changed = _git(root, "status", "--porcelain", "--", ".", f":!{_WRITTEN_BY_SOAKS}").strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown, no git checkout"
    return f"{head} with uncommitted changes" if changed else head


def _git(root: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


def facts(engine: Engine) -> str:
    """Return one line about the machine, its engine and the tools."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return described(
        cpus=os.cpu_count(),
        gigabytes=gigabytes,
        kernel=platform.release(),
        engine=f"{engine.kind.capitalize()} {engine.version}",
        python=platform.python_version(),
        tools=[f"{name} {version(name)}" for name in ("pytest", "pytest-xdist")],
    )


def described(
    *, cpus: int | None, gigabytes: float, kernel: str, engine: str, python: str, tools: Sequence[str]
) -> str:
    """Return the line; of the kernel's release only the number, since the rest may tell whose machine it is."""
    number = re.match(r"[0-9.]+", kernel)
    linux = f"{platform.system()} {number[0] if number is not None else kernel}"
    return f"{cpus} CPUs, {gigabytes:.0f} GB, {linux}, {engine}, Python {python}, {', '.join(tools)}"
