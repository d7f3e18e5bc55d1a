"""How a message shows a value that somebody gave."""

import pytest

from pytest_foodtrucks import DefinitionError
from pytest_foodtrucks.values import Unfit, checked, shown


class Loud:
    """A value that is shown by many lines, and by what a terminal obeys."""

    def __repr__(self) -> str:
        return "one\n\x1b]0;title\x07two\ud800"


class Silent:
    """A value that can't be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("secret")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5, "5"),
        ("a'b", '"a\'b"'),
        (None, "None"),
        (Loud(), r"one \x1b]0;title\x07two\ud800"),
        (Silent(), "<Silent, which can't be shown>"),
        ([Silent()], "<list, which can't be shown>"),
        (10**5000, "<int, which can't be shown>"),
        ("tcp://me:pass@word@h:1", "'tcp://…@h:1'"),
        ("tcp://me:a b@h", "'tcp://…@h'"),
        (["http://me:pw@a", "http://b"], "['http://…@a', 'http://b']"),
        ("http://h/x", "'http://h/x'"),
    ],
    ids=range(11),
)
def test_a_value_is_shown_in_one_printable_line_without_passwords(value: object, words: str) -> None:
    assert shown(value) == words


@pytest.mark.parametrize("text", ["x" * 10**6, "http://" + "u" * 10**6 + ":pw@h", "://" * 10**6])
def test_a_long_value_is_shown_by_its_beginning(text: str) -> None:
    assert len(shown(text)) < 250
    assert "pw" not in shown(text)


def fail(value: object) -> None:
    """Refuse any value."""
    raise Unfit("give another", why=f" is {type(value).__name__}")


def test_what_is_wrong_is_told_with_its_keyword_the_value_and_the_remedy() -> None:
    with pytest.raises(DefinitionError, match=r"^user=5 is int\. Remedy: give another\.$"):
        checked("user", 5, fail)


def test_what_goes_wrong_in_a_value_itself_is_told_by_its_type_alone() -> None:
    with pytest.raises(DefinitionError) as raised:
        checked("user", Silent(), repr)
    assert str(raised.value) == (
        "user=<Silent, which can't be shown> can't be read (RuntimeError). Remedy: give a plain value."
    )
