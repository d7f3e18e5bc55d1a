"""The commands behind ./run, which has seen to .venv before."""

import fcntl
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pytest_foodtrucks.engine.engine import Engine
from pytest_foodtrucks.errors import FoodtrucksError

from . import checks, environment, release
from .demo import demo
from .docker_engine import docker_host, ready_engine
from .downloads import cache_folder
from .environment import Images
from .images.choice import ready_images
from .setup_error import SetupError
from .steps import step, tell
from .test_tools import ready_test_tools

ROOT = Path(__file__).parent.parent
ENVIRONMENT = ROOT / ".foodtrucks.env"


def main(arguments: Sequence[str]) -> int:
    """Run a command of ./run; return the exit code."""
    began = time.monotonic()
    match arguments:
        case ["lint" | "docs" | "release-check" as name, *options]:
            return checks.summed_up(_without_engine(name, options), began)
        case ["setup", *options]:
            set_up(ask_again="--registry" in options)
            tell(f"[setup] ready ({time.monotonic() - began:.1f} s)")
            return 0
        case ["demo"]:
            engine, images = set_up()
            return demo(ROOT, engine, images, environment.read(ENVIRONMENT))
        case ["screenshot"]:
            set_up()
            ready_test_tools()
            taken = checks.run(
                "screenshot", "pytest", "tests/screenshot", folder=ROOT, environ=environment.read(ENVIRONMENT)
            )
            return checks.summed_up([taken], began)
        case ["tests", *options]:
            set_up()
            ready_test_tools()
            environ = environment.read(ENVIRONMENT)
            everything = "--all" in options
            if everything:
                environ[checks.ALL] = "1"
            outcomes = checks.lint_and_tests(ROOT, environ, coverage=everything or "--coverage" in options)
            return checks.summed_up(outcomes, began)
        case ["soak", *options]:
            if options and "--help" not in options:
                set_up()
                ready_test_tools()
            soak = checks.run("soak", "soak", *options, folder=ROOT, environ=environment.read(ENVIRONMENT))
            return 0 if soak.ok else 1
    raise SetupError(f"There is no command {' '.join(arguments)!r}. See ./run for those that there are.")


def _without_engine(name: str, options: Sequence[str]) -> list[checks.Outcome]:
    """Run a command that needs neither engine nor images."""
    match name:
        case "lint":
            return checks.lint(ROOT)
        case "docs":
            return checks.docs(ROOT, links="--links" in options)
        case _:
            return release.check(ROOT)


def set_up(*, ask_again: bool = False) -> tuple[Engine, Images]:
    """See that an engine answers and has the images, and write where a shell finds them."""
    cache = cache_folder()
    with _alone(cache):
        engine = ready_engine()
        before = environment.read(ENVIRONMENT).get("FOODTRUCKS_ES_IMAGE")
        images = ready_images(engine, cache, before=before, ask_again=ask_again)
        with step("environment") as say:
            environment.write(ENVIRONMENT, environment.variables(images, docker_host=docker_host(engine)))
            say(ENVIRONMENT.name)
    return engine, images


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Keep a second set-up waiting, whichever copy of the repository it belongs to."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("[setup] waiting for another set-up to end ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except (SetupError, FoodtrucksError) as error:
        tell(f"[setup] {error}")
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.stdout.flush()
    sys.exit(code)
