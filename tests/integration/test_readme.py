"""The README's code blocks, run as they stand; the five-line test is run in `test_installed.py`."""

import os
import re

from lab import IMAGE

from .conftest import ROOT, Downstream

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS: list[str] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

FILES: list[tuple[str, str]] = re.findall(r"`(menu/[\w.]+)`:\n\n```\w+\n(.*?)```", README, re.DOTALL)
"""What the README says to write, by its path."""


def block(words: str) -> str:
    """Return the one Python block that has some words."""
    (found,) = [block for block in BLOCKS if words in block]
    return found


def test_an_own_app_with_elasticsearch_and_a_second_service_takes_at_most_20_lines_and_passes(
    downstream: Downstream,
) -> None:
    services = block("web_on_net = service")
    assert len([line for line in services.splitlines() if line]) <= 20, "blank lines aside"
    assert "redis = service" in services
    (downstream.folder / "menu").mkdir()
    for file, content in FILES:
        (downstream.folder / file).write_text(content, encoding="utf-8")
    downstream.write(**{"conftest": services, "tests/test_menu": block("def test_the_app_serves")})
    downstream.run().assert_outcomes(passed=2)


def test_a_check_of_ones_own_and_a_value_from_a_fixture(downstream: Downstream) -> None:
    downstream.write(
        conftest=block("def accepts_writes").replace(
            '"redis:8"', repr(os.environ.get("EXAMPLE_REDIS_IMAGE", "redis:8"))
        ),
        test_it="""
        def test_it(store, reader):
            assert store.container.exec(["redis-cli", "get", "ready"]).stdout == "yes\\n"
            assert reader.container.exec(["sh", "-c", "echo $STORE"]).stdout == "http://store:6379\\n"

        def test_inside_one_test(foodtrucks_net, net_probe, store):
            with foodtrucks_net.service(image=store.container.image, ports=[6379], aliases=["victim"]) as victim:
                assert net_probe.connect(victim).kind == "connected"
        """,
    )
    downstream.run().assert_outcomes(passed=2)


def test_the_app_while_elasticsearch_is_away_the_assertions_and_the_matrix(downstream: Downstream) -> None:
    downstream.write(
        test_away=block('"disconnected"'), test_assertions=block("assert_matrix").replace('"busybox"', repr(IMAGE))
    )
    downstream.run(timeout=240).assert_outcomes(passed=6)
