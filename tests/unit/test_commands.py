"""The subcommands on an engine in memory: what they show and say, and their exit codes."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from fakes.engine import FakeEngine
from fakes.session import dead
from pytest_foodtrucks import cli
from pytest_foodtrucks.commands import child, exit_codes
from pytest_foodtrucks.commands.arguments import options_given, variables_given
from pytest_foodtrucks.commands.output import coloured
from pytest_foodtrucks.commands.ps import age
from pytest_foodtrucks.commands.records import ServiceRecord, StackRecord, read_record, write_stack_record
from pytest_foodtrucks.commands.variables import shell_lines
from pytest_foodtrucks.engine.labels import NAME_LABEL, OWNER_LABEL, SERVICE_LABEL, SESSION_LABEL
from pytest_foodtrucks.options import OPTIONS
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.stacks.kept_stack import KEPT, KeptStack

PASSWORD = "it's"  # noqa: S105 - of no service


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder of one's own, with a state folder beside it."""
    here = tmp_path / "app"
    here.mkdir()
    (here / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return here


@pytest.mark.parametrize(
    "text", ["filterwarnings = error", "addopts = -W error -p no:warnings", "addopts = --of-a-conftest"]
)
def test_the_options_of_a_folder_are_read_whatever_pytest_makes_of_warnings(text: str, folder: Path) -> None:
    """In a process of its own, where nothing is imported yet; a conftest's own option is nothing to it."""
    (folder / "pytest.ini").write_text(f"[pytest]\nfoodtrucks_es_heap = 600m\n{text}\n")
    code = """
from pytest_foodtrucks.fixtures.folder_options import options_of_folder
root, _, ini = options_of_folder([])
print(root, ini("foodtrucks_es_heap"))
"""
    said = subprocess.run(python(code), capture_output=True, text=True, check=True)
    assert said.stdout == f"{folder} 600m\n"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Return the engine that the command finds."""
    found = FakeEngine()
    monkeypatch.setattr("pytest_foodtrucks.commands.working_folder.find_engine", lambda _, **__: found)
    return found


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return the state folder."""
    return tmp_path / "state/pytest-foodtrucks"


def put(engine: FakeEngine, stack: str, owner: str, services: Mapping[str, int]) -> None:
    """Put a network and services on the engine, each with one port of its own."""
    labels = {SESSION_LABEL: stack, OWNER_LABEL: owner}
    engine.networks[f"{stack}-net"] = {
        "Name": "foodtrucks-net-1",
        "Labels": {**labels, NAME_LABEL: "foodtrucks-net-1"},
        "Containers": {},
    }
    for number, (alias, port) in enumerate(services.items()):
        config = {
            "Image": "busybox",
            "Labels": {**labels, SERVICE_LABEL: alias},
            "HostConfig": {"NetworkMode": "foodtrucks-net-1"},
        }
        container = engine.create_container(f"foodtrucks-{alias}", config)
        engine.start_container(container)
        hosts = [{"HostIp": "127.0.0.1", "HostPort": str(30000 + number)}]
        engine.containers[container]["NetworkSettings"]["Ports"] = {f"{port}/tcp": hosts}


def up(engine: FakeEngine, state: Path, folder: Path, *, name: str = "", **services: ServiceRecord) -> KeptStack:
    """Put the stack on the engine that `foodtrucks up` leaves in a folder."""
    project = f"{folder} ({name})" if name else str(folder)
    session = Session.begin(state)
    stack = KeptStack.on(engine, state, project)
    assert stack.try_to_hold(session.owner, str)
    stack.begin(project, engine.url)
    stack.release()
    ports = {"es": 9200, "foodtrucks-web": 5000, "redis-cache": 6379}
    known = services if services else {"es": ServiceRecord(ports=(9200,)), "foodtrucks-web": ServiceRecord()}
    known = {alias.replace("_", "-"): record for alias, record in known.items()}
    put(engine, stack.id, KEPT, {alias: ports[alias] for alias in known})
    write_stack_record(stack.folder, StackRecord(project=project, command="up", services=known))
    return stack


def test_ps_shows_whose_stacks_are_and_where_services_are(
    engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = up(engine, state, folder)
    living, ended = Session.begin(state), Session.begin(state)
    put(engine, living.id, living.owner_label, {"es": 9200})
    put(engine, ended.id, dead(ended.owner).text(), {"probe": 1})
    put(engine, "0", "elsewhere", {})
    assert cli.main(["ps"]) == exit_codes.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["STACK", "STATE", "BY", "AGE", "OF"]
    by_stack = {line.split()[0]: line.split() for line in lines}
    assert by_stack[kept.id][1:3] == ["kept", "up"]
    assert by_stack[kept.id][-1] == str(folder)
    assert by_stack[living.id][1:3] == ["alive", "pytest"]
    assert by_stack[ended.id][1] == "orphaned"
    assert by_stack["0"][1] == "unknown"
    assert "  foodtrucks-web  running  5000 at 127.0.0.1:30001" in lines
    assert not [line for line in lines if "probe" in line]


def test_ps_writes_json(engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = up(engine, state, folder)
    assert cli.main(["ps", "--json"]) == exit_codes.DONE
    (stack,) = json.loads(capsys.readouterr().out)["stacks"]
    assert stack["age_seconds"] > 0
    assert {**stack, "age_seconds": 0} == {
        "id": kept.id,
        "state": "kept",
        "command": "up",
        "project": str(folder),
        "ready": True,
        "age_seconds": 0,
        "networks": ["foodtrucks-net-1"],
        "services": [
            {
                "alias": "es",
                "container": "foodtrucks-es",
                "image": "busybox",
                "status": "running",
                "url": "http://127.0.0.1:30000",
                "addresses": {"9200": "127.0.0.1:30000"},
            },
            {
                "alias": "foodtrucks-web",
                "container": "foodtrucks-foodtrucks-web",
                "image": "busybox",
                "status": "running",
                "url": "http://127.0.0.1:30001",
                "addresses": {"5000": "127.0.0.1:30001"},
            },
        ],
    }


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (7200, "2h"), (90000, "1d")]
)
def test_an_age_is_shown_by_its_largest_unit(seconds: float, shown: str) -> None:
    assert age(seconds) == shown


def test_env_prints_lines_for_a_shell(
    engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secure = ServiceRecord(scheme="https", ports=(9200,), user="elastic", password=PASSWORD, ca_file="/ca.pem")
    up(engine, state, folder, es=secure, foodtrucks_web=ServiceRecord(), redis_cache=ServiceRecord())
    assert cli.main(["env"]) == exit_codes.DONE
    script = capsys.readouterr().out + "env | grep -E '^(FOODTRUCKS|ELASTICSEARCH)_' | sort"
    said = subprocess.run(
        ["/bin/sh", "-c", script], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == [
        "ELASTICSEARCH_URL=https://127.0.0.1:30000",
        "FOODTRUCKS_ES_CA_FILE=/ca.pem",
        "FOODTRUCKS_ES_PASSWORD=" + PASSWORD,
        "FOODTRUCKS_ES_URL=https://127.0.0.1:30000",
        "FOODTRUCKS_ES_USER=elastic",
        "FOODTRUCKS_NETWORK=foodtrucks-net-1",
        "FOODTRUCKS_REDIS_CACHE_ENDPOINT=127.0.0.1:30002",
        "FOODTRUCKS_WEB_URL=http://127.0.0.1:30001",
    ]


def test_fish_has_its_own_words() -> None:
    assert shell_lines({"A": "it's"}, "fish") == ["set -gx A 'it\\'s'"]


def test_env_as_json(engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    up(engine, state, folder)
    assert cli.main(["env", "--json"]) == exit_codes.DONE
    assert json.loads(capsys.readouterr().out)["FOODTRUCKS_ES_URL"] == "http://127.0.0.1:30000"


@pytest.mark.parametrize("words", [["env"], ["logs"], ["shell"], ["logs", "-f"]])
def test_without_a_stack_a_subcommand_says_so(
    words: list[str], engine: FakeEngine, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert engine.containers == {}
    code = cli.main(words)
    assert code == (exit_codes.COULD_NOT_RUN if words == ["shell"] else exit_codes.NO_STACK)
    assert f"foodtrucks: No stack of {folder} runs. Remedy: foodtrucks up; " in capsys.readouterr().err


def test_a_stack_with_a_name_is_another_one(
    engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    up(engine, state, folder, name="other")
    assert cli.main(["env"]) == exit_codes.NO_STACK
    assert cli.main(["env", "--name", "other"]) == exit_codes.DONE
    assert "FOODTRUCKS_ES_URL" in capsys.readouterr().out


def test_what_a_living_command_has_is_found_too(
    engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session.begin(state)
    put(engine, session.id, session.owner_label, {"es": 9200})
    write_stack_record(session.folder, StackRecord(project=str(folder), command="run", services={}))
    assert cli.main(["env", "--json"]) == exit_codes.DONE
    assert json.loads(capsys.readouterr().out)["ELASTICSEARCH_URL"] == "http://127.0.0.1:30000"


def test_a_service_that_there_is_none_of_is_told(
    engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    up(engine, state, folder)
    assert cli.main(["logs", "db"]) == exit_codes.WRONG_USE
    assert "has no service 'db', only es, foodtrucks-web. Remedy: name one of these." in capsys.readouterr().err


@dataclass
class Opened:
    """What `matrix` asks from: a stack of its own, of which its engine is asked."""

    engine: FakeEngine

    def close(self) -> None:
        """Have nothing to remove."""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["shell"], exit_codes.COULD_NOT_RUN),
        (["logs", "es"], exit_codes.NO_STACK),
        (["logs"], exit_codes.NO_STACK),
        (["env"], exit_codes.NO_STACK),
        (["matrix"], exit_codes.NO_STACK),
    ],
)
def test_a_stack_that_a_failed_start_left_without_a_service_is_told(
    *,
    engine: FakeEngine,
    state: Path,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
) -> None:
    stack = up(engine, state, folder)
    engine.containers.clear()
    write_stack_record(stack.folder, StackRecord(project=str(folder), command="up"))
    monkeypatch.setattr("pytest_foodtrucks.commands.matrix.opened_stack", lambda *_, **__: Opened(engine))
    assert cli.main(words) == code
    assert "has no service. Remedy: start it with `foodtrucks up`." in capsys.readouterr().err


def test_env_knows_a_stack_that_has_networks_alone_because_no_more_was_asked_for(
    engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = up(engine, state, folder)
    engine.containers.clear()
    write_stack_record(stack.folder, StackRecord(project=str(folder), command="up", services={}))
    assert cli.main(["env", "--json"]) == exit_codes.DONE
    assert json.loads(capsys.readouterr().out) == {"FOODTRUCKS_NETWORK": "foodtrucks-net-1"}
    write_stack_record(stack.folder, StackRecord(project=str(folder), command="up"))
    assert cli.main(["env"]) == exit_codes.NO_STACK, "its start failed"


@pytest.mark.parametrize("words", [["ps", "--jso"], ["--versio"], ["up", "--es-versio", "8.19.0"]])
def test_an_option_that_is_cut_short_is_a_wrong_use(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == exit_codes.WRONG_USE
    assert "usage: foodtrucks" in capsys.readouterr().err


def test_logs_of_several_services_begin_with_their_aliases(
    engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    up(engine, state, folder)
    assert cli.main(["logs"]) == exit_codes.DONE
    assert capsys.readouterr().out == "es             | a line of the log\nfoodtrucks-web | a line of the log\n"
    assert cli.main(["logs", "es"]) == exit_codes.DONE
    assert capsys.readouterr().out == "a line of the log\n"


def test_logs_as_json_are_a_document_a_line(
    engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    up(engine, state, folder)
    assert cli.main(["logs", "--json", "es"]) == exit_codes.DONE
    told = json.loads(capsys.readouterr().out)
    assert {**told, "time": ""} == {"service": "es", "time": "", "stream": "stdout", "text": "a line of the log"}


def test_down_removes_the_folders_stack_and_no_other(
    engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, other = up(engine, state, folder), up(engine, state, folder, name="other")
    assert cli.main(["down"]) == exit_codes.DONE
    assert {about["Config"]["Labels"][SESSION_LABEL] for about in engine.containers.values()} == {other.id}
    assert not own.folder.exists()
    assert other.folder.exists()
    assert capsys.readouterr().out == f"removed: the stack of {folder} (3 containers, networks and volumes)\n"
    assert cli.main(["down"]) == exit_codes.DONE, "it may be run again"
    assert capsys.readouterr().out == "there was no stack\n"


def test_down_leaves_what_a_session_uses_and_fails(
    engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = up(engine, state, folder)
    assert stack.try_to_hold(Session.begin(state).owner, str)
    assert cli.main(["down", "--json"]) == exit_codes.FAILED
    assert len(engine.containers) == 2
    told = json.loads(capsys.readouterr().err)
    assert told["error"]["kind"] == "FoodtrucksError"
    assert "a session uses it" in told["error"]["message"]


@pytest.mark.parametrize("patience", ["1ms", "0.001", "0"])
def test_wait_ends_when_the_stack_is_ready(engine: FakeEngine, state: Path, folder: Path, patience: str) -> None:
    up(engine, state, folder)
    assert cli.main(["wait", "--timeout", patience]) == exit_codes.DONE


@pytest.mark.usefixtures("engine", "state")
def test_a_plain_number_is_seconds_to_wait(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["wait", "--timeout", "0.25", "--json"]) == exit_codes.NOT_IN_TIME
    assert "isn't ready after 0.25 s" in capsys.readouterr().err


def test_a_url_is_shown_where_it_is_known_what_the_service_speaks(
    engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    up(engine, state, folder, es=ServiceRecord(scheme="https"), redis_cache=ServiceRecord())  # no `scheme`
    assert cli.main(["wait"]) == exit_codes.DONE
    assert capsys.readouterr().out.splitlines()[1:] == [
        "es  https://127.0.0.1:30000",
        "redis-cache  6379 at 127.0.0.1:30001",
    ]
    up(engine, state, folder, name="other", redis_cache=ServiceRecord(scheme="redis"))
    assert cli.main(["wait", "--name", "other"]) == exit_codes.DONE
    assert capsys.readouterr().out.splitlines()[1:] == ["redis-cache  redis://127.0.0.1:30000"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ps", "--jso", "--json"], "unrecognized arguments: --jso"),
        (["prune", "--older-than", "24", "--json"], "argument --older-than: "),
        (["ps", "--json=1"], "argument --json: ignored explicit argument '1'"),
        (["--json"], "the following arguments are required: SUBCOMMAND"),
        (["run", "--json"], "run needs a command behind --"),
    ],
)
def test_a_wrong_use_is_json_where_that_is_asked_for(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == exit_codes.WRONG_USE
    said = json.loads(capsys.readouterr().err)["error"]
    assert said["kind"] == "WrongUse"
    assert said["message"].startswith(told)


@pytest.mark.parametrize("ill", ["none", "begun", "exited", "gone", "unhealthy"])
def test_wait_tells_what_it_waited_for(
    ill: str, engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if ill != "none":
        stack = up(engine, state, folder)
        first = next(iter(engine.containers))
        if ill == "begun":
            write_stack_record(stack.folder, StackRecord(project=str(folder), command="up"))
        elif ill == "exited":
            engine.kill_container(first)
        elif ill == "gone":
            engine.remove_container(first)
        else:
            engine.containers[first]["State"]["Health"] = {"Status": "unhealthy"}
    assert cli.main(["wait", "--timeout", "1ms"]) == exit_codes.NOT_IN_TIME
    words = {
        "none": "No stack of",
        "begun": "is being started, or its start failed, or pytest left it",
        "exited": "es is exited",
        "gone": "es is gone",
    }
    assert words.get(ill, "es is unhealthy") in capsys.readouterr().err


def test_a_password_is_written_for_this_user_alone(state: Path) -> None:
    session = Session.begin(state)
    record = StackRecord(project="p", command="up", services={"es": ServiceRecord(password=PASSWORD, ports=(1,))})
    write_stack_record(session.folder, record)
    (file,) = [each for each in session.folder.iterdir() if PASSWORD in each.read_text()]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_record(session.folder) == record
    assert PASSWORD not in repr(record)


def test_prune_as_json(engine: FakeEngine, state: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    up(engine, state, folder)
    assert cli.main(["prune", "--json"]) == exit_codes.DONE
    done = json.loads(capsys.readouterr().out)["done"]
    assert {name: done[0][name] for name in ("action", "what", "count", "project")} == {
        "action": "removed",
        "what": "kept stack",
        "count": 3,
        "project": str(folder),
    }


# init


def test_init_writes_a_suite_and_nothing_over_what_is_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "conftest.py").write_text("MINE = 1\n")
    assert cli.main(["init", "--json"]) == exit_codes.DONE
    told = json.loads(capsys.readouterr().out)
    assert told == {"written": ["test_stack.py", ".github/workflows/tests.yml"], "left": ["conftest.py"]}
    assert (folder / "conftest.py").read_text() == "MINE = 1\n"
    before = (folder / "test_stack.py").read_text()
    assert cli.main(["init"]) == exit_codes.DONE
    assert (folder / "test_stack.py").read_text() == before
    assert "left: test_stack.py, which is there" in capsys.readouterr().out


# run's program


def test_the_options_that_were_given_are_handed_on_by_their_variables() -> None:
    words = ["run", "--es-version", "8.19.0", "--foodtrucks-es-heap=600m"]
    given = cli.parser_for(["run"]).parse_args(words)
    assert variables_given(given) == {"FOODTRUCKS_ES_VERSION": "8.19.0", "FOODTRUCKS_ES_HEAP": "600m"}


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_programs_exit_code_is_ours() -> None:
    assert child.run(python("raise SystemExit(7)"), os.environ) == 7


def test_a_signal_that_ends_it_is_128_and_its_number() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert child.run(python(code), os.environ) == exit_codes.by_signal(signal.SIGKILL)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGINT", "SIGQUIT"])
def test_a_signal_is_handed_on(name: str) -> None:
    """The program ends with 3 when it gets the signal, and sends it to us before."""
    code = (
        "import os, signal, time, sys\n"
        f"signal.signal(signal.{name}, lambda *_: sys.exit(3))\n"
        f"os.kill(os.getppid(), signal.{name})\n"
        "time.sleep(20)\n"
    )
    ours = f"""
import os, signal
from pytest_foodtrucks.commands import child
signal.signal(signal.{name}, signal.SIG_DFL)  # nohup's and a shell's & leave some ignored
raise SystemExit(child.run({python(code)!r}, os.environ))
"""
    ended = subprocess.run(python(ours), start_new_session=True, check=False)
    assert ended.returncode == 3


def test_a_program_that_cannot_be_run_is_126_and_one_that_is_not_there_127(folder: Path) -> None:
    (folder / "data").write_text("no program")
    assert child.run([str(folder / "data")], os.environ) == exit_codes.NOT_EXECUTABLE
    assert child.run([str(folder / "nothing")], os.environ) == exit_codes.NOT_FOUND


def test_run_without_a_command_is_a_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run"]) == exit_codes.WRONG_USE
    assert "behind --" in capsys.readouterr().err


def test_run_starts_nothing_for_a_command_that_there_is_none_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--", "no-such-program"]) == exit_codes.NOT_FOUND
    assert "no-such-program: there is no such command" in capsys.readouterr().err


def test_run_starts_nothing_for_what_is_no_program(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "notes.txt").write_text("")
    monkeypatch.chdir(folder)
    assert cli.main(["run", "--", str(folder / "notes.txt")]) == exit_codes.NOT_EXECUTABLE
    assert "notes.txt: it is no program" in capsys.readouterr().err
    assert cli.main(["run", "--", "notes.txt"]) == exit_codes.NOT_FOUND, "a name alone is looked for on the PATH"


# options


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["--es-heap", "1g"], ["--foodtrucks-es-heap=1g"]),
        (["--foodtrucks-es-heap=1g"], ["--foodtrucks-es-heap=1g"]),
        (["--es-ml"], ["--foodtrucks-es-ml"]),
        (["--no-es-ml"], ["--no-foodtrucks-es-ml"]),
        (["--no-foodtrucks-es-ml"], ["--no-foodtrucks-es-ml"]),
    ],
)
def test_an_option_is_given_to_pytest(words: list[str], given: list[str]) -> None:
    assert list(options_given(cli.parser_for(["up"]).parse_args(["up", *words]))) == given


def test_up_has_each_option_but_the_one_that_it_decides_itself() -> None:
    for option in OPTIONS:
        words = [f"--{option.name}"] if option.switch else [f"--{option.name}=x"]
        if option.name != "reuse":
            assert list(options_given(cli.parser_for(["up"]).parse_args(["up", *words])))


# help and completion


@pytest.mark.parametrize("name", cli.SUBCOMMANDS)
def test_each_subcommand_has_help_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([name, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "examples:\n" in shown
    assert "--json" in shown


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("foodtrucks ", "matrix"),
        ("foodtrucks up --fore", "--foreground"),
        ("foodtrucks up --es-v", "--es-version"),
        ("foodtrucks up e", "es"),
        ("foodtrucks completion f", "fish"),
    ],
)
def test_a_line_is_completed(line: str, found: str, tmp_path: Path) -> None:
    out = tmp_path / "completions"
    environ = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(out),
        "_ARGCOMPLETE_IFS": "\n",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "DOCKER_HOST": "unix:///no/such/socket",
    }
    command = [sys.executable, "-m", "pytest_foodtrucks"]
    subprocess.run(command, env=environ, check=True, capture_output=True)
    assert found in [each.strip() for each in out.read_text().split("\n")]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == exit_codes.DONE
    assert "foodtrucks" in capsys.readouterr().out


def test_colours_are_for_terminals_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert coloured("up", "green", Terminal()) == "\x1b[32mup\x1b[0m"
    assert coloured("up", "green", StringIO()) == "up"
    monkeypatch.setenv("NO_COLOR", "1")
    assert coloured("up", "green", Terminal()) == "up"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert coloured("up", "green", Terminal()) == "up"
