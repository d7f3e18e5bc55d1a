"""Parts of a stack that outlive their fixture: taken over, or replaced for a reason that is said."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.engine import FakeEngine
from fakes.session import keep, settings
from fakes.things import Thing
from pytest_foodtrucks.containers.progress import Progress
from pytest_foodtrucks.errors import StartError
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.stacks.kept_stack import KeptStack
from pytest_foodtrucks.stacks.parts import shared
from pytest_foodtrucks.stacks.stack import Stack

RunSession = Callable[[Thing], str]


@pytest.fixture
def session(tmp_path: Path) -> RunSession:
    """Return a function that is a session with a kept stack: it asks for a thing and returns what was said."""

    def run(thing: Thing) -> str:
        session = Session.begin(tmp_path)
        engine = FakeEngine()
        kept = keep(session, engine)
        said = io.StringIO()
        stack = Stack(engine, settings(), progress=Progress(said), session=session)
        try:
            with shared(stack, thing) as value:
                assert value == "it"
        finally:
            stack.close()
            kept.release()
        return said.getvalue().replace("foodtrucks: ", "").strip()

    return run


def test_what_was_kept_is_taken_over(session: RunSession) -> None:
    thing = Thing()
    assert session(thing) == ""
    assert session(thing) == "the thing is taken over from the kept stack"
    assert thing.done == ["clear", "start", "take over"]


def test_what_is_made_from_something_else_is_replaced_and_the_reason_said(session: RunSession) -> None:
    session(Thing({"command": "sleep", "image": "a", "seed": "s"}))
    thing = Thing({"command": "sleep", "image": "b", "seed": "t"})
    assert session(thing) == "the thing of the kept stack is replaced: its image and its seed changed"
    assert thing.done == ["clear it", "start"]
    assert session(thing) == "the thing is taken over from the kept stack"


def test_what_is_not_well_is_replaced_and_the_reason_said(session: RunSession) -> None:
    session(Thing())
    thing = Thing(well=False)
    assert session(thing) == "the thing of the kept stack is replaced: it is exited"
    assert thing.done == ["clear it", "start"]


def test_a_start_that_fails_is_not_kept(session: RunSession) -> None:
    class Failing(Thing):
        def start(self) -> str:
            raise StartError("no")

    with pytest.raises(StartError):
        session(Failing())
    thing = Thing()
    assert session(thing) == ""
    assert thing.done == ["clear", "start"]


def test_what_changes_while_it_is_started_is_not_kept(session: RunSession) -> None:
    class Moving(Thing):
        """Something whose image's tag is moved while it starts."""

        def start(self) -> str:
            self.words = {"image": "b"}
            return super().start()

    thing = Moving({"image": "a"})
    assert session(thing) == "the thing isn't kept: its image changed while it was started"
    assert session(thing) == ""
    assert session(thing) == "the thing is taken over from the kept stack"
    assert thing.done == ["clear", "start", "clear", "start", "take over"]


def test_what_cant_be_put_back_isnt_kept_and_the_reason_is_said(session: RunSession) -> None:
    thing = Thing(why_not_kept="it has no lid")
    for _ in range(2):
        assert session(thing) == "the thing isn't kept for the next session: it has no lid"
    assert thing.done == ["clear", "start", "clear", "start"]


def test_what_was_kept_once_and_no_longer_is_goes(session: RunSession) -> None:
    session(Thing())
    thing = Thing(why_not_kept="it has no lid")
    session(thing)
    session(thing)
    assert thing.done == ["clear it", "start", "clear", "start"]


def test_without_a_kept_stack_workers_start_it_and_say_nothing(tmp_path: Path) -> None:
    thing, said = Thing(), io.StringIO()
    stack = Stack(FakeEngine(), settings(), progress=Progress(said), session=Session.begin(tmp_path), worker="gw0")
    for _ in range(2):
        with shared(stack, thing):
            pass
    assert thing.done == ["clear", "start"]
    assert said.getvalue() == ""


def test_values_are_not_written_to_the_state_folder(session: RunSession, tmp_path: Path) -> None:
    session(Thing({"environment": {"TOKEN": "a secret"}}))
    [kept] = tmp_path.glob("kept/*/")
    assert "secret" not in "".join(file.read_text() for file in kept.iterdir())
    assert any(KeptStack(kept).records())
