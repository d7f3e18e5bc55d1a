"""What a test has at hand of a service on a real engine: commands, logs, waits, addresses; and jobs."""

import hashlib
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import ECHO_COMMAND, IDLE, IMAGE
from pytest_foodtrucks import CommandError, Job, Network, NotInTime, Service, job, ready, service
from pytest_foodtrucks.engine.logs import moment

from .conftest import Downstream

handy = service(
    image=IMAGE,
    command=["sh", "-c", f"echo out; echo err >&2; echo out again; exec {' '.join(ECHO_COMMAND)}"],
    environment={"OF_THE_CONTAINER": "there"},
    ports=[7000],
    scheme="echo",
)

FED = bytes(range(256)) * 20_480
"""5 MB."""


# commands


def test_a_command_has_variables_a_user_and_a_folder(handy: Service) -> None:
    told = handy.exec(
        ["sh", "-c", "echo $OF_THE_CONTAINER $MINE $(id -u):$(id -g) $PWD"],
        env={"MINE": "too"},
        user="1000:2000",
        workdir="/tmp",  # noqa: S108 - the container's
        check=True,
    )
    assert told.stdout == "there too 1000:2000 /tmp\n"


def test_a_text_is_split_as_a_shell_does_and_no_shell_runs_it(handy: Service) -> None:
    assert handy.exec("printf '%s|' 'a b' $HOME").stdout == "a b|$HOME|"


def test_five_megabytes_of_input_arrive_whole_and_come_back(handy: Service) -> None:
    code, output, errors = handy.container.exec_bytes(["md5sum"], input=FED, timeout=60)
    assert (code, output.split()[0].decode(), errors) == (0, hashlib.md5(FED).hexdigest(), b"")  # noqa: S324 - no secret
    assert handy.container.exec_bytes(["cat"], input=FED, timeout=60) == (0, FED, b"")


def test_an_input_ends_whether_it_is_read_or_not(handy: Service) -> None:
    assert handy.exec(["cat"], input="tä", timeout=30).stdout == "tä"
    assert handy.exec(["cat"], input=b"", timeout=30).stdout == ""
    assert handy.exec(["sh", "-c", "echo no >&2; exit 4"], input=FED, timeout=30).exit_code == 4
    with pytest.raises(NotInTime, match=r"\['sleep', '9'\] in handy .* hasn't ended within 0\.2 s, and goes on there"):
        handy.exec(["sleep", "9"], input=FED, timeout=0.2)


def test_a_command_that_closes_its_outputs_is_awaited(handy: Service) -> None:
    assert handy.exec(["sh", "-c", "exec >&- 2>&-; sleep 1; exit 5"]).exit_code == 5


def test_a_checked_command_that_fails_shows_what_it_said(handy: Service) -> None:
    with pytest.raises(CommandError, match=r"in handy .* ended with exit code 3\. Remedy") as raised:
        handy.exec("sh -c 'echo so far; echo it broke >&2; exit 3'", check=True)
    assert (raised.value.exit_code, raised.value.stdout, raised.value.stderr) == (3, "so far\n", "it broke\n")
    assert "ended so:\n    it broke" in str(raised.value)


# logs


def test_a_log_has_lines_with_times_and_streams(handy: Service) -> None:
    before = time.time()
    handy.exec("sh -c 'echo late > /proc/1/fd/1'", check=True)
    lines = handy.log_lines()
    streams = {stream: [line.text for line in lines if line.stream == stream] for stream in ("stdout", "stderr")}
    assert streams == {"stdout": ["out", "out again", "late"], "stderr": ["err"]}
    assert sorted(handy.logs().split("\n")) == ["", "err", "late", "out", "out again"]
    assert [line.text for line in handy.log_lines(since=before)] == ["late"]
    assert [line.text for line in handy.log_lines(since=lines[-1].time)] == ["late"]
    assert handy.logs(since=before) == "late\n"
    assert [line.text for line in handy.log_lines(tail=1)] == ["late"]


def test_a_line_is_waited_for(handy: Service) -> None:
    assert handy.wait_for_log(r"^out (\w+)$")[1] == "again"
    before = time.time()
    with pytest.raises(NotInTime, match=r"No line of the log of handy matched 'order .* within 0\.3 s") as raised:
        handy.wait_for_log(r"order \d+", timeout=0.3)
    assert "out again" in raised.value.logs
    handy.exec("sh -c '(sleep 1; echo order 7 > /proc/1/fd/1) >/dev/null 2>&1 &'", check=True)
    assert handy.wait_for_log(re.compile(r"order (\d+)"), since=before, timeout=30)[1] == "7"


def test_the_log_of_a_container_with_a_terminal_has_one_stream(foodtrucks_net: Network) -> None:
    long = "x" * 40_000
    command = ["sh", "-c", "head -c 40000 /dev/zero | tr '\\0' x; echo; echo out; echo err >&2; sleep 60"]
    with foodtrucks_net.service(image=IMAGE, command=command, tty=True, aliases=["terminal"]) as terminal:
        assert terminal.wait_for_log("^err$").string == "err"
        assert [line.text for line in terminal.log_lines()] == [long, "out", "err"]
        assert {line.stream for line in terminal.log_lines()} == {"stdout"}
        assert terminal.wait_for_log(f"^{long}$").string == long
        assert terminal.logs(since=0) == f"{long}\r\nout\r\nerr\r\n"
        assert terminal.container.last_words(lines=1) == "err\n"


