"""What a command writes down of the stack that it started, beside what the engine knows of it by labels."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.errors import StateError
from pytest_foodtrucks.services.service import Service
from pytest_foodtrucks.sessions.state_folder import read_json, write_json

if TYPE_CHECKING:
    from pytest_foodtrucks.fixtures.stack_session import StandingStack
    from pytest_foodtrucks.stacks.stack import Stack

_FILE: Final = "shown"
"""In the folder of a kept stack or a session; without the ending that the records of parts have."""


@dataclass(frozen=True, kw_only=True)
class ServiceRecord:
    """A service: its ports, and who may ask it, where it has security.

    `scheme` is what its URL begins with; None where nobody told what the service speaks.
    """

    scheme: str | None = None
    ports: tuple[int, ...] = ()
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None


@dataclass(frozen=True, kw_only=True)
class StackRecord:
    """A stack: whose it is, which subcommand started it, and its services, once all are ready."""

    project: str
    command: str
    services: Mapping[str, ServiceRecord] | None = None

    @property
    def is_complete(self) -> bool:
        """Tell whether all its services were ready."""
        return self.services is not None


NO_RECORD: Final = StackRecord(project="", command="pytest")
"""Of a stack that no subcommand started."""


def folder_of(stack: "Stack") -> Path:
    """Return the folder of a stack's record."""
    return stack.session.folder if stack.kept_stack is None else stack.kept_stack.folder


def begin_record(stack: "Stack", project: str, command: str) -> None:
    """Write down whose a stack is, before anything of it is started."""
    write_stack_record(folder_of(stack), StackRecord(project=project, command=command))


def write_record(standing: "StandingStack", command: str) -> None:
    """Write down what stands now."""
    services = [value for value in standing.values.values() if isinstance(value, Service)]
    records = {service.alias: _record_of(service) for service in services}
    stack = StackRecord(project=standing.project, command=command, services=records)
    write_stack_record(folder_of(standing.stack), stack)


def _record_of(service: "Service") -> ServiceRecord:
    inside = service.__foodtrucks__
    auth, ca_file = getattr(service, "auth", None), getattr(service, "ca_file", None)
    user, password = auth if auth is not None else (None, None)
    return ServiceRecord(
        scheme=inside.speaks,
        ports=tuple(inside.container_ports),
        user=user,
        password=password,
        ca_file=None if ca_file is None else str(ca_file),
    )


def write_stack_record(folder: Path, record: StackRecord) -> None:
    """Write the record of the stack of a folder, for this user alone."""
    write_json(folder / _FILE, asdict(record))


def read_record(folder: Path) -> StackRecord:
    """Read the record of a stack; one that says nothing where none can be read."""
    try:
        about: dict[str, Any] = dict(read_json(folder / _FILE))
        services = about.pop("services")
        known = None if services is None else {alias: _service(each) for alias, each in services.items()}
        return StackRecord(**about, services=known)
    except (OSError, StateError, TypeError, KeyError, AttributeError):
        return NO_RECORD


def _service(about: Mapping[str, Any]) -> ServiceRecord:
    return ServiceRecord(**{**about, "ports": tuple(about["ports"])})
