"""What a failed test's report shows of the services."""

import itertools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import pytest

from fakes.engine import FakeEngine
from fakes.logs import WRITTEN
from fakes.session import new_stack, settings
from pytest_foodtrucks.errors import EngineError, NoAnswer, StartError
from pytest_foodtrucks.fixtures.report import message_alone
from pytest_foodtrucks.fixtures.service_logs import log_sections
from pytest_foodtrucks.services.definitions import define
from pytest_foodtrucks.services.network_part import throwaway_network
from pytest_foodtrucks.stacks.opening import clock_warning, kept_message

T = TypeVar("T")


class TalkativeEngine(FakeEngine):
    """An engine whose containers logged a line at WRITTEN, and one a second later."""

    def __init__(self) -> None:
        super().__init__()
        self.log = "early\nlate\n"


def sections(engine: FakeEngine, since: float, error: BaseException | None = None) -> list[tuple[str, str]]:
    """Return the sections where the services `es` and `web` run."""
    stack = new_stack(engine)
    es, web = (define({"image": "busybox"}, alias=alias, folder=Path("/project")) for alias in ("es", "web"))
    with throwaway_network(stack) as net, net.running(es), net.running(web):
        return log_sections(stack, since, error)


def test_each_service_has_a_section_with_what_it_logged_since_then() -> None:
    assert sections(TalkativeEngine(), WRITTEN + 0.5) == [
        ("foodtrucks log of es", "late\n"),
        ("foodtrucks log of web", "late\n"),
    ]


def test_a_service_that_was_silent_isnt_mentioned() -> None:
    assert sections(TalkativeEngine(), WRITTEN + 2.0) == []


def test_nothing_is_shown_from_before_a_service_was_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_foodtrucks.stacks.stack.wall", lambda: WRITTEN + 0.5)
    assert sections(TalkativeEngine(), 0.0)[0] == ("foodtrucks log of es", "late\n")


def test_services_that_the_test_doesnt_use_come_last_in_one_line() -> None:
    engine = TalkativeEngine()
    stack = new_stack(engine)
    es, web, db = (define({"image": "busybox"}, alias=alias, folder=Path("/project")) for alias in ("es", "web", "db"))
    with throwaway_network(stack) as net, net.running(es), net.running(web) as used, net.running(db):
        shown = log_sections(stack, WRITTEN + 0.5, used=lambda service: service is used)
    assert shown[0] == ("foodtrucks log of web", "late\n")
    title, line = shown[1]
    assert title == "foodtrucks: services that this test doesn't use"
    assert re.fullmatch(
        r"logged meanwhile: es \(5 bytes, `docker logs foodtrucks-es-\w+`\), db \(5 bytes, `docker logs .*`\)", line
    )


def test_a_service_that_this_test_started_counts_as_used() -> None:
    stack = new_stack(TalkativeEngine())
    es = define({"image": "busybox"}, alias="es", folder=Path("/project"))
    with throwaway_network(stack) as net, net.running(es):
        assert log_sections(stack, 0.0, used=lambda _: False) == [("foodtrucks log of es", "early\nlate\n")]


def test_the_log_of_one_that_has_ended_is_shown_once_and_then_where_it_was() -> None:
    engine, told = TalkativeEngine(), dict[str, str]()
    stack = new_stack(engine)
    es = define({"image": "busybox"}, alias="es", folder=Path("/project"))
    with throwaway_network(stack) as net, net.running(es) as service:
        engine.kill_container(service.container.id)
        first, second = (log_sections(stack, WRITTEN + 5.0, told=told, test=test) for test in ("one", "two"))
    assert first == [("foodtrucks log of es", "(exited with exit code 0)\nearly\nlate\n")]
    assert second == [("foodtrucks log of es", "(exited with exit code 0; its log is above, with one)")]


def test_a_long_log_is_shown_by_its_head_and_its_tail_and_how_to_get_it_all() -> None:
    engine = TalkativeEngine()
    engine.log = "".join(f"line {number}\n" for number in range(20_000))
    _, log = sections(engine, 0.0)[0]
    assert log.startswith("line 0\nline 1\n")
    assert log.endswith("line 19998\nline 19999\n")
    assert len(log) < 70_000
    assert re.search(
        r"\n… 143 kB left out; while the stack stands `docker logs foodtrucks-es-\w+` shows all, as the service's "
        r"logs\(\) does …\n",
        log,
    )


