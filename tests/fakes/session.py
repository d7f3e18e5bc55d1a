"""A session's settings, stack and owner, on an engine in memory."""

import shutil
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_foodtrucks.containers.progress import Progress
from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.fixtures.stash import STACK, settings_of, worker_id
from pytest_foodtrucks.options import OPTIONS
from pytest_foodtrucks.sessions.owners import Owner
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.settings import Settings, read_settings
from pytest_foodtrucks.stacks.kept_choice import choose_kept_stack
from pytest_foodtrucks.stacks.kept_stack import KeptStack
from pytest_foodtrucks.stacks.stack import Stack

from .engine import FakeEngine


def settings(**options: str) -> Settings:
    """Return settings with some options set as on the command line, by their fields' names."""
    assert options.keys() <= {option.field for option in OPTIONS}
    return read_settings(options.get, {}, lambda _: None)


def new_stack(engine: Engine | None = None, **options: str) -> Stack:
    """Return a stack on an engine in memory."""
    return Stack(
        engine if engine is not None else FakeEngine(),
        settings(**options),
        progress=Progress(None),
        session=new_session(),
    )


def new_session() -> Session:
    """Return a session of this process; its folder goes with it."""
    state = Path(tempfile.mkdtemp())
    session = Session.begin(state)
    weakref.finalize(session, shutil.rmtree, state, ignore_errors=True)
    return session


def keep(session: Session, engine: Engine, project: str = "/app") -> KeptStack:
    """Hold a project's kept stack on an engine for a session."""
    stack = choose_kept_stack(session, engine, project)
    assert stack is not None
    return stack


def dead(owner: Owner) -> Owner:
    """Return an owner whose process has ended: somebody else has its number."""
    return replace(owner, process=replace(owner.process, start="0"))


def elsewhere(owner: Owner) -> Owner:
    """Return an owner of another host, of which nothing can be told here."""
    return replace(owner, process=replace(owner.process, boot="another"), machine="")


def put_stack(config: pytest.Config) -> FakeEngine:
    """Give a session an engine in memory, as the fixture `foodtrucks_engine` gives it a real one."""
    engine = FakeEngine()
    config.stash[STACK] = Stack(
        engine, settings_of(config), progress=Progress(None), session=new_session(), worker=worker_id(config)
    )
    return engine
