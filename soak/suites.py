"""The suites that the sessions run: small containers in place of Elasticsearch, or a real one with the app.

Each test writes into notes.jsonl what it counted, on which network and containers, and until when it needed them.
"""

from pathlib import Path
from typing import Final

from .pytest_sessions import Suite

_NOTE: Final = """
@pytest.fixture
def note():
    def note(net, services, counted):
        line = dict(network=net.id, containers=[s.container.id for s in services], counted=counted, until=time.time())
        with open("notes.jsonl", "a") as file:
            file.write(json.dumps(line) + "\\n")
    return note
"""

_SMALL: Final = """
import json, os, time
import pytest
from figures import DOCUMENTS, WORD
from pytest_foodtrucks import ready, service

IMAGE = os.environ["EXAMPLE_BUSYBOX_IMAGE"]
fill = f"for n in $(seq {DOCUMENTS}); do echo {WORD} >> /data/menu; done"

store = service(
    image=IMAGE,
    command=["sh", "-c", fill + " && exec httpd -f -p 8080 -h /data"],
    volumes=["/data"],
    ports=[8080],
    ready=ready.http("/menu"),
)
echo = service(image=IMAGE, command="nc -ll -p 7000 -e cat", ports=[7000])
"""

_SMALL_TESTS: Final = """
import time
import pytest
from figures import DOCUMENTS, PAUSE, TESTS, WORD

@pytest.mark.parametrize("number", range(TESTS))
def test_it(number, store, echo, foodtrucks_net, net_probe, note):
    own = f"own-{number}"
    store.container.exec(["sh", "-c", f"echo {WORD} >> /data/{own}"])
    time.sleep(PAUSE)
    assert net_probe.resolve("echo") == [echo.container.ip]
    note(foodtrucks_net, [store, echo], [
        ["all, from outside", len(store.client.get("/menu").text.split()), DOCUMENTS],
        ["with the checkout's word", store.client.get("/menu").text.split().count(WORD), DOCUMENTS],
        ["all, by the name", len(net_probe.http(f"http://store:8080/menu").text.split()), DOCUMENTS],
        ["a test's own", len(store.client.get(f"/{own}").text.split()), 1],
    ])

def test_one_of_its_own(foodtrucks_net, store, bridge_probe):
    with foodtrucks_net.service(image=store.container.image, command=["sleep", "600"], aliases=["own"]):
        time.sleep(PAUSE)
"""

_ELASTICSEARCH: Final = """
import json, time
import pytest
from figures import DOCUMENTS, WORD

@pytest.fixture(scope="session")
def es_seed():
    def seed(es):
        for number in range(DOCUMENTS):
            es.client.index(index="menu", document={"word": WORD, "number": number})
        es.client.indices.refresh(index="menu")
    return seed
"""

_ELASTICSEARCH_TESTS: Final = """
import time
import pytest
from figures import DOCUMENTS, PAUSE, TESTS, WORD

def found(web_client):  # the app gives a busy Elasticsearch two seconds, then it answers 503: ask again, as clients do
    for _ in range(20):
        answer = web_client.get("/search?q=taco")
        if answer.status_code != 503:
            break
    return answer.raise_for_status().json()["hits"]

@pytest.mark.parametrize("number", range(TESTS))
def test_it(number, es_on_net, web_on_net, foodtrucks_net, es_client, web_client, es_index, net_probe, note):
    es_client.index(index=es_index, document={"number": number}, refresh=True)
    time.sleep(PAUSE)
    assert net_probe.resolve("es") == [es_on_net.container.ip]
    with_word = es_client.search(index="menu", query={"match": {"word": WORD}}, size=0)["hits"]["total"]["value"]
    note(foodtrucks_net, [es_on_net, web_on_net], [
        ["all", es_client.count(index="menu")["count"], DOCUMENTS],
        ["with the checkout's word", with_word, DOCUMENTS],
        ["a test's own", es_client.count(index=es_index)["count"], 1],
        ["answers of the app with trucks", int(found(web_client) > 0), 1],
    ])
"""


def write(
    folder: Path,
    *,
    elasticsearch: bool = False,
    word: str = "taco",
    documents: int = 20,
    tests: int = 6,
    pause: float = 0.1,
    state: Path | None = None,
) -> Suite:
    """Write a suite; `pause` is how many seconds each test sleeps."""
    figures = f"WORD, DOCUMENTS, TESTS, PAUSE = {word!r}, {documents}, {tests}, {pause}\n"
    conftest = _ELASTICSEARCH if elasticsearch else _SMALL
    test_it = _ELASTICSEARCH_TESTS if elasticsearch else _SMALL_TESTS
    return Suite.write(folder, state=state, figures=figures, conftest=conftest + _NOTE, test_it=test_it)
