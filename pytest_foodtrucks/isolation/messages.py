"""What a message shows of one way from a source to a target."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_foodtrucks.probes.probe import Probe

    from .inquiry import Finding


def described(place: "Probe") -> str:
    """Return a source as messages name it."""
    return f"{place.place} ({place.subject.name})"


def block(source: str, finding: "Finding", *, seen: str) -> str:
    """Return the lines that show a finding; `seen` is what became of it in a few words."""
    rows = (
        ("source", source),
        ("way", finding.way),
        ("expected", finding.expected),
        ("seen", seen),
        ("evidence", finding.verdict.evidence),
        ("again", finding.command),
    )
    return "\n".join(f"  {name:<10}{value}" for name, value in rows)
