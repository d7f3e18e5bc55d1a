"""./run soak secured: secured servers are started again and again, and asked at once: none refuses who may ask."""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from .command import Command, Soak
from .document import Section, table
from .pytest_sessions import Ended, Suite

_SERVERS: Final = ("7.17.9", "8.8.2", "9.5.0")
"""Those whose local images have the module; 6.8.23's hasn't."""

_CONFTEST: Final = """
from figures import MODE, SERVER
from pytest_foodtrucks import elasticsearch_service

fresh = elasticsearch_service(scope="function", version=SERVER, security=MODE, heap="256m")
"""

_TESTS: Final = """
import json, ssl, time
import httpx2
import pytest
from figures import STARTS

@pytest.fixture
def began():
    return time.monotonic()

def ask(es):
    \"\"\"Ask by fresh connections: who am I, health, an index, an API key, and what that may do.\"\"\"
    trust = ssl.create_default_context(cafile=es.ca_file) if es.ca_file else True
    def once(method, path, auth=es.auth, **about):
        with httpx2.Client(base_url=es.url, verify=trust, auth=auth, trust_env=False, timeout=30) as client:
            return path, client.request(method, path, **about)
    yield once("GET", "/_security/_authenticate")
    yield once("GET", "/_cluster/health")
    yield once("PUT", "/menu")
    yield once("PUT", "/menu/_doc/1?refresh=true", json={"dish": "taco"})
    yield once("GET", "/menu/_search")
    path, made = once("POST", "/_security/api_key", json={"name": "one"})
    yield path, made
    key = made.json()
    if "id" in key:
        import base64
        code = base64.b64encode(f"{key['id']}:{key['api_key']}".encode()).decode()
        yield once("GET", "/_cluster/health", auth=None, headers={"Authorization": f"ApiKey {code}"})

@pytest.mark.parametrize("number", range(STARTS))
def test_it(number, began, fresh):
    seconds = time.monotonic() - began
    asked = [(path, answer.status_code, answer.text[:300]) for path, answer in ask(fresh)]
    refused = [each for each in asked if each[1] >= 400 and "pattern_capture" not in each[2]]  # a module is missing
    with open("notes.jsonl", "a") as file:
        keys = sum(path == "/_security/api_key" and status < 400 for path, status, _ in asked)
        file.write(json.dumps({"seconds": seconds, "asked": len(asked), "keys": keys, "refused": refused}) + "\\n")
    assert refused == []
"""


@dataclass(frozen=True)
class Started:
    """A server's starts: how the session ended, and what its tests noted."""

    server: str
    wanted: int
    ended: Ended
    notes: Sequence[dict[str, Any]]

    def broken(self) -> list[str]:
        """Return a sentence for each start that failed, and for each request that was refused."""
        refused = [f"{self.server}: {each}" for note in self.notes for each in note["refused"]]
        missing = self.wanted - len(self.notes)
        if missing:
            refused.append(f"{self.server}: {missing} of {self.wanted} starts failed: {self.ended.tail()!r}")
        return refused

    def row(self) -> list[object]:
        """Return its line of the table."""
        seconds = sorted(note["seconds"] for note in self.notes)
        asked, keys = (sum(note[what] for note in self.notes) for what in ("asked", "keys"))
        refused = sum(len(note["refused"]) for note in self.notes)
        times = [f"{statistics.median(seconds):.1f} s", f"{seconds[-1]:.1f} s"] if seconds else ["-", "-"]
        return [self.server, len(self.notes), *times, asked, keys, refused]


def _run(soak: Soak) -> Section:
    options, found = soak.options, []
    for server in options.servers:
        figures = f"STARTS = {options.starts}\nSERVER = {server!r}\nMODE = {options.mode!r}\n"
        suite = Suite.write(soak.folder / server, conftest=_CONFTEST, test_it=_TESTS, figures=figures)
        ended = suite.run("--foodtrucks-timeout=300", timeout=60 + 120 * options.starts)
        found.append(Started(server, options.starts, ended, suite.notes()))
        soak.say(f"{server}: {len(found[-1].notes)} starts in {ended.seconds:.0f} s")
    return reported(found, options.mode)


def reported(found: Sequence[Started], mode: str) -> Section:
    """Sum up: one row for each server."""
    heads = ["server", "starts", "until it was handed over, median", "at most", "requests", "API keys", "refused"]
    return Section(
        name="secured",
        title="A secured Elasticsearch is ready when it is handed over",
        summary=f"each start with `security={mode!r}` was followed at once by requests, each on a connection "
        "of its own: who am I, health, an index and a document, a search, an API key, and, where there is one, a "
        "request with that key. A server without the module for keys makes none, and says so: not counted as refused.",
        body=table(heads, [each.row() for each in found]),
        broken=[text for each in found for text in each.broken()],
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--starts", type=int, default=100, help="of each server (default: 100)")
    parser.add_argument("--servers", nargs="+", default=list(_SERVERS), metavar="VERSION", help="which (default: all)")
    parser.add_argument("--mode", choices=["basic", "tls"], default="tls", help="security= (default: tls)")


COMMAND: Final = Command("secured", "secured servers are ready when they are handed over", _add_options, _run)
