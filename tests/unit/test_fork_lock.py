"""A lock of threads in a forked process."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from fakes.engine import FakeEngine
from fakes.session import new_stack
from pytest_foodtrucks.engine.fork_lock import ForkLock
from pytest_foodtrucks.errors import FoodtrucksError
from pytest_foodtrucks.stacks.on_demand import OnDemand

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
"""Python warns of a fork where there are threads, which is what is tried here."""


def in_a_forked_child(call: Callable[[], object]) -> bool:
    """Tell whether a function returns in a forked process, soon."""
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # ends it
        try:
            call()
        except BaseException:  # noqa: BLE001 - the child is to leave no trace
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@contextmanager
def held(block: Callable[[Event, Event], object]) -> Iterator[None]:
    """Run something in a thread that stays there as long as this block."""
    there, leave = Event(), Event()
    thread = Thread(target=block, args=(there, leave))
    thread.start()
    assert there.wait(10)
    try:
        yield
    finally:
        leave.set()
        thread.join()


def use(lock: ForkLock) -> None:
    """Have a lock for a moment."""
    with lock:
        pass


def test_a_forked_child_has_it_though_a_thread_of_its_parent_has_it() -> None:
    lock = ForkLock()

    def hold(there: Event, leave: Event) -> None:
        with lock:
            there.set()
            leave.wait(60)

    with held(hold):
        assert in_a_forked_child(lambda: use(lock))


def test_a_child_that_is_forked_within_a_block_leaves_it() -> None:
    lock = ForkLock()

    def fork_within() -> None:
        with lock:
            child = os.fork()
        if child == 0:
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    assert in_a_forked_child(fork_within)


def test_one_thread_at_a_time_has_it() -> None:
    lock, seen = ForkLock(), list[str]()

    def hold(there: Event, leave: Event) -> None:
        with lock:
            there.set()
            leave.wait(60)
            seen.append("first")

    def follow() -> None:
        with lock:
            seen.append("second")

    second = Thread(target=follow)
    with held(hold):
        second.start()
    second.join()
    assert seen == ["first", "second"]


def test_a_thing_on_demand_is_had_in_a_forked_child_though_a_thread_was_starting_it() -> None:
    first = Event()

    @contextmanager
    def start() -> Iterator[str]:
        if not first.is_set():
            first.set()
            leaving.wait(60)
        yield "thing"

    leaving, demand = Event(), OnDemand(start, alive=lambda _: True)
    starting = Thread(target=demand.get)
    starting.start()
    first.wait(10)
    assert in_a_forked_child(demand.get)
    leaving.set()
    starting.join()


def test_a_forked_child_doesnt_wait_for_an_image_that_a_thread_of_its_parent_fetches() -> None:
    stack = new_stack(FakeEngine())
    begun, go_on = Event(), Event()

    def slow(name: str) -> str:
        begun.set()
        go_on.wait(60)
        return name

    fetching = Thread(target=stack._once, args=("busybox", lambda: slow("busybox")))  # noqa: SLF001 - what is tried
    fetching.start()
    begun.wait(10)

    def ask() -> None:
        with pytest.raises(FoodtrucksError, match="was forked"):
            stack._once("busybox", lambda: "")  # noqa: SLF001 - likewise

    assert in_a_forked_child(ask)
    go_on.set()
    fetching.join()
