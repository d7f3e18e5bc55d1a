"""Who may ask an Elasticsearch: the tests' own user, as files of the node, and users and API keys of one test."""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from pytest_foodtrucks.clock import monotonic, sleep
from pytest_foodtrucks.containers.archives import Packed
from pytest_foodtrucks.errors import FoodtrucksError, NotInTime
from pytest_foodtrucks.services.access import Password
from pytest_foodtrucks.values import Unfit, texts

from .es_contents import Server, reason_of

if TYPE_CHECKING:
    import httpx2

USER: Final = "foodtrucks"
"""The tests' own user, who may do anything. Not `elastic`: its password would have to go into the container."""

UID: Final = 1000
"""The user of Elasticsearch's images; their group is root's."""

CONFIG: Final = "/usr/share/elasticsearch/config"
"""The folder of the configuration in Elasticsearch's images."""

_SECONDS: Final = 30.0
_PAUSE: Final = 0.05
_LACKS: Final = {
    "pattern_capture": (
        "take an image whose server has the module analysis-common, such as the official one: its index for keys "
        "needs it"
    ),
    "license is non-compliant": (
        "its licence has no keys: give environment={'xpack.license.self_generated.type': 'trial'}"
    ),
}
"""What a server lacks that can make no key, by a part of its words."""

_ROUNDS: Final = 1000
"""The fewest that Elasticsearch has a name for (pbkdf2_1000): a random password of 256 bits needs no slow hash."""


def roles(value: Any) -> tuple[str, ...]:
    """Check the names of roles; a file has them between colons, in lines of their own."""
    names = texts(value)
    if any(not re.fullmatch(r"[^\s:,#][^:,\r\n]*", name) for name in names):
        raise Unfit("give names of roles, such as ['viewer']", why=" has one that is no role's name")
    return names


def new_password() -> Password:
    """Return a password that nobody else has."""
    return Password(secrets.token_urlsafe(32))


def files(user: str, password: str) -> list[Packed]:
    """Return the files of the file realm that make a user who may do anything.

    The node reads them when it starts, so it knows the user with its first answer: no index has to be made first, and
    no password comes near the container, but its hash (elastic docs, "File-based user authentication").
    """
    about = {"users": f"{user}:{hashed(password)}\n", "users_roles": f"superuser:{user}\n"}
    return [Packed(name, content.encode(), mode=0o660, uid=UID) for name, content in about.items()]


def hashed(password: str) -> str:
    """Return a password's hash as the file realm has it: PBKDF2 with HMAC-SHA-512, its rounds, salt and 32 bytes."""
    salt = secrets.token_bytes(32)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS, dklen=32)
    return f"{{PBKDF2}}{_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def api_key(server: Server, *, role_descriptors: Mapping[str, Any] | None, expiration: str | None) -> str:
    """Make an API key, and return it as `Elasticsearch(api_key=…)` takes it."""
    asked = {
        "name": f"foodtrucks-{secrets.token_hex(6)}",
        "role_descriptors": role_descriptors,
        "expiration": expiration,
    }
    body = {name: value for name, value in asked.items() if value is not None}
    answer = _asked(server, body).json()
    return base64.b64encode(f"{answer['id']}:{answer['api_key']}".encode()).decode()  # 7.15 and older don't encode it


def _asked(server: Server, body: Mapping[str, Any]) -> "httpx2.Response":
    """Return a server's answer to a wish for a key; FoodtrucksError where it refuses, or gives none."""
    import httpx2  # noqa: PLC0415 - only sessions that start something pay for it

    what = "In Elasticsearch an API key can't be made"
    try:
        answer = server.http.post("/_security/api_key", json=body, timeout=_SECONDS)  # the first one makes an index
    except httpx2.HTTPError as error:
        raise FoodtrucksError(f"{what}: {error}. Remedy: see why it is away.") from error
    if not answer.is_success:
        remedy = next((_LACKS[words] for words in _LACKS if words in answer.text), "mend what it says")
        raise FoodtrucksError(f"{what}: {reason_of(answer)}. Remedy: {remedy}.")
    return answer


class Node(Server, Protocol):
    """A service, as far as users are made in it."""

    @property
    def alias(self) -> str:
        """Its name."""

    def exec(self, argv: Sequence[str], *, input: str, check: bool) -> object:  # noqa: A002 - as a service has it
        """Run a command in its container."""


@contextmanager
def user(
    node: Node, roles: Sequence[str], *, clock: Callable[[], float] = monotonic, sleep: Callable[[float], None] = sleep
) -> Iterator[tuple[str, Password]]:
    """Yield the name and password of a new user with roles, whom the node knows by then, and take the user away.

    Also a file's: the interface for users needs an index of the node's own, which servers of few modules can't make.
    """
    name, password = f"foodtrucks-{secrets.token_hex(6)}", new_password()
    wait = partial(_wait, node, (name, password), clock=clock, sleep=sleep)
    lines = [f"{role}:{name}" for role in roles]
    _in_files(node, _ADD, "\n".join([f"{name}:{hashed(password)}", *lines, ""]))
    try:
        wait(_knows(roles), f"of the roles {', '.join(roles)} that was made")
        yield name, password
    finally:
        _in_files(node, _REMOVE, f"{name}\n")
        wait(_forgot, "that was taken away")


_ADD: Final = """
read -r user && { cat users_roles; cat; } > users_roles.new && mv users_roles.new users_roles
{ cat users; printf '%s\n' "$user"; } > users.new && mv users.new users
"""
_REMOVE: Final = """
read -r user && grep -v "^$user:" users > users.new && mv users.new users
grep -v ":$user$" users_roles > users_roles.new && mv users_roles.new users_roles
"""
"""The node never sees half a file: a file's new content takes its place as a whole."""

_ALONE: Final = f"""set -e
cd "${{ES_PATH_CONF:-{CONFIG}}}"
until mkdir users.lock 2>/dev/null; do sleep 0.05; done
trap 'rmdir users.lock' EXIT
"""
"""Other workers make users too; each goes on alone, and ends also where its session has ended."""


def _in_files(node: Node, script: str, lines: str) -> None:
    node.exec(["sh", "-c", _ALONE + script], input=lines, check=True)


def _knows(roles: Sequence[str]) -> "Callable[[httpx2.Response], bool]":
    """Return whether an answer is one to a user of these roles: a node reads the file of users before that of roles."""
    return lambda answer: answer.is_success and set(roles) <= {*answer.json()["roles"]}


def _forgot(answer: "httpx2.Response") -> bool:
    return answer.status_code == HTTPStatus.UNAUTHORIZED


def _wait(
    node: Node,
    auth: tuple[str, str],
    wanted: "Callable[[httpx2.Response], bool]",
    who: str,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    """Return when the node answers a user as wanted; it looks at its files from time to time."""
    began = clock()
    while not wanted(answer := node.http.get("/_security/_authenticate", auth=auth)):
        if clock() - began > _SECONDS:
            raise NotInTime(
                f"{node.alias} answers {answer.status_code} to a user {who} {_SECONDS:g} s ago. Remedy: see in its log "
                "why it doesn't read its files users and users_roles."
            )
        sleep(_PAUSE)
