"""A service that logs without end: the session's memory and its report stay small, and its terminal is left alone."""

import subprocess
import sys

from .conftest import Downstream

LOGGED = 150_000_000
MEMORY = 150_000
"""Kilobytes that a session may take, less than what was logged; without such a log it takes 50 MB."""

MEASURING = """
import resource, sys, pytest
pytest.main(["-p", "no:cacheprovider"])
print("kilobytes:", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_a_failing_session_with_150_mb_of_logs(downstream: Downstream) -> None:
    downstream.write(
        conftest=rf"""
        import os
        from pytest_foodtrucks import ready, service

        loud = service(
            image=os.environ["EXAMPLE_BUSYBOX_IMAGE"],
            command=[
                "sh", "-c",
                r"echo ready; until test -e /go; do sleep 0.1; done; printf '\033]0;owned\007\033]52;c;cm0gLXJm\007\n';"
                "yes $(printf %016000d 0) | head -c {LOGGED}; echo; echo done; exec sleep 600",
            ],
            ready=ready.log("^ready$"),
        )
        """,
        test_it="""
        import time

        def test_it(loud):
            loud.exec(["touch", "/go"])
            while loud.logs(tail=1) != "done\\n":
                time.sleep(0.2)
            assert False
        """,
    )
    result = subprocess.run(
        [sys.executable, "-c", MEASURING], cwd=downstream.folder, capture_output=True, check=False, timeout=120
    )
    text = result.stdout.decode()
    assert "1 failed" in text
    assert "MB left out; while the stack stands `docker logs foodtrucks-loud-" in text
    assert text.count("\ndone\n") == 1
    assert r"\x1b]0;owned\x07\x1b]52;c;cm0gLXJm\x07" in text
    assert "\x1b]" not in text
    assert len(text) < 200_000
    assert int(text.rpartition("kilobytes: ")[2]) < MEMORY