def test_of_an_endless_log_the_end_is_asked_for_and_what_is_between_isnt_read() -> None:
    class EndlessEngine(FakeEngine):
        """An engine whose containers log more than can be read."""

        def read_log(
            self, container: str, take: Callable[[Iterable[bytes]], T], *, tail: int | str = "all", **_: object
        ) -> T:
            del container
            return take([b"the end\n"] if tail != "all" else itertools.repeat(b"x" * 999 + b"\n"))

    _, log = sections(EndlessEngine(), 0.0)[0]
    assert log.startswith("xxx")
    assert "x\n… more than 8 MB left out; " in log
    assert log.endswith(" …\nthe end\n")


def test_a_log_obeys_no_terminal_and_needs_no_encoding() -> None:
    engine = TalkativeEngine()
    engine.log = "\x1b]52;c;cm0gLXJm\x07caf\ufffd\x1b[2J\n"
    assert sections(engine, 0.0)[0][1] == "\\x1b]52;c;cm0gLXJm\\x07caf\ufffd\\x1b[2J\n"


def test_a_log_that_cant_be_read_doesnt_hide_the_failure() -> None:
    engine = FakeEngine()
    engine.log_error = EngineError("no such container")
    assert sections(engine, 0.0)[0] == ("foodtrucks log of es", "(its log can't be read: no such container)")


@pytest.mark.parametrize(
    ("error", "told"),
    [(ConnectionError("nobody there"), 1), (NoAnswer("away"), 0), (None, 1)],
)
def test_an_engine_that_is_away_is_told_once_and_only_if_nothing_else_told(
    error: BaseException | None, told: int
) -> None:
    engine = FakeEngine()
    engine.log_error = NoAnswer("away")
    assert sections(engine, 0.0, error) == [("foodtrucks logs", "(they can't be read: away)")] * told


def test_lines_are_chosen_by_the_engines_clock() -> None:
    engine = TalkativeEngine()
    engine.clock_difference = 100.0
    assert sections(engine, WRITTEN - 99.5)[0] == ("foodtrucks log of es", "late\n")
    engine.clock_difference = -100.0
    assert sections(engine, WRITTEN + 100.0)[0] == ("foodtrucks log of es", "early\nlate\n")


def test_clocks_that_differ_are_told() -> None:
    assert clock_warning(3.0) is None
    assert "the engine's clock is 7200 s ahead of this machine's" in str(clock_warning(7200.0))
    assert "the engine's clock is 90 s behind this machine's" in str(clock_warning(-90.2))


def raised(error: Exception) -> Callable[[], None]:
    """Return what raises an error."""

    def fail() -> None:
        raise error

    return fail


def test_an_error_of_ours_is_shown_as_its_message_alone() -> None:
    with pytest.raises(StartError) as caught:
        raised(StartError("es ended.", logs="last words"))()
    shown = str(message_alone(caught))
    assert "es ended." in shown
    assert "last words" in shown
    assert "raise error" not in shown


def test_an_error_of_others_is_left_to_pytest() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        raised(ZeroDivisionError())()
    assert message_alone(caught) is None


@pytest.mark.parametrize(
    ("options", "command"),
    [
        ({}, "down"),
        ({"engine": "tcp://one:2375"}, "down --engine=tcp://one:2375"),
        ({"engine": "tcp://hunter2@one:2375"}, "down --engine=tcp://one:2375"),
        ({"state_dir": "/some where"}, "down '--state-dir=/some where'"),
    ],
)
def test_what_removes_a_kept_stack_is_told_with_where_it_is(options: dict[str, str], command: str) -> None:
    assert kept_message(settings(**options)).endswith(f"; `foodtrucks {command}` removes it")


def test_of_several_kept_stacks_of_a_folder_the_one_is_named() -> None:
    assert kept_message(settings(), name="other").endswith("; `foodtrucks down --name other` removes it")


def test_a_kept_stack_of_another_folder_is_removed_there(tmp_path: Path) -> None:
    folder = tmp_path / "my tests"
    assert kept_message(settings(), folder).endswith(f"; `cd '{folder}' && foodtrucks down` removes it")
