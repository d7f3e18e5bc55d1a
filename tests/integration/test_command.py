"""The command, from the wheel in an environment of its own: on terminals and by pipes, with real containers."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import ROOT, install
from .terminal import OwnTerminal, Screen, run_on_terminal
from .test_ways_out import gone

TRUCKS = 733

ECHO = """
import os
from pytest_foodtrucks import service

echo = service(
    image=os.environ["EXAMPLE_BUSYBOX_IMAGE"],
    command=["sh", "-c", "echo begun; trap exit TERM; nc -ll -p 7000 -e cat & wait"],
    ports=[7000],
)
"""

BESIDE = "service(image=os.environ['EXAMPLE_BUSYBOX_IMAGE'], command=['sleep', '60'])"

BORROWS = """
import os

def test_it_is_the_one_of_run(echo, beside, foodtrucks_net):
    assert echo.endpoint == os.environ["FOODTRUCKS_ECHO_ENDPOINT"]
    assert foodtrucks_net.name == os.environ["FOODTRUCKS_NETWORK"]
    assert beside.exec(["ping", "-c", "1", "echo"]).exit_code == 0
"""

BORROWS_SECURED = """
import os
from pathlib import Path

import elasticsearch
import pytest

def test_it_is_the_one_of_run(es_on_net, foodtrucks_net):
    assert es_on_net.url == os.environ["FOODTRUCKS_ES_URL"]
    assert foodtrucks_net.name == os.environ["FOODTRUCKS_NETWORK"]
    print(es_on_net.container.name)

def test_its_user_and_its_authority_are_those_of_run(es_on_net):
    user, password = es_on_net.auth
    assert (user, str(password)) == (os.environ["FOODTRUCKS_ES_USER"], os.environ["FOODTRUCKS_ES_PASSWORD"])
    assert es_on_net.ca_file.samefile(os.environ["FOODTRUCKS_ES_CA_FILE"])

def test_the_client_gets_in_and_verifies(es_on_net, es_client, es_index):
    (node,) = es_client.transport.node_pool.all()
    assert node.config.verify_certs
    with elasticsearch.Elasticsearch(es_on_net.url, basic_auth=es_on_net.auth, max_retries=0) as strange:
        with pytest.raises(elasticsearch.SSLError):
            strange.cluster.health()
    es_client.options(request_timeout=120).index(index=es_index, document={"dish": "taco"}, refresh=True)
    assert es_client.count(index=es_index)["count"] == 1
    assert es_on_net.http.get("/_security/_authenticate").json()["username"] == es_on_net.auth[0]

def test_no_process_shows_its_password(es_on_net):
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(process.read_bytes().decode(errors="replace"))
        except OSError:  # it has ended
            pass
    assert any("pytest" in line for line in lines), "the control: this process is seen"
    assert not any(str(es_on_net.auth[1]) in line for line in lines)
"""

ASK = """
import json, os, ssl, subprocess, sys, urllib.error, urllib.request
from base64 import b64encode

url, user = os.environ["FOODTRUCKS_ES_URL"], os.environ["FOODTRUCKS_ES_USER"]
password = os.environ["FOODTRUCKS_ES_PASSWORD"]
context = ssl.create_default_context(cafile=os.environ["FOODTRUCKS_ES_CA_FILE"])

def asked(**headers):
    request = urllib.request.Request(f"{url}/_security/_authenticate", headers=headers)
    return json.load(urllib.request.urlopen(request, context=context))

try:
    without = asked()
except urllib.error.HTTPError as error:
    without = str(error.code)

def said(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

print(json.dumps({
    "user": user,
    "password": password,
    "me": asked(Authorization="Basic " + b64encode(f"{user}:{password}".encode()).decode())["username"],
    "without": without,
    "processes": said("ps", "-eo", "args"),
    "ps": said(sys.argv[1], "ps", "--json"),
    "logs": said(sys.argv[1], "logs", "es"),
    "env": said(sys.argv[1], "env", "--json"),
}))
"""

SEARCH = """
import assert from "node:assert";
import { test } from "node:test";

const es = process.env.ELASTICSEARCH_URL;

test("a search finds what was put in", async () => {
  await fetch(`${es}/menu/_doc/1?refresh=true`, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ dish: "taco" }),
  });
  const answer = await fetch(`${es}/menu/_search?q=dish:taco`);
  assert.equal((await answer.json()).hits.total.value, 1);
});
"""


def readme_test() -> str:
    """Return the README's first Python block: the five-line test."""
    return (ROOT / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]


