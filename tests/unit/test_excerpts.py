"""Excerpts: bounded, and printable whatever is in them."""

import tracemalloc

import pytest

from pytest_foodtrucks.errors import EngineError, FoodtrucksError
from pytest_foodtrucks.excerpts import HEAD, TAIL, Excerpt, amount, excerpt, printable, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Fünf Lkw\tund\nein Käse 🧀\n", "Fünf Lkw\tund\nein Käse 🧀\n"),
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("\x1b]52;c;cm0gLXJm\x1b\\", r"\x1b]52;c;cm0gLXJm\x1b" + "\\"),
        ("\x1b[2J\x1b[1;1H", r"\x1b[2J\x1b[1;1H"),
        ("\x1b[1;31mERROR\x1b[0m \x1b[mfine", "ERROR fine"),
        ("\x9b2J \x85", r"\x9b2J \x85"),
        ("all well\rfailed", r"all well\rfailed"),
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("\b\b\x7f\0\v\f", r"\x08\x08\x7f\x00\x0b\x0c"),
        ("user\u202etxt.exe\u2066\u200f", r"user\u202etxt.exe\u2066\u200f"),
        ("a\u2028b\udc80", r"a\u2028b\udc80"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_text(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_what_fits_is_shown_as_it_is() -> None:
    assert excerpt("") == ""
    assert excerpt("one\ntwo\n", head=4, tail=4) == "one\ntwo\n"


def test_head_and_tail_keep_their_lines_whole_and_tell_what_is_missing() -> None:
    text = "".join(f"line {number}\n" for number in range(10))
    assert excerpt(text, head=16, tail=16) == "line 0\nline 1\n… 42 bytes left out …\nline 8\nline 9\n"


def test_a_line_longer_than_head_and_tail_is_cut() -> None:
    assert excerpt("a" * 4000 + "b" * 4000, head=3, tail=3) == "aaa\n… 8 kB left out …\nbbb"


def test_an_excerpt_without_a_head_begins_with_what_is_missing() -> None:
    kept = Excerpt(head=0, tail=8)
    kept.add(b"first\nsecond\nlast\n")
    assert kept.text(", and how to get it") == "… 13 bytes left out, and how to get it …\nlast\n"


def test_pieces_may_be_cut_anywhere() -> None:
    content = "".join(f"Zeile {number} ü\n" for number in range(5000)).encode()
    kept = Excerpt()
    for start in range(0, len(content), 7):
        kept.add(content[start : start + 7])
    assert str(kept) == excerpt(content.decode())


def test_bytes_that_are_no_text_are_shown_all_the_same() -> None:
    kept = Excerpt()
    kept.add(b"caf\xe9 \xff\xfe\n")
    assert str(kept) == "caf\ufffd \ufffd\ufffd\n"


def test_its_memory_is_bounded() -> None:
    kept, piece = Excerpt(), b"x" * 1000
    tracemalloc.start()
    for _ in range(20_000):
        kept.add(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * (HEAD + TAIL)
    assert len(str(kept)) < HEAD + TAIL + 100
    assert "… 20 MB left out …" in str(kept)


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "2 kB"), (149_000_000, "149 MB")]
)
def test_amounts_are_for_people(size: int, words: str) -> None:
    assert amount(size) == words


def test_a_message_has_the_beginning_as_one_line() -> None:
    assert shortened("one\n  two\tthree\r\n") == "one two three"
    assert shortened("bad\x1b[2J\x07") == r"bad\x1b[2J\x07"
    assert shortened("x" * 1_000_000) == "x" * 200 + "…"
    assert shortened(" " * 1_000_000 + "x") == ""


def test_no_error_of_ours_obeys_or_floods_a_terminal() -> None:
    for error in (FoodtrucksError("a\x1b]0;b\x07", logs="\x1b[2J"), EngineError("a\x1b]0;b\x07", logs="\x1b[2J")):
        assert str(error) == "a\\x1b]0;b\\x07\nIts last log lines:\n    \\x1b[2J"
        assert error.args == (r"a\x1b]0;b\x07",)
    assert len(str(FoodtrucksError("x" * 10_000_000, logs="y\n" * 10_000_000))) < 500_000
