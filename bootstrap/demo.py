"""The demonstration: the example suite on real containers, and what it leaves behind."""

from collections.abc import Mapping
from pathlib import Path

from pytest_foodtrucks.engine.engine import Engine

from .checks import run
from .environment import Images
from .steps import tell

_LABEL = "pytest-foodtrucks"


def demo(root: Path, engine: Engine, images: Images, environ: Mapping[str, str]) -> int:
    """Run the example suite in its own folder, and sum up; return the exit code.

    What is left is shown, and is no failure: it may belong to a session that someone else runs just now.
    """
    before = _labelled(engine)
    outcome = run("demo", "pytest", "-v", folder=root / "examples" / "foodtrucks", environ=environ)
    containers, networks = (len(now - then) for now, then in zip(_labelled(engine), before, strict=True))
    others = " (another session's, if one runs now)" if containers or networks else ""
    tell("")
    tell(f"[demo] engine: {engine.kind.capitalize()} {engine.version} at {engine.url}")
    tell(f"[demo] Elasticsearch: {images.version} ({images.elasticsearch}:{images.version})")
    tell(f"[demo] web image: {images.web}")
    tell(f"[demo] tests: {outcome.closing.strip('= ')}")
    tell(f"[demo] left with the label {_LABEL}: {containers} containers, {networks} networks{others}")
    return 0 if outcome.ok else 1


def _labelled(engine: Engine) -> tuple[set[str], set[str]]:
    filters = {"label": _LABEL}
    return (
        {container["Id"] for container in engine.api.containers(all=True, filters=filters)},
        {network["Id"] for network in engine.api.networks(filters=filters)},
    )
