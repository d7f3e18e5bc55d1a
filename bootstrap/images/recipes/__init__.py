"""Recipes: what each local image is made of. A changed recipe means a new image."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent


def nothing_to_add(context: Path) -> None:
    """Leave the build context as it is in the repository."""


@dataclass(frozen=True)
class Recipe:
    """A local image: its name with tag, its build context, and what is put into that before a build.

    `ingredients` are whatever else decides: checksums, versions, the base's own recipe.
    """

    image: str
    context: Path
    args: tuple[tuple[str, str], ...] = ()
    ingredients: tuple[str, ...] = ()
    add: Callable[[Path], None] = field(default=nothing_to_add, compare=False, repr=False)

    @property
    def hash(self) -> str:
        """What the image's label says, if it was made by this recipe."""
        files = sorted(path for path in self.context.rglob("*") if path.is_file() and path.suffix != ".pyc")
        texts = [
            self.image,
            *(f"{name}={value}" for name, value in self.args),
            *self.ingredients,
            *(f"{path.relative_to(self.context)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files),
        ]
        return hash_of(texts)


def hash_of(texts: Sequence[str]) -> str:
    """Return a short hash of some texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
