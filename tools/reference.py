"""The tables of the reference pages, made from the code; as a program it writes them into the pages anew."""

from argparse import Action, ArgumentParser
from ast import AnnAssign, Constant, Expr, Name, parse
from collections.abc import Iterator, Sequence
from dataclasses import fields
from importlib import import_module
from inspect import getdoc
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest_foodtrucks
from pytest_foodtrucks import FoodtrucksError, plugin
from pytest_foodtrucks.cli import SUBCOMMANDS
from pytest_foodtrucks.commands.arguments import DEST
from pytest_foodtrucks.containers.compose import ContainerSpec
from pytest_foodtrucks.engine import labels
from pytest_foodtrucks.engine.versions import DOCKER_RELEASES
from pytest_foodtrucks.options import OPTIONS, Option
from pytest_foodtrucks.services.definitions import ServiceDefinition

KEYWORDS = {
    each.name: each.metadata for table in (ContainerSpec, ServiceDefinition) for each in fields(table) if each.metadata
}
"""What is known of each keyword of a service."""


_PAGES = Path(__file__).parents[1] / "docs/reference"


def tables() -> dict[str, str]:
    """Return each table as Markdown, by its page."""
    return {
        "fixtures": fixtures(),
        "keywords": keywords(),
        "options": options(),
        "command": command_options(),
        "labels": label_table(),
    }


def page_of(name: str) -> Path:
    """Return the page of a table."""
    return _PAGES / f"{name}.md"


def with_table(page: str, table: str) -> str:
    """Return a page's text with its table made anew, which stands between two comments."""
    before, begin, rest = page.partition("<!-- This table is made from the code: python -m tools.reference -->\n")
    _, end, after = rest.partition("<!-- End of the table -->\n")
    if not (begin and end):
        raise ValueError("The page has no place for its table: the two comments.")
    return f"{before}{begin}{table}{end}{after}"


def fixtures() -> str:
    """Return the table of the ready-made fixtures."""
    rows = [(f"`{name}`", f"`{scope}`", meaning) for name, scope, meaning in fixture_facts()]
    return _table(("fixture", "scope", "what it is"), rows)


def fixture_facts() -> Iterator[tuple[str, str, str]]:
    """Yield of each ready-made fixture its name, its scope and the first line of its description."""
    for name, value in vars(plugin).items():
        if type(value).__name__ == "FixtureFunctionDefinition":
            yield name, _scope(value), _first_line(value)


def _scope(fixture: Any) -> str:
    scope = fixture._fixture_function_marker.scope  # noqa: SLF001 - pytest has no other way to ask
    return "session" if callable(scope) else str(scope)  # a factory's tells it when pytest asks; these have its default


def _first_line(fixture: Any) -> str:
    function = fixture._get_wrapped_function()  # noqa: SLF001 - as above
    return (getdoc(function) or "").partition("\n")[0]


def keywords() -> str:
    """Return the table of Compose's keywords."""
    return _table(("Compose's keyword", "form", "the engine's field", "since"), list(_keyword_rows()))


def _keyword_rows() -> Iterator[Sequence[str]]:
    for name, about in sorted(KEYWORDS.items()):
        if about["form"]:
            since = about["since"]
            release = f"Docker {DOCKER_RELEASES[since]} (API {since})" if since else ""
            yield f"`{name}`", about["form"], _code(about["at"]), release


def _code(words: str) -> str:
    return words if "`" in words else f"`{words}`"


def options() -> str:
    """Return the table of options."""
    rows = [(f"`{option.name}`", _values(option), _meaning(option), _default(option)) for option in OPTIONS]
    return _table(("option", "values", "meaning", "default"), rows)


def _values(option: Option) -> str:
    if option.switch:
        return f"`on`, `off`; as flags `{option.flag}` and `{option.off_flag}`"
    return ", ".join(f"`{value}`" for value in option.metavar.split("|"))


def _meaning(option: Option) -> str:
    return option.help if option.also is None else f"{option.help}; also `{option.also}` in the environment"


def _default(option: Option) -> str:
    if option.switch:
        return "`on`" if option.default else "`off`"
    return "" if option.default is None else f"`{str(option.default).removesuffix('.0')}`"


def command_options() -> str:
    """Return the table of what subcommands take beside the plugin's options and `--json`."""
    takers: dict[tuple[str, str], list[str]] = {}
    for name in SUBCOMMANDS:
        for action in _own_actions(name):
            takers.setdefault((_argument(action), action.help or ""), []).append(f"`{name}`")
    rows = [(argument, ", ".join(names), meaning) for (argument, meaning), names in takers.items()]
    return _table(("argument", "of", "meaning"), rows)


def _own_actions(subcommand: str) -> Iterator[Action]:
    parser = ArgumentParser(add_help=False)
    import_module(f"pytest_foodtrucks.commands.{subcommand}").COMMAND.add(parser)
    yield from (each for each in parser._actions if not each.dest.startswith(DEST))  # noqa: SLF001 - no other way


def _argument(action: Action) -> str:
    """Return how an argument is written."""
    word = "\\|".join(map(str, action.choices)) if action.choices else str(action.metavar or action.dest.upper())
    forms: dict[object, str] = {0: "", "?": f"[{word}]", "*": f"[{word} ...]", "+": f"{word} ..."}
    value = forms.get(action.nargs, word)
    return f"`{' '.join(filter(None, [', '.join(action.option_strings), value]))}`"


def label_table() -> str:
    """Return the table of labels; the meaning of each is the text below its name in the module."""
    return _table(("label", "constant", "meaning"), list(_label_rows()))


def _label_rows() -> Iterator[Sequence[str]]:
    meanings = _texts_below(labels.__file__)
    for name, value in vars(labels).items():
        if name.endswith("_LABEL"):
            yield f"`{value}`", f"`{name}`", meanings[name]


def _texts_below(file: str) -> dict[str, str]:
    """Return the text that stands below each name of a module, on one line."""
    found = {}
    for one, other in pairwise(parse(Path(file).read_text(encoding="utf-8")).body):
        match one, other:
            case AnnAssign(target=Name(id=name)), Expr(value=Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found


def errors() -> list[type[FoodtrucksError]]:
    """Return all public errors."""
    public = [getattr(pytest_foodtrucks, name) for name in pytest_foodtrucks.__all__]
    return [each for each in public if isinstance(each, type) and issubclass(each, FoodtrucksError)]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    for name, table in tables().items():
        page = page_of(name)
        page.write_text(with_table(page.read_text(encoding="utf-8"), table), encoding="utf-8")
