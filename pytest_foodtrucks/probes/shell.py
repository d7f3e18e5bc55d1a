"""A shell that is kept open in a container: a question costs it a millisecond, where a fresh exec takes fifty."""

import re
import secrets
import shlex
import time
from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Final

from pytest_foodtrucks.errors import EngineError

from .verdicts import Answer

if TYPE_CHECKING:
    from pytest_foodtrucks.engine.execs import ExecStream

ARGV: Final = ("sh", "-c", "exec sh 2>&1")
"""Standard error goes the way of standard output: on a way of its own it could come after the line that ends it."""

FUNCTIONS: Final = r"""
ask() {
nonce=$1 index=$2; shift 2
read began _ </proc/uptime
words=$("$@" 2>&1 </dev/null); status=$?
read ended _ </proc/uptime
set -f; IFS='
'
line=$(printf '|%s' $words)
printf '%s\n' "$nonce $index $began $ended $status$line"
}
knock() { nc -w "$3" "$1" "$2" -e sh -c 'echo open >&3' 3>&1; }
counters() {
grep -h -e '^Icmp: [0-9]' -e '^Tcp: [0-9]' -e ^Icmp6InDestUnreachs /proc/net/snmp /proc/net/snmp6 2>/dev/null
}
recount() { counters; echo knocked; knock "$@"; echo knocked; counters; }
interfaces() { [ ! -e /proc/net/if_inet6 ] || cat /proc/net/if_inet6; }
settings() { cat /etc/resolv.conf; echo; echo =hosts=; cat /etc/hosts; }
"""
"""What a kept shell knows. A line goes out in one write, so that questions asked side by side don't mix.

nc runs the command behind -e once it is connected, in both of busybox' builds; what the target sends is never read, so
it can't be taken for the probe's own word. `recount` is for one question at a time.
"""


_PONG_SECONDS: Final = 5.0

_HANGS: Final = "nothing more came within"


class Shell:
    """A kept shell; opened when it is first asked, and anew after it hung or died.

    `start` runs ARGV in the container; `clock` gives monotonic seconds.
    """

    def __init__(self, start: "Callable[[], ExecStream]", *, clock: Callable[[], float] = time.monotonic) -> None:
        self._start = start
        self._clock = clock
        self._stream: ExecStream | None = None
        self._lock = Lock()

    def ask(self, questions: Sequence[Sequence[str]], *, within: float) -> list[Answer]:
        """Ask all side by side; what has no complete line `within` seconds is answered by what there was instead.

        A shell that had died before is opened anew. One that hangs, or dies while it is asked, has no answer.
        """
        nonce = secrets.token_hex(8)
        lines = [f"ask {nonce} {index} {shlex.join(argv)} &" for index, argv in enumerate(questions)]
        script = "\n".join([*lines, "wait", f"echo {nonce} end", ""])
        with self._lock:
            heard, trouble = "", self._unready()
            if not trouble:
                heard, trouble = self._heard(script, f"{nonce} end\n", within)
            if trouble:
                self.close()
        return _answers(nonce, len(questions), heard, trouble)

    def _unready(self) -> str:
        """See that there is a shell that listens; say what is wrong where there is none."""
        if self._stream is not None:
            _, trouble = self._heard("echo pong\n", "pong\n", _PONG_SECONDS)
            if not trouble or trouble.startswith(_HANGS):
                return trouble
            self.close()
        try:
            self._stream = self._start()
            self._stream.send(FUNCTIONS.encode())
        except (OSError, EngineError) as error:
            return str(error)
        return ""

    def _heard(self, script: str, end: str, within: float) -> tuple[str, str]:
        """Send a script and return what came until its end, and what went wrong, if anything."""
        stream, deadline, heard = self._stream, self._clock() + within, ""
        assert stream is not None  # noqa: S101 - for the type checker
        try:
            stream.send(script.encode())
            while end not in heard:
                part = stream.receive(max(0.01, deadline - self._clock()))
                if not part:
                    return heard, "the shell ended"
                heard += part.decode(errors="replace")
        except TimeoutError:
            return heard, f"{_HANGS} {within:g} s"
        except OSError as error:
            return heard, str(error)
        return heard, ""

    def close(self) -> None:
        """Hang up."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


def _answers(nonce: str, count: int, heard: str, trouble: str) -> list[Answer]:
    pattern = rf"^{nonce} (\d+) ([\d.]+) ([\d.]+) (\d+)\|(.*)\n"
    found = {
        int(index): Answer(int(status), float(ended) - float(began), words)
        for index, began, ended, status, words in re.findall(pattern, heard, re.MULTILINE)
    }
    raw = re.sub(rf"^{nonce} .*\n", "", heard, flags=re.MULTILINE).strip()[-300:]
    missing = Answer(None, 0.0, f"no complete answer: {trouble if trouble else 'its line is missing'}; heard {raw!r}")
    return [found.get(index, missing) for index in range(count)]
