"""The README's code blocks, run as they stand; the five-line test is run in `test_installed.py`."""

import os
import re

from .conftest import ROOT, Downstream

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_check_of_ones_own_and_a_value_from_a_fixture(downstream: Downstream) -> None:
    (block,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "NotReady" in block]
    downstream.write(
        conftest=block.replace('"redis:8"', repr(os.environ.get("EXAMPLE_REDIS_IMAGE", "redis:8"))),
        test_it="""
        def test_it(cache, reader):
            assert cache.container.exec(["redis-cli", "get", "ready"]).stdout == "yes\\n"
            assert reader.container.exec(["sh", "-c", "echo $CACHE"]).stdout == "http://cache:6379\\n"

        def test_inside_one_test(foodtrucks_net, net_probe, cache):
            with foodtrucks_net.service(image=cache.container.image, ports=[6379], aliases=["victim"]) as victim:
                assert net_probe.connect(victim).kind == "connected"
        """,
    )
    downstream.run().assert_outcomes(passed=2)
