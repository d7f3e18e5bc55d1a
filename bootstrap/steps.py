"""Steps: each tells what it did and how long it took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]


def tell(line: str) -> None:
    """Print a line at once, whole, also when several threads print."""
    print(f"{line}\n", end="", flush=True)  # noqa: T201 - a command's output


@contextmanager
def step(name: str, doing: str | None = None) -> Iterator[Say]:
    """Time a step, and print what it said at its end; `doing` is printed at once, for what takes long."""
    began = time.monotonic()
    if doing is not None:
        tell(f"[setup] {name}: {doing} ...")
    said: list[str] = []
    yield said.append
    outcome = "; ".join(said) if said else "done"
    tell(f"[setup] {name}: {outcome} ({time.monotonic() - began:.1f} s)")
