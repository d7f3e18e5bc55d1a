"""What hostile tests do: copied into the suites of `./run soak hostile`, whose sessions do it in their own process."""

import ctypes
import gc
import importlib.util
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_LONG: Final = 15.0
"""Seconds for which children, threads and what was exec'd go on: longer than anything may be left."""
_SHORT: Final = 2.0
_PR_SET_NAME: Final = 15


@dataclass
class Here:
    """Where a deed is done.

    `stack` is the plugin's, `store` a service and `net` its network. `owner` is the process of the session that owns
    them, `home` the suite's folder. `foreign` are files of the test's own that must stay as they are.
    """

    stack: Any
    store: Any
    net: Any
    home: Path
    owner: int
    pid: int = field(default_factory=os.getpid)
    foreign: list[tuple[int, Path]] = field(default_factory=list)
    made: int = 0

    @property
    def state(self) -> Path:
        """The session's state folder."""
        return Path(self.stack.run.state)

    @property
    def run(self) -> Path:
        """The session's own folder in it."""
        return Path(self.stack.run.folder)

    def new(self, what: str) -> Path:
        """Return a path in the suite's folder that nothing has yet."""
        self.made += 1
        return self.home / f"{what}-{self.pid}-{self.made}"

    def do(self, name: str) -> None:
        """Do a deed; nothing in a forked child."""
        if os.getpid() == self.pid:
            self.note("did", deed=name)
            DEEDS[name].do(self)

    def note(self, kind: str, **about: object) -> None:
        """Write a line for the one who judges; nothing in a forked child, nor where the file can't be reached now."""
        if os.getpid() == self.pid:
            with suppress(OSError), (self.home / "notes.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({"kind": kind, "owner": self.owner, **about}) + "\n")

    def note_needs(self) -> None:
        """Note that the session needs its things until now."""
        kept = None if self.stack.kept is None else self.stack.kept.id
        self.note("needs", network=self.net.id, containers=[self.store.container.id], until=time.time(), kept=kept)

    def check(self) -> None:
        """See that the store still answers, and that the test's own files are open and as they were written."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"{self.store.url}/menu", timeout=20) as answer:
            words = answer.read().split()
        if words != [b"taco"] * len(words) or not words:
            raise AssertionError(f"the store answered {words!r}")
        for descriptor, path in self.foreign:
            if not _is_open_as(descriptor, path):
                self.note("closed", path=str(path), descriptor=descriptor)


def _is_open_as(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


@dataclass(frozen=True)
class Deed:
    """A deed, and what it implies.

    `codes` are the exit codes with that a session without workers may end after it. `last` tells that nothing comes
    after it there; `alone` that workers would break by it. `loses_lease` and `kills_watchdog` tell what can't be relied
    on any more, if the session is then killed. `mutes` tells that pytest itself can't write its report any more.
    """

    do: Callable[[Here], object]
    codes: tuple[int, ...] = (0,)
    last: bool = False
    alone: bool = False
    loses_lease: bool = False
    kills_watchdog: bool = False
    mutes: bool = False


# files and descriptors


def _read_state(here: Here) -> None:
    import fcntl  # noqa: PLC0415 - one deed's own

    link = here.new("link")
    link.symlink_to(here.state)
    for folder in (here.state, link):
        with suppress(shutil.Error, OSError):  # files come and go there
            shutil.copytree(folder, here.new("read"))
        for path in folder.rglob("*"):
            with suppress(OSError), path.open("rb+") as file:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                file.read()


def _read_state_on_and_on(here: Here) -> None:
    def read() -> None:
        until = time.monotonic() + _LONG / 2
        while time.monotonic() < until:
            for path in here.state.rglob("*"):
                with suppress(OSError):
                    path.read_bytes()
            time.sleep(0.1)

    threading.Thread(target=read).start()


def _close_range(here: Here) -> None:
    os.closerange(3, 1000)
    _open_foreign(here)


def _open_foreign(here: Here) -> None:
    folder = here.home / "foreign"
    folder.mkdir(exist_ok=True)
    for _ in range(30):
        path = folder / here.new("file").name
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.write(descriptor, path.name.encode())  # which is all that may ever be in it
        here.foreign.append((descriptor, path))


def _close_streams(_: Here) -> None:
    for descriptor in range(3):
        with suppress(OSError):
            os.close(descriptor)


def _close_streams_for_files(here: Here) -> None:
    _close_streams(here)
    for _ in range(3):
        os.open(os.devnull, os.O_RDWR)


def _few_descriptors(_: Here) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def _few_rights(_: Here) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))


def _no_writing(here: Here) -> None:
    """Let nothing be written while a service starts and stops."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        with suppress(RuntimeError, OSError), own_service(here):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


@contextmanager
def own_service(here: Here) -> Iterator[None]:
    """Have one more service of the test's own."""
    here.made += 1
    with here.net.service(
        image=here.store.container.image, command=["sleep", "600"], aliases=[f"own-{here.pid}-{here.made}"]
    ):
        yield


# processes


def _forked(child: Callable[[], object]) -> None:
    """Fork, and let the child do something and end."""
    if os.fork() == 0:
        try:
            child()
        finally:
            os._exit(0)


def _fork_and_return(_: Here) -> None:
    if os.fork() == 0:
        raise SystemExit


def _fork_and_exit(here: Here) -> None:
    _forked(lambda: os.closerange(0, 1000))
    with suppress(OSError):
        _forked(lambda: shutil.copytree(here.state, here.new("read-by-child")))


def _fork_for_long(_: Here) -> None:
    _forked(lambda: time.sleep(_LONG))


def _daemonise(_: Here) -> None:
    def daemon() -> None:
        os.setsid()
        _forked(lambda: time.sleep(_LONG))

    _forked(daemon)


def _multiprocess(here: Here) -> None:
    process = multiprocessing.get_context("fork").Process(target=_read_state, args=[here])
    process.start()
    process.join()


def _inherit(_: Here) -> None:
    subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({_LONG})"], close_fds=False)


_SLEEPING: Final = """
import json, sys, time
time.sleep({seconds})
if {needs}:
    with open({notes!r}, "a") as file:
        file.write(json.dumps({{**{needs}, "until": time.time()}}) + "\\n")
"""


def _exec(here: Here) -> None:
    needs = {"kind": "needs", "network": here.net.id, "containers": [here.store.container.id], "owner": here.owner}
    needs = needs if here.pid == here.owner else {}
    code = _SLEEPING.format(seconds=_SHORT, needs=needs, notes=str(here.home / "notes.jsonl"))
    os.execv(sys.executable, [sys.executable, "-c", code])  # noqa: S606 - a shell isn't wanted


def _rename(_: Here) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_NAME, b"a) Z 1 (b", 0, 0, 0)


