"""What the run `secured` says of what its sessions noted."""

from typing import Any

from soak.pytest_sessions import Ended
from soak.secured_starts import Started, reported

WELL = {"seconds": 7.0, "asked": 7, "keys": 1, "refused": []}


def started(*notes: dict[str, Any], wanted: int = 2) -> Started:
    """Return the starts of a server."""
    return Started("9.5.0", wanted, Ended(0, 20.0, "1 failed"), notes)


def test_a_server_that_refused_nothing_kept_the_promise() -> None:
    section = reported([started(WELL, {**WELL, "seconds": 9.0})], "tls")
    assert section.broken == []
    assert "| 9.5.0 | 2 | 8.0 s | 9.0 s | 14 | 2 | 0 |" in section.body


def test_a_refused_request_breaks_it() -> None:
    section = reported([started(WELL, {**WELL, "refused": [["/menu", 401, "who?"]]})], "tls")
    assert section.broken == ["9.5.0: ['/menu', 401, 'who?']"]


def test_a_start_that_failed_breaks_it_too() -> None:
    section = reported([started(WELL), started(wanted=1)], "tls")
    assert "1 of 2 starts failed: '1 failed'" in section.broken[0]
    assert "| 9.5.0 | 0 | - | - | 0 | 0 | 0 |" in section.body
