"""The types of the keywords accept each value that the keywords' checks accept, as `type_checks/keywords.py` shows.

`python tests/unit/test_keyword_types.py` writes that file anew; `./run lint` has mypy and basedpyright read it.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))  # pytest does that by itself

from keyword_examples import EXAMPLES

FILE = Path(__file__).parents[1] / "type_checks/keywords.py"
HEAD = '''"""Each right value of each keyword, from `keyword_examples.py`; `test_keyword_types.py` writes this."""

from pytest_foodtrucks import service

'''


def rendered() -> str:
    """Return a call for each value that can be written down: no functions, which are in `right.py`."""
    return HEAD + "".join(calls())


def calls() -> Iterator[str]:
    for keyword, example in EXAMPLES.items():
        for value in example.right:
            if is_literal(value):
                yield f"service({keyword}={value!r})\n"


def is_literal(value: object) -> bool:
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (SyntaxError, ValueError):
        return False


def test_the_type_checkers_read_a_call_for_each_right_value() -> None:
    assert FILE.read_text(encoding="utf-8") == rendered(), f"python {Path(__file__).name} writes it anew"


if __name__ == "__main__":
    FILE.write_text(rendered(), encoding="utf-8")