def _thread(_: Here) -> None:
    threading.Thread(target=time.sleep, args=[_LONG / 2]).start()


# the session's environment


def _change_folder(_: Here) -> None:
    os.chdir("/")


def _change_into_removed(here: Here) -> None:
    folder = here.new("removed")
    folder.mkdir()
    os.chdir(folder)
    folder.rmdir()


def _mask(_: Here) -> None:
    os.umask(0o777)


def _be_nobody(_: Here) -> None:
    os.setgid(65534)
    os.setuid(65534)


def _change_root(here: Here) -> None:
    root = here.new("root")
    root.mkdir()
    os.chroot(root)


def _scrub(_: Here) -> None:
    os.environ.clear()


def _drop_modules(_: Here) -> None:
    gc.freeze()
    for name in [name for name in sys.modules if name.partition(".")[0] == "pytest_foodtrucks"]:
        sys.modules.pop(name)


_PLUGIN: Final = """
from pytest_foodtrucks import service
by_hand = service(image="unused", command=["sleep", "1"])
"""


def _load_plugin(here: Here) -> None:
    exec(compile(_PLUGIN, "<string>", "exec"), {})  # noqa: S102 - it is the deed
    path = here.new("plugin").with_suffix(".py")
    path.write_text(_PLUGIN, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("by_hand", path)
    assert spec is not None  # noqa: S101 - for the type checker
    assert spec.loader is not None  # noqa: S101 - for the type checker
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


# signals


def _send(name: str) -> Callable[[Here], None]:
    def send(here: Here) -> None:
        os.kill(here.owner, signal.Signals[name])
        time.sleep(_SHORT)

    return send


def _stop_for_a_while(here: Here) -> None:
    script = f"kill -STOP {here.owner}; sleep {_SHORT}; kill -CONT {here.owner}"
    subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True)
    time.sleep(_SHORT / 2)