class Command:
    """The command in a folder; its stacks have a state folder of their own."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = str(program)
        self.folder = folder
        self.environ = {
            name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTEST_ADDOPTS"}
        }

    def __call__(self, *words: str, code: int = 0, typed: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Run it by pipes, and see its exit code."""
        ended = subprocess.run(
            [self.program, *words],
            cwd=self.folder,
            env=self.environ,
            input=typed,
            stdin=subprocess.DEVNULL if typed is None else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended

    def json(self, *words: str) -> object:
        """Run it, and return what it wrote for programs."""
        return json.loads(self(*words, "--json").stdout)

    def on_terminal(self, *words: str) -> str:
        """Run it on a terminal, and return what it wrote."""
        return run_on_terminal([self.program, *words], folder=self.folder, environ=self.environ)

    def typed_into(self, *words: str) -> OwnTerminal:
        """Start it on a terminal of its own."""
        return OwnTerminal([self.program, *words], folder=self.folder, environ=self.environ)

    @contextmanager
    def started(self, *words: str) -> "Iterator[subprocess.Popen[str]]":
        """Start it and go on; it is killed at the end, and after two minutes: nobody waits for it without end."""
        with subprocess.Popen(
            [self.program, *words], cwd=self.folder, env=self.environ, stdout=subprocess.PIPE, text=True
        ) as process:
            limit = threading.Timer(120, process.kill)
            limit.start()
            try:
                yield process
            finally:
                limit.cancel()
                process.kill()


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the command of an environment that has the wheel and what it requires, and nothing else."""
    venv = tmp_path_factory.mktemp("command") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    install(["--python", str(venv / "bin/python")], str(wheel))
    return venv / "bin/foodtrucks"


@pytest.fixture(scope="module")
def command(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """Return the command in a repository that `init` filled, with a stack that `up` left there, by a terminal."""
    folder = tmp_path_factory.mktemp("repository")
    found = Command(program, folder)
    found("init")
    try:
        said = found.on_terminal("up")
        assert "start es_on_net" in said, "the control: progress is shown on a terminal"
        assert "foodtrucks-web  http://127.0.0.1:" in "\n".join(Screen(said).lines)
        yield found
    finally:
        found("down")
    assert found("env", code=3).stdout == ""


@pytest.fixture
def cheap(program: Path, tmp_path: Path, nothing_left: None) -> Command:
    """Return the command in a folder whose only service of its own starts at once; nothing is left at the end."""
    del nothing_left
    (tmp_path / "conftest.py").write_text(ECHO)
    return Command(program, tmp_path)


# one stack that stays


def test_up_leaves_the_app_with_its_trucks(command: Command) -> None:
    """Its terminal is gone; a program finds it by the variables."""
    script = 'eval "$("$0" env)"; exec "$1" -c "$2"'
    count = """
import json, os, urllib.request
print(json.load(urllib.request.urlopen(os.environ["ELASTICSEARCH_URL"] + "/trucks/_count"))["count"])
print(urllib.request.urlopen(os.environ["FOODTRUCKS_WEB_URL"]).status)
"""
    run = ["sh", "-c", script, command.program, sys.executable, count]
    said = subprocess.run(run, cwd=command.folder, env=command.environ, capture_output=True, text=True, check=True)
    assert said.stdout.split() == [str(TRUCKS), "200"]


def test_ps_finds_it(command: Command) -> None:
    found = command.json("ps")
    assert isinstance(found, dict)
    (stack,) = [stack for stack in found["stacks"] if stack["project"] == str(command.folder)]
    assert (stack["state"], stack["command"], stack["ready"]) == ("kept", "up", True)
    assert [(each["alias"], each["status"], list(each["addresses"])) for each in stack["services"]] == [
        ("es", "running", ["9200", "9300"]),
        ("foodtrucks-web", "running", ["5000"]),
    ]
    assert "\x1b[32mkept\x1b[0m" in command.on_terminal("ps")
    assert "\x1b" not in command("ps").stdout


def test_up_once_more_takes_it_over_with_what_was_put_in(command: Command) -> None:
    before = command.json("env")
    assert isinstance(before, dict)
    put = f"import urllib.request as u; u.urlopen(u.Request('{before['FOODTRUCKS_ES_URL']}/mine', method='PUT'))"
    subprocess.run([sys.executable, "-c", put], check=True)
    command("up")
    assert command.json("env") == before
    subprocess.run(
        [sys.executable, "-c", f"import urllib.request as u; u.urlopen('{before['FOODTRUCKS_ES_URL']}/mine')"],
        check=True,
    )


def test_pytest_takes_it_over_and_is_green(command: Command) -> None:
    """What `init` wrote passes, on the stack of `up`."""
    pytest_program = [str(Path(command.program).with_name("pytest")), "--foodtrucks-reuse", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        pytest_program, cwd=command.folder, env=command.environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 passed" in ended.stdout
    assert "es is taken over from the kept stack" in ended.stderr


def test_wait_ends_at_once(command: Command) -> None:
    assert "foodtrucks-web  http://" in command("wait", "--timeout", "1s").stdout


def test_logs_are_shown_and_followed(command: Command) -> None:
    assert "started" in command("logs", "es").stdout
    (line,) = command("logs", "--json", "--tail", "1", "es").stdout.splitlines()
    assert json.loads(line)["service"] == "es"
    with command.started("logs", "-f", "--tail", "0") as process:
        time.sleep(1)  # for its first question; what is logged before is not followed
        web = command.json("env")
        assert isinstance(web, dict)
        asking = f"import urllib.request as u; u.urlopen('{web['FOODTRUCKS_WEB_URL']}/nowhere')"
        assert process.stdout is not None
        subprocess.run([sys.executable, "-c", asking], check=False, capture_output=True)
        assert process.stdout.readline() != ""
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0


def test_the_matrix_of_it(command: Command) -> None:
    lines = command("matrix").stdout.splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["es", "foodtrucks-web"],
        ["es", ".", "."],
        ["foodtrucks-web", ".", "."],
        ["the", "default", "bridge", "X", "X"],
    ]


def test_a_shell_by_a_pipe_and_on_a_terminal(command: Command) -> None:
    assert command("shell", "es", typed="echo here is $((40 + 2)); exit 3\n", code=3).stdout == "here is 42\n"
    terminal = command.typed_into("shell", "es")
    terminal.type("stty size; exit 4\r")
    assert terminal.end() == 4
    assert "40 120" in terminal.written


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_an_option_and_a_service(command: Command, shell: str) -> None:
    terminal = OwnTerminal(
        [f"/usr/bin/{shell}", *(["--norc", "-i"] if shell == "bash" else ["-f", "-i"])],
        folder=command.folder,
        environ={**command.environ, "PATH": f"{Path(command.program).parent}:{os.environ['PATH']}", "PS1": "> "},
    )
    begin = "autoload -U compinit; compinit -u -D; " if shell == "zsh" else ""
    terminal.type(f'{begin}eval "$(foodtrucks completion {shell})"; echo loa""ded\r')
    terminal.wait_for("loaded")
    for begun, whole in (("foodtrucks up --foreg", "--foreground"), ("foodtrucks logs food", "foodtrucks-web")):
        terminal.type(f"{begun}\t\x01echo got: \r")  # what was completed is shown by a command of its own
        terminal.wait_for(f"got: {begun.rpartition(' ')[0]} {whole}")
    terminal.type("exit\r")
    terminal.end()


def test_fish_completes_an_option_and_a_service(command: Command) -> None:
    """Asked as its tab key asks."""
    asked = "complete -C 'foodtrucks up --foreg'; complete -C 'foodtrucks logs food'"
    code = f"foodtrucks completion fish | source; {asked}"
    environ = {**command.environ, "PATH": f"{Path(command.program).parent}:{os.environ['PATH']}"}
    said = subprocess.run(
        ["/usr/bin/fish", "--no-config", "-c", code],
        cwd=command.folder,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.partition("\t")[0] for line in said.stdout.split("\n") if line] == ["--foreground", "foodtrucks-web"]


# a secured server


@pytest.fixture
def secured(tmp_path: Path, nothing_left: None) -> Command:
    """Return the command of an environment with the extra `tls`, in an empty folder; nothing is left at the end."""
    del nothing_left
    return Command(Path(sys.executable).with_name("foodtrucks"), tmp_path)


def seen_inside(said: str) -> dict[str, str]:
    """Return what a program said that may ask a secured Elasticsearch, after a look at what it saw beside that."""
    seen: dict[str, str] = json.loads(said.splitlines()[-1])
    assert seen["me"] == seen["user"]
    assert seen["without"] == "401"
    for name in ("processes", "ps", "logs"):
        assert seen[name], f"the control: {name} says something"
        assert seen["password"] not in seen[name], name
    assert json.loads(seen["env"])["FOODTRUCKS_ES_PASSWORD"] == seen["password"]
    return seen


@pytest.mark.slow
def test_a_pytest_takes_over_a_secured_server_and_another_program_asks_it_afterwards(secured: Command) -> None:
    """By its client with verification, and by Python's urllib; neither removes it, nobody else sees the password."""
    (secured.folder / "test_it.py").write_text(BORROWS_SECURED)
    (secured.folder / "ask.py").write_text(ASK)
    suite = f"{sys.executable} -m pytest -p no:cacheprovider -rA"
    beside = ("sh", "-c", f"{suite} && {sys.executable} ask.py {secured.program} 2>&1")
    run = secured("run", "--services", "es", "--es-security=tls", "--", *beside)
    assert "4 passed" in run.stdout
    assert run.stderr.count("es is taken over from `foodtrucks run`") == 1
    seen = seen_inside(run.stdout)
    assert seen["password"] not in run.stderr + run.stdout.rpartition("\n{")[0]
    (stack,) = [each for each in json.loads(seen["ps"])["stacks"] if each["project"] == str(secured.folder)]
    (service,) = stack["services"]
    assert service["container"] in run.stdout.splitlines()


@pytest.mark.slow
def test_a_program_asks_a_secured_server_that_up_left_and_nobody_else_sees_the_password(secured: Command) -> None:
    try:
        up = secured("up", "es", "--es-security=tls", "--json")
        curl = (
            'eval "$("$0" env)"; curl --silent --fail --cacert "$FOODTRUCKS_ES_CA_FILE" --config - "$ELASTICSEARCH_URL'
        )
        login = 'user = "$FOODTRUCKS_ES_USER:$FOODTRUCKS_ES_PASSWORD"'
        script = f'{curl}/_security/_authenticate" <<END\n{login}\nEND'
        asked = subprocess.run(
            ["/bin/sh", "-c", script, secured.program],
            cwd=secured.folder,
            env=secured.environ,
            capture_output=True,
            text=True,
            check=True,
        )
        found = secured.json("env")
        assert isinstance(found, dict)
        assert json.loads(asked.stdout)["username"] == found["FOODTRUCKS_ES_USER"]
        told = [
            up.stdout + up.stderr,
            *(secured(*words).stdout for words in (["ps", "--json"], ["logs", "es"], ["wait"])),
        ]
        assert not [each for each in told if found["FOODTRUCKS_ES_PASSWORD"] in each]
    finally:
        secured("down")


# stacks that go


def test_run_gives_a_suite_in_another_language_its_stack_and_the_readmes_test_too(
    command: Command, tmp_path: Path, nothing_left: None
) -> None:
    """By a stack of its own: the one of `up` in the same folder is left alone."""
    del nothing_left
    (tmp_path / "search.test.mjs").write_text(SEARCH)
    readme = command.folder / "test_readme.py"
    readme.write_text(readme_test(), encoding="utf-8")
    python = Path(command.program).with_name("python")
    script = f"node --test {tmp_path}/search.test.mjs && {python} -m pytest -p no:cacheprovider test_readme.py"
    ran = command("run", "--services", "es", "--", "sh", "-c", script)
    readme.unlink()
    assert "# pass 1" in ran.stdout
    assert "1 passed" in ran.stdout
    assert "es is taken over from `foodtrucks run`" in ran.stderr


def test_runs_program_gets_ctrl_c_once_and_its_exit_code_is_the_commands(cheap: Command) -> None:
    code = "trap 'echo heard; exit 3' INT; echo ready; while :; do sleep 0.1; done"
    terminal = cheap.typed_into("run", "--services", "echo", "--", "sh", "-c", code)
    terminal.wait_for("ready")
    terminal.type("\x03")
    assert terminal.end() == 3
    assert terminal.written.count("heard") == 1


def test_runs_program_finds_a_service_of_the_folders_own(cheap: Command) -> None:
    said = cheap(
        "run",
        "--services",
        "echo",
        "--",
        "sh",
        "-c",
        "echo $FOODTRUCKS_NETWORK $FOODTRUCKS_ECHO_ENDPOINT; echo $PYTEST_CURRENT_TEST; exit 7",
        code=7,
    )
    (network, endpoint), (test, _) = (line.split() for line in said.stdout.splitlines())
    assert test == os.environ["PYTEST_CURRENT_TEST"].split()[0], "this test's own variable, none of the stack's session"
    assert network.startswith("foodtrucks-net-")
    assert endpoint.startswith("127.0.0.1:")


def test_a_pytest_takes_over_what_run_started_and_adds_what_it_needs(cheap: Command) -> None:
    """Twice, also below another run, which has a stack of its own; and each removes only what is its own."""
    (cheap.folder / "conftest.py").write_text(f"{ECHO}\nbeside = {BESIDE}")
    (cheap.folder / "test_it.py").write_text(BORROWS)
    python = str(Path(cheap.program).with_name("python"))
    suite = f"{python} -m pytest -p no:cacheprovider"
    run = ["run", "--services", "echo", "--"]
    said = cheap(*run, cheap.program, *run, "sh", "-c", f"{suite} && {suite} && {cheap.program} ps --json")
    assert said.stdout.count("1 passed") == 2
    assert said.stderr.count("echo is taken over from `foodtrucks run`") == 2
    stacks = json.loads(said.stdout.splitlines()[-1])["stacks"]
    ours = [stack for stack in stacks if stack["project"] == str(cheap.folder)]
    assert [[service["alias"] for service in stack["services"]] for stack in ours] == [["echo"], ["echo"]]


@pytest.mark.parametrize(
    ("words", "ready"),
    [
        (["run", "--services", "echo", "--", "sh", "-c", "echo ready; exec sleep 60"], "ready"),
        (["up", "echo", "--foreground"], "echo  7000 at 127.0.0.1:"),
    ],
)
def test_what_a_killed_command_had_goes(
    cheap: Command, words: Sequence[str], ready: str, ours_on_engine: Callable[[], set[str]]
) -> None:
    before = ours_on_engine()
    with cheap.started(*words) as process:
        assert process.stdout is not None
        while ready not in (line := process.stdout.readline()):
            assert line, f"it ended before it wrote {ready!r}"
        assert ours_on_engine() - before, "the control: something was there"
        process.kill()
    assert gone(lambda: ours_on_engine() - before)


def test_up_in_the_foreground_shows_logs_and_goes_with_ctrl_c(cheap: Command) -> None:
    terminal = cheap.typed_into("up", "--foreground", "echo")
    terminal.wait_for("echo  7000 at 127.0.0.1:")
    found = cheap.json("ps")
    assert isinstance(found, dict)
    (stack,) = [stack for stack in found["stacks"] if stack["project"] == str(cheap.folder)]
    assert (stack["state"], stack["command"]) == ("alive", "up")
    assert cheap("logs", "echo").stdout == "begun\n"
    terminal.type("\x03")
    assert terminal.end() == 130


def test_two_at_once_do_not_collide(cheap: Command) -> None:
    """One by its name; what nothing can put back stays too."""
    with cheap.started("up", "echo") as one, cheap.started("up", "echo", "--name", "other") as other:
        assert (one.wait(), other.wait()) == (0, 0)
    first, second = cheap.json("wait"), cheap.json("wait", "--name", "other")
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert first["services"][0]["addresses"] != second["services"][0]["addresses"]
    cheap("down")
    assert isinstance(cheap.json("env", "--name", "other"), dict)
    cheap("down", "--name", "other")


def test_what_no_factory_made_cannot_stay(cheap: Command) -> None:
    (cheap.folder / "conftest.py").write_text(
        ECHO
        + """
import pytest

@pytest.fixture(scope="session")
def web_on_net(foodtrucks_net):
    image = os.environ["EXAMPLE_BUSYBOX_IMAGE"]
    with foodtrucks_net.service(image=image, command=["sleep", "60"], aliases=["web"]) as web:
        yield web
"""
    )
    assert "web would go with this command" in cheap("up", "web_on_net", code=1).stderr
    cheap("down")
