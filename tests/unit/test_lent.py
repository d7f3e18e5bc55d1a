"""The stack that `foodtrucks run` lends to the pytest that is its program."""

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.engine import FakeEngine
from fakes.machine import Clock
from fakes.session import keep, settings
from fakes.things import Thing
from pytest_foodtrucks.containers.progress import Progress
from pytest_foodtrucks.engine.labels import OWNER_LABEL, SESSION_LABEL
from pytest_foodtrucks.errors import DefinitionError, StartError
from pytest_foodtrucks.services.access import AccessFolder, Keys, Password
from pytest_foodtrucks.services.definitions import define
from pytest_foodtrucks.services.network_part import throwaway_network
from pytest_foodtrucks.services.service import Service
from pytest_foodtrucks.sessions.session import Session
from pytest_foodtrucks.stacks.lent_stack import LentStack, borrow_stack, borrowed_stack
from pytest_foodtrucks.stacks.opening import begin_on_engine, end_session
from pytest_foodtrucks.stacks.parts import shared
from pytest_foodtrucks.stacks.stack import PartLabel, Stack


class Lender:
    """`foodtrucks run`: a session with a stack, and the sessions of its program."""

    def __init__(self, state: Path) -> None:
        self.engine = FakeEngine()
        self.state = state
        self.said = io.StringIO()
        self.stack = self.stack_of(Session.begin(state))
        self.stack.lend()

    @property
    def id(self) -> str:
        """What FOODTRUCKS_STACK says."""
        return self.stack.session.id

    def stack_of(self, session: Session, worker: str | None = None) -> Stack:
        """Return the stack of a session, or of one of its workers."""
        return Stack(self.engine, settings(), progress=Progress(self.said), session=session, worker=worker)

    def borrower(self) -> Stack:
        """Return the stack of a session that borrows this one."""
        session = Session.begin(self.state)
        assert borrow_stack(session, self.engine, self.id) is not None
        return self.stack_of(session)

    def lend(self, thing: Thing) -> None:
        """Start something before the program begins."""
        with shared(self.stack, thing):
            pass


@pytest.fixture
def lender(tmp_path: Path) -> Iterator[Lender]:
    """Return a session that lends its stack."""
    lender = Lender(tmp_path)
    yield lender
    lender.stack.close()


# what is taken over


def test_what_is_the_same_is_taken_over_also_what_could_not_be_kept(lender: Lender) -> None:
    lender.lend(Thing(why_not_kept="it has no lid"))
    thing = Thing(why_not_kept="it has no lid")
    with shared(lender.borrower(), thing) as value:
        assert value == "it"
    assert thing.done == ["take over"]
    assert lender.said.getvalue() == "foodtrucks: the thing is taken over from `foodtrucks run`\n"


def test_all_workers_of_the_session_have_it(lender: Lender) -> None:
    lender.lend(Thing())
    session = lender.borrower().session
    for worker in ("gw0", "gw1"):
        thing = Thing()
        with shared(lender.stack_of(session, worker), thing):
            assert "start" not in thing.done


@pytest.mark.parametrize(
    ("thing", "reason"),
    [(Thing({"command": "other"}), "its command changed"), (Thing(well=False), "it is exited")],
    ids=["another", "unwell"],
)
def test_what_cant_be_taken_over_is_an_error_and_stays(lender: Lender, thing: Thing, reason: str) -> None:
    lender.lend(Thing())
    thing.done.clear()
    told = f"`foodtrucks run`.*: {reason}. Remedy: .*unset FOODTRUCKS_STACK"
    with pytest.raises(StartError, match=told), shared(lender.borrower(), thing):
        pass
    assert thing.done == []


def test_what_the_stack_lacks_is_started_and_not_lent_to_the_next_session(lender: Lender) -> None:
    for _ in range(2):
        thing, stack = Thing(), lender.borrower()
        with shared(stack, thing):
            assert thing.done == ["clear", "start"]
        end_session(stack, stack.session, settings(), lambda: Progress(None))
        lender.engine.closed = False
    assert lender.stack.lent is not None
    assert list(lender.stack.lent.records()) == []


# networks and services


def started(stack: Stack, alias: str) -> Service:
    """Start a service as a fixture does, on the network of `foodtrucks_net`; both outlive this."""
    with throwaway_network(stack, shared_as="foodtrucks_net") as network:
        definition = define({"image": "busybox", "ready": lambda _: None}, alias=alias, folder=Path())
        with network.running(definition, Service, shared=True) as service:
            return service


