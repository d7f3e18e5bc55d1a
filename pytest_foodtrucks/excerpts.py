"""Excerpts of text that isn't ours, such as logs and answers: bounded, and printable whatever is in it."""

import re
from typing import Final

HEAD: Final = 16 * 1024
TAIL: Final = 48 * 1024
"""Bytes. Together they hold the whole log of a server's start."""

SHORT_TAIL: Final = 16 * 1024
"""Bytes of the last lines that an error shows."""

_LINE: Final = 200
"""Characters: a line of a terminal or two."""

_COLOUR: Final = re.compile(r"\x1b\[[0-9;:]*m")


def printable(text: str) -> str:
    r"""Show what a terminal would obey, and what can't be seen, as text: an escape as `\x1b`.

    Newline and tab stay, colours go. Shown are control characters, carriage returns, what turns the direction of
    writing, and what no encoding takes (surrogates).
    """
    text = _COLOUR.sub("", text.replace("\r\n", "\n"))
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in "\n\t" else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def shortened(text: str) -> str:
    """Return the beginning of a text as one printable line, for a message."""
    line = " ".join(text[: 10 * _LINE].split())
    return printable(line if len(line) <= _LINE else f"{line[:_LINE]}…")


class Excerpt:
    """The head and the tail of what is added to it, in bounded memory; `head` and `tail` are in bytes."""

    def __init__(self, *, head: int = HEAD, tail: int = TAIL) -> None:
        self._head_size = head
        self._tail_size = tail
        self._head = bytearray()
        self._tail = bytearray()
        self.size = 0
        self._skipped = False

    def add(self, piece: bytes) -> None:
        """Take the next piece."""
        self.size += len(piece)
        room = self._head_size - len(self._head)
        self._head += piece[:room]
        self._tail += piece[room:]
        if len(self._tail) > 2 * self._tail_size:
            del self._tail[: -self._tail_size]

    def skip_to(self, end: "Excerpt") -> None:
        """Take another one's end for its own; how much is between them isn't known."""
        self._tail = end._tail  # noqa: SLF001 - of the same class
        self._skipped = True

    def __str__(self) -> str:
        """Return it as printable text, with the amount that was left out."""
        return self.text()

    def text(self, remark: str = "") -> str:
        """Return the same with a remark behind the amount that was left out; lines are left whole if they can be."""
        head, tail = bytes(self._head), bytes(self._tail[-self._tail_size :])
        if len(head) + len(tail) == self.size and not self._skipped:
            return _decoded(head + tail)
        head = head[: head.rfind(b"\n") + 1] or head
        tail = tail[tail.find(b"\n") + 1 :] or tail
        missing = amount(self.size - len(head) - len(tail))
        gap = f"… {'more than ' if self._skipped else ''}{missing} left out{remark} …"
        return "\n".join(part for part in (_decoded(head).removesuffix("\n"), gap, _decoded(tail)) if part != "")


def _decoded(content: bytes) -> str:
    return printable(content.decode(errors="replace"))


def excerpt(text: str, *, head: int = HEAD, tail: int = TAIL) -> str:
    """Return the head and the tail of a text, printable."""
    kept = Excerpt(head=head, tail=tail)
    kept.add(text.encode(errors="backslashreplace"))
    return str(kept)


def amount(size: int) -> str:
    """Return a number of bytes as people read it."""
    for unit, name in ((1_000_000, "MB"), (1_000, "kB")):
        if size >= unit:
            return f"{size / unit:.0f} {name}"
    return f"{size} bytes"