def _ignore_children(_: Here) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def _die_of_pipes(_: Here) -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def _exit_at_once(_: Here) -> None:
    os._exit(7)


def _crash(_: Here) -> None:
    ctypes.string_at(0)


def _watchdogs(here: Here) -> Iterator[int]:
    """Yield the session's watchdogs."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"watchdog.py\0{here.run}\0".encode() in (entry / "cmdline").read_bytes():
                yield int(entry.name)


def _kill_watchdog(here: Here) -> None:
    for pid in _watchdogs(here):
        here.note("killed", watchdog=pid)
        with suppress(ProcessLookupError):  # it has ended
            os.kill(pid, signal.SIGKILL)


def _kill_both(here: Here) -> None:
    _kill_watchdog(here)
    os.kill(here.owner, signal.SIGKILL)
    time.sleep(_SHORT)


# the state folder


def _copied(here: Here) -> Path:
    copy = here.new("copy")
    with suppress(shutil.Error):  # files come and go there
        shutil.copytree(here.state, copy)
    return copy


_INNER: Final = """
from conftest import IMAGE
from pytest_foodtrucks import service
inner = service(image=IMAGE, command=["sleep", "600"])
def test_inner(inner):
    assert inner.container.ip
"""


def _inner_suite(here: Here) -> list[str]:
    """Write a suite beside the session's, and return the arguments for it."""
    folder = here.new("inner")
    folder.mkdir()
    shutil.copy2(here.home / "conftest.py", folder)
    (folder / "test_inner.py").write_text(_INNER, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return ["-q", "-s", "-p", "no:cacheprovider", f"--rootdir={folder}", f"-c{folder}/pytest.ini", str(folder)]


def _session_on_copy(here: Here) -> None:
    command = [sys.executable, "-m", "pytest", *_inner_suite(here), f"--foodtrucks-state-dir={_copied(here)}"]
    subprocess.run(command, cwd=here.home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def _prune_on_copy(here: Here) -> None:
    command = [sys.executable, "-m", "pytest_foodtrucks", "prune", f"--state-dir={_copied(here)}"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def _linked(here: Here) -> Path:
    link = here.new("link")
    link.symlink_to(here.state)
    return link


def _session_inside(here: Here) -> None:
    import pytest  # noqa: PLC0415 - the table of deeds is read where there is none

    code = pytest.main([*_inner_suite(here), "-p", "no:xdist", f"--foodtrucks-state-dir={_linked(here)}"])
    if code != 0:
        raise AssertionError(f"the inner session ended with {code!r}")


def _prune_inside(here: Here) -> None:
    from pytest_foodtrucks import cli  # noqa: PLC0415 - the suites' own interpreter has it

    code = cli.main(["prune", f"--state-dir={_linked(here)}"])
    if code != 0:
        raise AssertionError(f"prune ended with {code}")


def _remove_runs(here: Here) -> None:
    shutil.rmtree(here.state / "runs", ignore_errors=True)


def _remove_state(here: Here) -> None:
    shutil.rmtree(here.state, ignore_errors=True)


def _replace_lease(here: Here) -> None:
    for lease in here.state.glob("runs/*/lease"):
        with suppress(OSError):  # its run ended
            shutil.copy2(lease, lease.with_name("copy"))
            lease.with_name("copy").replace(lease)


def _shut_state(here: Here) -> None:
    here.state.chmod(0)


def _commit(here: Here) -> None:
    """Run a container from an image of ours, which has our labels and isn't ours; it must live on."""
    api = here.stack.engine.api
    image = api.commit(here.store.container.id)["Id"]
    other = api.create_container(image, ["sleep", "600"])["Id"]
    api.start(other)
    here.note("foreign container", container=other, image=image)


DEEDS: Final = {
    "reads, locks and closes the state folder's files": Deed(_read_state),
    "reads them on and on in a thread": Deed(_read_state_on_and_on),
    "closes all descriptors, opens files of its own": Deed(_close_range, alone=True),
    "opens files of its own": Deed(_open_foreign),
    "closes the standard streams": Deed(_close_streams, (0, 1, 2, 3, 120), alone=True, mutes=True),
    "opens /dev/null in place of the standard streams": Deed(_close_streams_for_files, alone=True, mutes=True),
    "64 descriptors at most": Deed(_few_descriptors),
    "no core file, one process at most": Deed(_few_rights),
    "no byte may be written while a service starts": Deed(_no_writing),
    "forks; the child goes on with pytest": Deed(_fork_and_return, alone=True),
    "forks; the child closes all and exits": Deed(_fork_and_exit),
    "forks; the child runs for long": Deed(_fork_for_long),
    "forks a daemon": Deed(_daemonise),
    "multiprocessing with fork": Deed(_multiprocess),
    "starts a program that inherits all descriptors": Deed(_inherit),
    "renames its process": Deed(_rename),
    "has a thread that goes on": Deed(_thread),
    "changes its folder": Deed(_change_folder),
    "changes into a removed folder": Deed(_change_into_removed),
    "umask 0777": Deed(_mask),
    "clears the environment": Deed(_scrub),
    "drops our modules": Deed(_drop_modules),
    "execs and loads a plugin by hand": Deed(_load_plugin),
    "is stopped for a while": Deed(_stop_for_a_while),
    "ignores SIGCHLD": Deed(_ignore_children),
    "SIGPIPE's default": Deed(_die_of_pipes),
    "kills the watchdog": Deed(_kill_watchdog, kills_watchdog=True),
    "runs a session with a copy of the state folder": Deed(_session_on_copy),
    "prunes with a copy of the state folder": Deed(_prune_on_copy),
    "runs a session in its process, by another path": Deed(_session_inside),
    "prunes in its process, by another path": Deed(_prune_inside),
    "removes the runs' folders": Deed(_remove_runs, (0, 1), loses_lease=True),
    "removes the state folder": Deed(_remove_state, (0, 1), loses_lease=True),
    "replaces the leases by copies": Deed(_replace_lease, loses_lease=True),
    "chmod 000 of the state folder": Deed(_shut_state),
    "runs an image made of our container": Deed(_commit),
    "becomes nobody": Deed(_be_nobody, (0, 1), last=True),
    "changes its root": Deed(_change_root, (0, 1, 3), last=True, mutes=True),
    "execs another program": Deed(_exec, (0,), last=True),
    "os._exit": Deed(_exit_at_once, (7,), last=True),
    "crashes": Deed(_crash, (-signal.SIGSEGV,), last=True),
    "SIGTERM": Deed(_send("SIGTERM"), (-signal.SIGTERM,), last=True),
    "SIGHUP": Deed(_send("SIGHUP"), (-signal.SIGHUP,), last=True),
    "Ctrl-C": Deed(_send("SIGINT"), (2,), last=True),
    "SIGKILL": Deed(_send("SIGKILL"), (-signal.SIGKILL,), last=True),
    "kills the watchdog and itself": Deed(_kill_both, (-signal.SIGKILL,), last=True, kills_watchdog=True),
}