def test_a_line_that_is_interrupted_by_the_other_stream_is_one(foodtrucks_net: Network) -> None:
    command = [
        "sh",
        "-c",
        "head -c 20000 /dev/zero | tr '\\0' x; sleep .1; echo err >&2; sleep .1; echo ' end'; sleep 60",
    ]
    with foodtrucks_net.service(image=IMAGE, command=command, aliases=["two"], ready=ready.log("^x+ end$")) as two:
        assert [line.text for line in two.log_lines()] == ["err", f"{'x' * 20_000} end"]


# addresses


def test_the_endpoint_is_where_it_is_reached(handy: Service) -> None:
    assert handy.endpoint == f"{handy.host}:{handy.port}"
    assert (handy.url, handy.internal_url) == (f"echo://{handy.endpoint}", "echo://handy:7000")
    with socket.create_connection((handy.host, handy.port), 5) as connection:
        connection.sendall(b"hello")
        assert connection.recv(5) == b"hello"


# ends


def test_a_containers_end_is_waited_for(foodtrucks_net: Network) -> None:
    command = ["sh", "-c", "trap 'echo bye; exit 7' TERM; sleep 60 & wait"]
    with foodtrucks_net.service(image=IMAGE, command=command, aliases=["ending"]) as ending:
        with pytest.raises(NotInTime, match=r"^ending hasn't ended within 0\.2 s: it is running\."):
            ending.wait(0.2)
        ending.exec("kill 1")  # it may be killed with the container
        assert ending.wait(30) == 7
        assert ending.wait_for_log("bye").string == "bye"
        with pytest.raises(NotInTime, match="matched 'hello', and it has ended: exited with exit code 7"):
            ending.wait_for_log("hello")


# jobs

store = service(image=IMAGE, command=["httpd", "-f", "-p", "80"], ports=[80])
migration = job(
    image=IMAGE,
    command=["sh", "-c", "wget -qO- http://store/ 2>&1 | grep -o 404; sleep 1; echo migrated"],
    requires=["store"],
)
after = service(**IDLE, requires=["migration"])


def test_a_service_starts_after_the_job_that_it_requires_has_succeeded(migration: Job, after: Service) -> None:
    assert (migration.alias, migration.exit_code, migration.container.status) == ("migration", 0, "exited")
    assert migration.logs() == "404\nmigrated\n"
    assert [line.text for line in migration.log_lines()] == ["404", "migrated"]
    ended = migration.container.state().ended_before
    started = moment(after.container.started_at)
    assert ended is not None
    assert started is not None
    assert ended < started


JOBS = """
import os
from pytest_foodtrucks import job, service

IMAGE = os.environ["EXAMPLE_BUSYBOX_IMAGE"]

migrate = job(image=IMAGE, command=["sh", "-c", "echo migrated by $HOSTNAME"], reset=lambda _: None)
app = service(image=IMAGE, command=["tail", "-f", "/dev/null"], requires=["migrate"], reset=lambda _: None)
"""

USING = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_it(number, app, migrate):
    print(f"container {migrate.container.id}")
    assert migrate.exit_code == 0
    assert "migrated by" in migrate.logs()
    assert number < 3
"""


def test_a_job_is_run_once_for_workers_and_once_for_kept_sessions_and_its_log_is_reported(
    downstream: Downstream, state_home: Path
) -> None:
    state = state_home / f"{downstream.folder.name}-kept"
    downstream.write(conftest=JOBS, test_it=USING)
    seen = set()
    try:
        for options in (["-n2"], []):
            result = downstream.run("--foodtrucks-reuse", f"--foodtrucks-state-dir={state}", "-rP", *options)
            result.assert_outcomes(passed=3, failed=1)
            seen.update(re.findall(r"container ([0-9a-f]{64})", result.stdout.str()))
            result.stdout.re_match_lines(
                [".*foodtrucks log of migrate.*", r"\(exited with exit code 0\)", "migrated by "]
            )
    finally:
        prune = [sys.executable, "-m", "pytest_foodtrucks", "prune", f"--state-dir={state}"]
        subprocess.run(prune, check=True, capture_output=True)
    assert len(seen) == 1
    result.stderr.fnmatch_lines(["*migrate is taken over from the kept stack*", "*app is taken over*"])


BROKEN = """
import os
from pytest_foodtrucks import job, service

IMAGE = os.environ["EXAMPLE_BUSYBOX_IMAGE"]

migrate = job(image=IMAGE, command=["sh", "-c", "echo no such table >&2; exit 3"])
endless = job(image=IMAGE, command=["sh", "-c", "echo still waiting; sleep 60"], timeout=1)
app = service(image=IMAGE, command=["tail", "-f", "/dev/null"], requires=["migrate"])
"""


def test_a_job_that_fails_or_goes_on_is_told_to_whoever_requires_it_with_its_log(downstream: Downstream) -> None:
    downstream.write(conftest=BROKEN, test_it="def test_app(app): pass\ndef test_endless(endless): pass")
    result = downstream.run()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [
            "conftest.py:6: The job migrate failed: it exited with exit code 3. Remedy: mend what its log shows.",
            "*no such table",
            "conftest.py:7: The job endless hasn't ended within 1 s: it is running. Remedy: *",
            "*still waiting",
        ]
    )