def test_a_service_is_borrowed_and_what_the_session_adds_goes_with_it_alone(lender: Lender) -> None:
    lent = started(lender.stack, "es")
    lenders = {*lender.engine.containers}, {*lender.engine.networks}
    stack = lender.borrower()
    assert started(stack, "es").container.id == lent.container.id
    added = started(stack, "cache").container.id
    labels = lender.engine.containers[added]["Config"]["Labels"]
    assert labels[SESSION_LABEL] == stack.session.id
    assert labels[OWNER_LABEL] == stack.session.owner_label
    end_session(stack, stack.session, settings(), lambda: Progress(None))
    assert ({*lender.engine.containers}, {*lender.engine.networks}) == lenders


def test_the_alias_of_a_lent_service_is_taken_even_where_nobody_asks_for_it(lender: Lender) -> None:
    started(lender.stack, "es")
    told = "'es' belongs to the service 'es' of the stack of `foodtrucks run`"
    with (
        throwaway_network(lender.borrower(), shared_as="foodtrucks_net") as network,
        pytest.raises(DefinitionError, match=told),
        network.service(image="busybox", aliases=["es"], ready=lambda _: None),
    ):
        pass


def test_the_alias_of_a_kept_service_too(tmp_path: Path) -> None:
    lender = Lender(tmp_path)
    stacks = []
    for _ in range(2):
        session = Session.begin(tmp_path)
        kept = keep(session, lender.engine)
        stacks.append(lender.stack_of(session))
        stacks[-1].keeps_all = True
        if len(stacks) == 1:
            started(stacks[0], "es")
            kept.release()
    told = "'es' belongs to the service 'es' of the kept stack"
    with (
        throwaway_network(stacks[1], shared_as="foodtrucks_net") as network,
        pytest.raises(DefinitionError, match=told),
        network.service(image="busybox", aliases=["es"], ready=lambda _: None),
    ):
        pass


def test_the_keys_of_a_lent_service_are_read_where_the_lender_has_them(lender: Lender) -> None:
    part = PartLabel("es")
    AccessFolder(lender.stack, part).write(Keys("me", Password("hunter2")))
    assert lender.stack.lent is not None
    lender.stack.lent.write("es", {"name": "es", "value": {}})
    stack = lender.borrower()
    assert AccessFolder(stack, part).read().auth == ("me", "hunter2")
    assert AccessFolder(stack, PartLabel("own")).folder.parent == stack.session.folder


# whose it is


def test_one_session_at_a_time_has_it_and_the_next_one_after_its_end(lender: Lender) -> None:
    first = lender.borrower()
    clock, session = Clock(), Session.begin(lender.state)
    assert borrow_stack(session, lender.engine, lender.id, clock=clock, sleep=clock.sleep) is None
    assert borrowed_stack(session) is None
    end_session(first, first.session, settings(), lambda: Progress(None))
    assert lender.borrower().borrowed is not None


def end(lender: Lender) -> None:
    lender.stack.session.end()


def remove(lender: Lender) -> None:
    shutil.rmtree(lender.stack.session.folder / "lent")


def move(lender: Lender) -> None:
    lender.engine.identity = "another engine"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (end, "has ended, or it has another state folder"),
        (remove, "isn't there"),
        (move, "this session's engine is at"),
    ],
)
def test_a_stack_that_is_not_there_is_told_with_a_remedy(
    lender: Lender, change: Callable[[Lender], None], reason: str
) -> None:
    change(lender)
    with pytest.raises(StartError, match=f"FOODTRUCKS_STACK names the stack {lender.id}.*{reason}.* Remedy: unset"):
        borrow_stack(Session.begin(lender.state), lender.engine, lender.id)


def test_a_name_that_leads_elsewhere_is_no_stack(lender: Lender, tmp_path: Path) -> None:
    elsewhere = LentStack(tmp_path, f"../runs/{lender.id}")
    with pytest.raises(StartError, match="isn't there"):
        elsewhere.refuse_unusable(lender.engine)


def test_the_lenders_end_leaves_nothing_for_the_borrower_to_write_to(lender: Lender) -> None:
    stack = lender.borrower()
    lender.stack.session.end()
    assert stack.borrowed is not None
    stack.borrowed.give_back(stack.session)
    assert not lender.stack.session.folder.exists()


class Unwatched:
    """A session's watchdog that nobody needs."""

    def see(self, *_: object) -> None:
        """Start none."""


def test_a_session_that_finds_it_in_use_gets_a_stack_of_its_own_and_says_so(lender: Lender) -> None:
    lender.borrower()
    session, said = Session.begin(lender.state), list[str]()
    watching: Any = Unwatched()
    begin_on_engine(lender.engine, session, watching, project=None, say=said.append, borrows=lender.id)
    assert said == ["another session has the stack of `foodtrucks run` now; this one gets a stack of its own"]
    assert lender.stack_of(session).borrowed is None
