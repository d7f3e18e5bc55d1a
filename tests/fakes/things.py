"""Something that a stack has as a part, and what happened to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_foodtrucks.errors import StartError


@dataclass
class Thing:
    """Something that can be started, kept, and found again; `done` is what happened to it."""

    words: Mapping[str, object] = field(default_factory=lambda: {"command": "sleep"})
    well: bool = True
    why_not_kept: str | None = None
    done: list[str] = field(default_factory=list)

    key = name = "thing"
    title = "the thing"
    values: Mapping[str, object] = field(default_factory=dict)

    def made_from(self) -> Mapping[str, object]:
        return self.words

    def start(self) -> str:
        self.done.append("start")
        return "it"

    def dump(self, name: str) -> Mapping[str, Any]:
        return {"id": name}

    def load(self, about: Mapping[str, Any]) -> str:
        return str(about["id"])

    def take_over(self, name: str, about: Mapping[str, Any]) -> None:
        assert name == about["id"]
        if not self.well:
            raise StartError("it is exited. Remedy: none")
        self.done.append("take over")

    def clear(self, kept: Mapping[str, Any] | None) -> None:
        self.done.append(f"clear {kept['id']}" if kept is not None else "clear")
