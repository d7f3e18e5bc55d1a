"""The demonstration: the example suite on real containers, and what it leaves behind."""

from collections.abc import Mapping
from pathlib import Path

from pytest_foodtrucks.engine import Engine

from .checks import run
from .environment import Images
from .steps import tell

_LABEL = "pytest-foodtrucks"


def demo(root: Path, engine: Engine, images: Images, environ: Mapping[str, str]) -> int:
    """Run the example suite in its own folder, and sum up; return the exit code."""
    before = _labelled(engine)
    outcome = run("demo", "pytest", "-v", folder=root / "examples" / "foodtrucks", environ=environ)
    containers, networks = (now - then for now, then in zip(_labelled(engine), before, strict=True))
    tell("")
    tell(f"[demo] engine: {engine.kind.capitalize()} {engine.version} at {engine.url}")
    tell(f"[demo] Elasticsearch: {images.version} ({images.elasticsearch}:{images.version})")
    tell(f"[demo] web image: {images.web}")
    tell(f"[demo] tests: {outcome.closing.strip('= ')}")
    tell(f"[demo] left with the label {_LABEL}: {len(containers)} containers, {len(networks)} networks")
    return 0 if outcome.ok and not containers and not networks else 1


def _labelled(engine: Engine) -> tuple[set[str], set[str]]:
    filters = {"label": _LABEL}
    return (
        {container["Id"] for container in engine.api.containers(all=True, filters=filters)},
        {network["Id"] for network in engine.api.networks(filters=filters)},
    )
